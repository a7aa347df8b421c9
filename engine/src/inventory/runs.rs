//! Free seats of a row as bits, and the questions asked of them: which runs there are, and where in them a party sits.
//!
//! ```text
//! cells   0 1 2 3 4 5 6 7 8        a cell is a seat, or the one place that stands for a gap (an aisle)
//! free    1 1 0 1 1 1 1 0 1        runs: 0..2, 3..7, 8..9
//! lengths bits 1, 3 and 0          bit L-1 says: there is a run of L; bit 63: of 64 or more
//! ```
//!
//! The lengths answer "does a party of n fit here, and can it leave nobody a lone seat" without looking at the row: it
//! leaves none in a run of n, or at one end of a run of n + 2 and more; in a run of n + 1 it always leaves one.

/// Runs of set bits, as first bit and length, ascending.
#[derive(Debug)]
pub struct Runs<'a> {
    words: &'a [u64],
    from: u32,
}

/// The runs of set bits of a bitmap.
#[must_use]
pub fn runs(words: &[u64]) -> Runs<'_> {
    Runs { words, from: 0 }
}

/// The first set bit at or after `from`.
#[must_use]
pub fn next_set(words: &[u64], from: u32) -> Option<u32> {
    let mut word = (from >> 6) as usize;
    let mut bits = words.get(word)? & (u64::MAX << (from & 63));
    while bits == 0 {
        word += 1;
        bits = *words.get(word)?;
    }
    u32::try_from(word * 64).ok().map(|start| start + bits.trailing_zeros())
}

/// The first clear bit at or after `from`; all bits beyond the last word are clear.
fn next_clear(words: &[u64], from: u32) -> u32 {
    let mut word = (from >> 6) as usize;
    let mut bits = words.get(word).map_or(u64::MAX, |bits| !bits & (u64::MAX << (from & 63)));
    while bits == 0 {
        word += 1;
        bits = words.get(word).map_or(u64::MAX, |bits| !bits);
    }
    u32::try_from(word * 64).unwrap_or(u32::MAX) + bits.trailing_zeros()
}

impl Iterator for Runs<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let start = next_set(self.words, self.from)?;
        let end = next_clear(self.words, start);
        self.from = end;
        Some((start, end - start))
    }
}

/// Which lengths the runs of a bitmap have.
#[must_use]
pub fn lengths(words: &[u64]) -> u64 {
    runs(words).fold(0, |lengths, (_, length)| lengths | 1 << (length.min(64) - 1))
}

/// The lengths in which a party of `n`, 1 to 64, fits; `neat`: without leaving a lone seat. Exact below 63; bit 63 says
/// "perhaps".
#[must_use]
pub fn fitting(n: u32, neat: bool) -> u64 {
    let least = 1_u64 << (n.clamp(1, 64) - 1);
    let or_more = !(least - 1);
    if !neat {
        return or_more;
    }
    // A run of 64 or more is bit 63, whatever it is exactly.
    or_more & !(least << 1) | 1 << 63
}

/// Where in a row of `cells` a party of `n` sits: nearest to the row's centre, of two the first; `neat`: only where it
/// leaves no lone seat at its left or right.
#[must_use]
pub fn place(words: &[u64], cells: u32, n: u32, neat: bool) -> Option<u32> {
    let middle = cells.saturating_sub(n) / 2;
    let mut best: Option<(u32, u32)> = None;
    for (start, length) in runs(words).filter(|(_, length)| *length >= n) {
        let last = start + length - n;
        let nearest = middle.clamp(start, last);
        // At most two places of a run are not neat, so the best is at most two steps from the nearest.
        for at in nearest.saturating_sub(2).max(start)..=(nearest + 2).min(last) {
            consider(&mut best, cells, n, neat, (start, last), at);
        }
    }
    best.map(|(_, at)| at)
}

/// [`place`] among those places only that `good` accepts, tried one by one.
#[must_use]
pub fn place_where(words: &[u64], cells: u32, n: u32, neat: bool, good: impl Fn(u32) -> bool) -> Option<u32> {
    let mut best: Option<(u32, u32)> = None;
    for (start, length) in runs(words).filter(|(_, length)| *length >= n) {
        let last = start + length - n;
        for at in (start..=last).filter(|at| good(*at)) {
            consider(&mut best, cells, n, neat, (start, last), at);
        }
    }
    best.map(|(_, at)| at)
}

fn consider(
    best: &mut Option<(u32, u32)>,
    cells: u32,
    n: u32,
    neat: bool,
    (first, last): (u32, u32),
    at: u32,
) {
    if neat && (at - first == 1 || last - at == 1) {
        return;
    }
    let off = (2 * at + n).abs_diff(cells);
    if best.is_none_or(|(best_off, _)| off < best_off) {
        *best = Some((off, at));
    }
}

/// The first `n` set bits.
pub fn first_bits(words: &[u64], n: usize) -> impl Iterator<Item = u32> {
    runs(words).flat_map(|(start, length)| start..start + length).take(n)
}

/// How many bits are set.
#[must_use]
pub fn count(words: &[u64]) -> u32 {
    words.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mix;

    /// The naive twin: a row as a list of truths, every place tried.
    fn twin(free: &[bool], n: usize, neat: bool) -> Option<u32> {
        let alone =
            |at: usize| free[at] && (at == 0 || !free[at - 1]) && (at + 1 == free.len() || !free[at + 1]);
        let places = (0..(free.len() + 1).saturating_sub(n)).filter(|at| {
            let mut left = free.to_vec();
            left[*at..at + n].fill(false);
            let lone =
                |at: usize| left[at] && (at == 0 || !left[at - 1]) && !left.get(at + 1).unwrap_or(&false);
            let orphaned = |at: usize| lone(at) && !alone(at);
            let sides = [at.checked_sub(1), Some(at + n).filter(|at| *at < free.len())];
            free[*at..at + n].iter().all(|free| *free) && !(neat && sides.into_iter().flatten().any(orphaned))
        });
        places.min_by_key(|at| ((2 * at + n).abs_diff(free.len()), *at)).and_then(|at| u32::try_from(at).ok())
    }

    #[test]
    fn places_and_lengths_agree_with_the_twin() {
        for seed in 0..4_000_u64 {
            let cells = 1 + usize::try_from(mix(seed, 1) % 140).unwrap();
            let density = 1 + mix(seed, 2) % 15;
            let free: Vec<bool> = (0..cells).map(|at| mix(seed, 3 + at as u64) % 16 <= density).collect();
            let mut words = vec![0_u64; cells.div_ceil(64)];
            for at in (0..cells).filter(|at| free[*at]) {
                words[at / 64] |= 1 << (at % 64);
            }
            let lengths = lengths(&words);
            for n in (1..=8).chain([31, 62, 63, 64]) {
                for neat in [false, true] {
                    let wanted = twin(&free, n, neat);
                    let n = u32::try_from(n).unwrap();
                    let cells = u32::try_from(cells).unwrap();
                    assert_eq!(place(&words, cells, n, neat), wanted, "seed {seed}, {n}, neat {neat}");
                    assert_eq!(place_where(&words, cells, n, neat, |_| true), wanted, "seed {seed}");
                    let fits = lengths & fitting(n, neat) != 0;
                    assert!(fits || wanted.is_none(), "seed {seed}: lengths deny a party of {n}");
                    assert!(!fits || wanted.is_some() || lengths >> 63 == 1, "seed {seed}: {n}, {neat}");
                }
            }
        }
    }
}
