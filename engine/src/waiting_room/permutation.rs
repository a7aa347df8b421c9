//! Numbers to places and back: a permutation of `0..count` that is fixed by a key of 32 bytes.
//!
//! So the places of a million people cost one key, and each is computed when it is asked for. It is the generalised
//! Feistel network of Black and Rogaway ("Ciphers with Arbitrary Finite Domains", 2002), and part of `onsale-draw-1`:
//! nothing in it may change, whoever saved a draw must be able to redo it. With `a` the square root of `count` rounded up
//! and `b = count / a` rounded up, a number is cut into `left = number mod a` and `right = number div a`. Then, eight times,
//! one half is moved by what the other one says:
//!
//! ```text
//! round 0, 2, 4, 6:  left  = (left  + f(round, right)) mod a
//! round 1, 3, 5, 7:  right = (right + f(round, left))  mod b
//! f(round, half) = the first 8 bytes, big-endian, of SHA-256(key ‖ count as u32 ‖ round as u8 ‖ half as u32)
//! ```
//!
//! and `right * a + left` is the place. `a * b` may be a little more than `count`: a result outside goes through again
//! until it is inside, which happens to about one in `sqrt(count)`.
//!
//! `f` has no more than `4 * (a + b)` different values, so all are computed once: 33,000 hashes of one block each for 16
//! million people, 128 kB. A place is then eight look-ups.

use sha2::{Digest, Sha256};

/// The most that can be permuted: above it a half would not fit the table's 16 bits with room to spare, and no waiting
/// room is meant to be larger.
pub const MOST: u32 = 1 << 24;

/// Rounds of the network; half of them move the left side, half the right.
const ROUNDS: usize = 8;

/// See the module.
#[derive(Clone, Debug)]
pub struct Permutation {
    count: u32,
    /// `a`: how many left halves there are.
    lefts: u32,
    /// `b`: how many right halves there are; never more than `lefts`.
    rights: u32,
    /// What `f` says, already reduced, for each round and half; `lefts` entries a round.
    moves: Box<[u16]>,
}

impl Permutation {
    /// The permutation of `0..count` under a key. Takes `8 * sqrt(count)` hashes: about 3 ms for a count of [`MOST`].
    ///
    /// # Panics
    /// If `count` is more than [`MOST`]: whoever counts the registrations refuses them before.
    #[must_use]
    pub fn new(key: &[u8; 32], count: u32) -> Self {
        assert!(count <= MOST, "a permutation of {count}, more than {MOST}");
        let root = count.isqrt();
        let lefts = (root + u32::from(root * root < count)).max(1);
        let rights = count.div_ceil(lefts).max(1);
        let prefix = Sha256::new_with_prefix(key).chain_update(count.to_be_bytes());
        let mut moves = Vec::with_capacity(ROUNDS * lefts as usize);
        for round in 0..=7_u8 {
            let (halves, radix) = if round % 2 == 0 { (rights, lefts) } else { (lefts, rights) };
            moves.extend((0..halves).map(|half| step(&prefix, round, half, radix)));
            moves.resize((usize::from(round) + 1) * lefts as usize, 0);
        }
        Self { count, lefts, rights, moves: moves.into() }
    }

    /// How many are permuted.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The place of a number, both from 0.
    ///
    /// # Panics
    /// If the number is not below the count.
    #[must_use]
    pub fn place(&self, number: u32) -> u32 {
        assert!(number < self.count, "the place of number {number} of {}", self.count);
        let mut at = number;
        loop {
            let (mut left, mut right) = (at % self.lefts, at / self.lefts);
            for round in (0..ROUNDS).step_by(2) {
                left = forth(left, self.says(round, right), self.lefts);
                right = forth(right, self.says(round + 1, left), self.rights);
            }
            at = right * self.lefts + left;
            if at < self.count {
                return at;
            }
        }
    }

    /// The number at a place, both from 0: the inverse of [`Self::place`].
    ///
    /// # Panics
    /// If the place is not below the count.
    #[must_use]
    pub fn number(&self, place: u32) -> u32 {
        assert!(place < self.count, "the number at place {place} of {}", self.count);
        let mut at = place;
        loop {
            let (mut left, mut right) = (at % self.lefts, at / self.lefts);
            for round in (0..ROUNDS).step_by(2).rev() {
                right = back(right, self.says(round + 1, left), self.rights);
                left = back(left, self.says(round, right), self.lefts);
            }
            at = right * self.lefts + left;
            if at < self.count {
                return at;
            }
        }
    }

    #[inline]
    fn says(&self, round: usize, half: u32) -> u32 {
        u32::from(self.moves[round * self.lefts as usize + half as usize])
    }
}

/// One value of `f`. The message has 41 bytes: one block.
fn step(prefix: &Sha256, round: u8, half: u32, radix: u32) -> u16 {
    let hash = prefix.clone().chain_update([round]).chain_update(half.to_be_bytes()).finalize();
    let first = hash.iter().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    // Below the radix, which is at most sqrt(MOST) = 4,096.
    u16::try_from(first % u64::from(radix)).expect("a radix of at most 4,096")
}

