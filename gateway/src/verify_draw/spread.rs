//! Whether coming early or late made a difference: places against the order of joining, as a chi-square.
//!
//! The joiners of a lane are cut into ten equal parts by the order in which they came, the places into ten by rank, and
//! each of the hundred pairs should have met equally often. `p` is the share of fair draws that look at least as uneven:
//! of a hundred fair draws one has a `p` below 0.01, so a small one proves nothing by itself. The places are right or
//! wrong by their key; this is for the eye.

use onsale_engine::waiting_room::permutation::Permutation;

/// The most parts on each side.
const PARTS: u32 = 10;

/// A cell should be met so often at least, the usual rule for a chi-square.
const LEAST_EXPECTED: u32 = 5;

/// How the places of a lane lie over its order of joining.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The joiners in equal parts, the first to come first.
    pub parts: Vec<Part>,
    /// The sum over all pairs of parts.
    pub chi_square: f64,
    /// `(parts - 1)^2`
    pub degrees: u32,
    /// The share of fair draws that are at least as uneven.
    pub p: f64,
}

/// One part of the joiners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// How many they are.
    pub count: u32,
    /// Their mean place, from 0; fair is half of the lane.
    pub mean_place: f64,
    /// When the first and the last of them joined, in milliseconds since the epoch, if that is known.
    pub joined_ms: Option<(u64, u64)>,
}

impl Spread {
    /// Looks at a lane; `joined_ms` has the time of each number, or nothing. `None` for fewer than 20, of whom not even
    /// two parts can be made.
    #[must_use]
    pub fn of(permutation: &Permutation, joined_ms: &[u64]) -> Option<Self> {
        let count = permutation.count();
        let parts = (count / LEAST_EXPECTED).isqrt().min(PARTS);
        if parts < 2 {
            return None;
        }
        // At most 2^24 * 10.
        let part_of = |value: u32| value * parts / count;
        let mut sizes = vec![0_u32; parts as usize];
        let mut sums = vec![0_u64; parts as usize];
        let mut met = vec![0_u32; (parts * parts) as usize];
        for number in 0..count {
            let place = permutation.place(number);
            sizes[part_of(number) as usize] += 1;
            sums[part_of(number) as usize] += u64::from(place);
            met[(part_of(number) * parts + part_of(place)) as usize] += 1;
        }
        let mut chi_square = 0.0;
        for (cell, met) in met.iter().enumerate() {
            let (row, column) = (cell / parts as usize, cell % parts as usize);
            let expected = f64::from(sizes[row]) * f64::from(sizes[column]) / f64::from(count);
            chi_square += (f64::from(*met) - expected).powi(2) / expected;
        }
        let mut first = 0_usize;
        let made = sizes.iter().zip(&sums).map(|(size, sum)| {
            let these = joined_ms.get(first..first + *size as usize);
            first += *size as usize;
            Part { count: *size, mean_place: mean(*sum, *size), joined_ms: these.and_then(ends) }
        });
        let degrees = (parts - 1).pow(2);
        Some(Self { parts: made.collect(), chi_square, degrees, p: upper_tail(chi_square, degrees) })
    }
}

/// The sum is below 2^48, so nothing is lost.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn mean(sum: u64, size: u32) -> f64 {
    sum as f64 / f64::from(size)
}

fn ends(times: &[u64]) -> Option<(u64, u64)> {
    Some((*times.first()?, *times.last()?))
}

/// The chance that a chi-square of so many degrees of freedom, at least 1, is `value` or more.
///
/// It is the regularised upper incomplete gamma function of half of both: by its series where that converges fast, else
/// by its continued fraction (Lentz).
#[must_use]
pub fn upper_tail(value: f64, degrees: u32) -> f64 {
    let (a, x) = (f64::from(degrees) / 2.0, value / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma_of_half(degrees)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut step) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-15 {
            step += 1.0;
            term *= x / step;
            sum += term;
        }
        return (1.0 - front * sum).clamp(0.0, 1.0);
    }
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut fraction = d;
    for step in 1..10_000 {
        let an = -f64::from(step) * (f64::from(step) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// The logarithm of gamma at half of a whole number from 1, by its recursion.
fn ln_gamma_of_half(halves: u32) -> f64 {
    let (mut at, mut sum) =
        if halves.is_multiple_of(2) { (1.0, 0.0) } else { (0.5, 0.5 * std::f64::consts::PI.ln()) };
    while at < f64::from(halves) / 2.0 {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From printed tables.
    #[test]
    fn tails_are_those_of_the_tables() {
        for (value, degrees, p) in [
            (3.841_459, 1, 0.05),
            (5.991_465, 2, 0.05),
            (13.276_704, 4, 0.01),
            (26.296_228, 16, 0.05),
            (113.512_41, 81, 0.01),
            (103.009_51, 81, 0.05),
            (80.334_0, 81, 0.5),
            (0.0, 81, 1.0),
            (1e6, 81, 0.0),
        ] {
            let tail = upper_tail(value, degrees);
            assert!((tail - p).abs() < 2e-5, "{value} with {degrees}: {tail}");
        }
    }

    #[test]
    fn parts_are_equal_and_know_their_times() {
        let times: Vec<u64> = (0..1_003).collect();
        let spread = Spread::of(&Permutation::new(&[3; 32], 1_003), &times).unwrap();
        assert_eq!((spread.parts.len(), spread.degrees), (10, 81));
        assert_eq!(spread.parts.iter().map(|part| part.count).sum::<u32>(), 1_003);
        assert_eq!(spread.parts[0].joined_ms, Some((0, 100)));
        assert_eq!(spread.parts[9].joined_ms, Some((903, 1_002)));
        assert!(spread.p > 0.01 && spread.parts.iter().all(|part| (part.mean_place - 501.0).abs() < 150.0));
    }

    #[test]
    fn of_a_few_there_is_nothing_to_say() {
        assert_eq!(Spread::of(&Permutation::new(&[3; 32], 19), &[]), None);
        let small = Spread::of(&Permutation::new(&[3; 32], 20), &[]).unwrap();
        assert_eq!((small.parts.len(), small.parts[0].joined_ms), (2, None));
    }
}