/// `half + by`, both below the radix.
#[inline]
fn forth(half: u32, by: u32, radix: u32) -> u32 {
    let sum = half + by;
    if sum < radix { sum } else { sum - radix }
}

/// `half - by`, both below the radix.
#[inline]
fn back(half: u32, by: u32, radix: u32) -> u32 {
    if half < by { half + radix - by } else { half - by }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u32) -> [u8; 32] {
        Sha256::digest(seed.to_be_bytes()).into()
    }

    #[test]
    fn every_number_has_one_place_and_every_place_its_number() {
        for count in (0..=700).chain([4_095, 4_096, 4_097, 65_535, 65_537, 156_000]) {
            let permutation = Permutation::new(&key(count), count);
            let mut taken = vec![false; count as usize];
            for number in 0..count {
                let place = permutation.place(number);
                assert!(place < count && !taken[place as usize], "{number} of {count} at {place}");
                taken[place as usize] = true;
                assert_eq!(permutation.number(place), number, "at {place} of {count}");
            }
        }
    }

    #[test]
    fn the_largest_has_both_directions() {
        let permutation = Permutation::new(&key(1), MOST);
        assert_eq!((permutation.lefts, permutation.rights), (4_096, 4_096));
        for number in (0..MOST).step_by(9_973).chain([MOST - 1]) {
            assert_eq!(permutation.number(permutation.place(number)), number);
        }
    }

    #[test]
    #[should_panic(expected = "more than 16777216")]
    fn one_more_than_the_most_is_a_bug() {
        let _ = Permutation::new(&key(1), MOST + 1);
    }

    /// Place against number in ten by ten cells; 81 degrees of freedom, so 113.5 is exceeded by one in a hundred fair
    /// draws. The keys are fixed: this passes always or never.
    #[test]
    fn early_numbers_are_no_better_off() {
        for (seed, count) in (0..12).zip([1_000, 9_999, 156_000].into_iter().cycle()) {
            let permutation = Permutation::new(&key(seed), count);
            let mut cells = [[0_u32; 10]; 10];
            for number in 0..count {
                let cell = |value: u32| (value * 10 / count) as usize;
                cells[cell(number)][cell(permutation.place(number))] += 1;
            }
            let expected = f64::from(count) / 100.0;
            let chi_square: f64 = cells
                .iter()
                .flatten()
                .map(|observed| (f64::from(*observed) - expected).powi(2) / expected)
                .sum();
            assert!(chi_square < 113.5, "seed {seed}, {count} people: chi-square {chi_square:.1}");
        }
    }

    /// In a room of a few people the network is at its smallest. Over 10,000 keys each of two people is before the other
    /// in half of the draws; five standard deviations are 250.
    #[test]
    fn of_two_people_in_a_small_room_each_is_first_half_the_time() {
        for count in 2..=12_u32 {
            let mut before = vec![0_u32; (count * count) as usize];
            let mut first = vec![0_u32; count as usize];
            for seed in 0..10_000 {
                let permutation = Permutation::new(&key(seed), count);
                let places: Vec<u32> = (0..count).map(|number| permutation.place(number)).collect();
                for (one, place) in (0..).zip(&places) {
                    first[one as usize] += u32::from(*place == 0);
                    for (other, beside) in (0..).zip(&places) {
                        before[(one * count + other) as usize] += u32::from(place < beside);
                    }
                }
            }
            for one in 0..count {
                let fair = f64::from(10_000 / count);
                let off = f64::from(first[one as usize]) - fair;
                assert!(off.abs() < 5.0 * fair.sqrt(), "{one} of {count} was first {}", first[one as usize]);
                for other in (0..count).filter(|other| *other != one) {
                    let times = before[(one * count + other) as usize];
                    assert!(times.abs_diff(5_000) < 250, "{one} before {other} of {count}: {times} times");
                }
            }
        }
    }

    /// Who joined together is torn apart: by chance about two pairs of neighbours stay neighbours.
    #[test]
    fn neighbours_do_not_stay_together() {
        for (seed, count) in [(1, 1_000), (2, 10_000), (3, 156_000)] {
            let permutation = Permutation::new(&key(seed), count);
            let together =
                (1..count).filter(|n| permutation.place(*n).abs_diff(permutation.place(n - 1)) == 1).count();
            assert!(together < 10, "{together} of {count} stay beside who came before them");
        }
    }

    /// One bit of the key, or one person more, and the places have nothing to do with what they were: by chance about one
    /// person keeps their place.
    #[test]
    fn a_bit_of_the_key_moves_everybody() {
        let count = 10_000;
        let permutation = Permutation::new(&key(5), count);
        let same =
            |other: &Permutation| (0..count).filter(|n| permutation.place(*n) == other.place(*n)).count();
        for bit in 0..256 {
            let mut other = key(5);
            other[bit / 8] ^= 1 << (bit % 8);
            let kept = same(&Permutation::new(&other, count));
            assert!(kept < 10, "bit {bit} of the key leaves {kept} in place");
        }
        let kept = same(&Permutation::new(&key(5), count + 1));
        assert!(kept < 10, "one person more leaves {kept} in place");
    }
}
