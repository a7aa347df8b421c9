//! Whether two things have to do with each other: Pearson's chi-square over a table of counts, and how probable a sum as
//! great would be if they had nothing to do with each other.
//!
//! A waiting room's draw is fair if the place has nothing to do with the time of joining: pairs of (rank of joining, rank of
//! place) fall evenly into the cells of a table of tenths by tenths.

/// The outcome of a test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Pearson's sum.
    pub sum: f64,
    /// Degrees of freedom.
    pub freedom: u32,
    /// How probable a sum as great is by chance.
    pub p: f64,
    /// How many pairs were counted.
    pub pairs: usize,
}

/// Cells should hold ten pairs each, and there are at most ten by ten of them.
const MOST_BINS: usize = 10;

/// Tests whether the first of each pair tells anything about the second. None if there are too few pairs to say.
pub fn independence(pairs: &[(f64, f64)]) -> Option<Test> {
    let bins = (2..=MOST_BINS).rev().find(|bins| pairs.len() >= bins * bins * 10)?;
    let firsts = bins_of(pairs.iter().map(|pair| pair.0), bins);
    let seconds = bins_of(pairs.iter().map(|pair| pair.1), bins);
    let mut table = vec![vec![0_u32; bins]; bins];
    firsts.iter().zip(&seconds).for_each(|(row, column)| table[*row][*column] += 1);
    let rows: Vec<f64> = table.iter().map(|row| row.iter().copied().map(f64::from).sum()).collect();
    let columns: Vec<f64> =
        (0..bins).map(|column| table.iter().map(|row| f64::from(row[column])).sum()).collect();
    let all: f64 = rows.iter().sum();
    let mut sum = 0.0;
    for (row, counts) in rows.iter().zip(&table) {
        for (column, count) in columns.iter().zip(counts) {
            let expected = row * column / all;
            sum += (f64::from(*count) - expected).powi(2) / expected;
        }
    }
    let freedom = u32::try_from((bins - 1) * (bins - 1)).ok()?;
    Some(Test { sum, freedom, p: by_chance(sum, freedom), pairs: pairs.len() })
}

/// The bin of each value when all are cut into so many of equal size by rank; equal values in the order given.
fn bins_of(values: impl Iterator<Item = f64>, bins: usize) -> Vec<usize> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut bin_of = vec![0; values.len()];
    for (rank, number) in order.iter().enumerate() {
        bin_of[*number] = rank * bins / values.len();
    }
    bin_of
}

/// The probability of a sum of at least `sum` with so many degrees of freedom: the upper incomplete gamma function
/// `Q(freedom / 2, sum / 2)`, by its series where that converges fast and by its continued fraction elsewhere.
pub fn by_chance(sum: f64, freedom: u32) -> f64 {
    let (a, x) = (f64::from(freedom) / 2.0, sum / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut total, mut n) = (1.0 / a, 1.0 / a, a);
        while term > total * 1e-15 {
            n += 1.0;
            term *= x / n;
            total += term;
        }
        return (1.0 - front * total).clamp(0.0, 1.0);
    }
    // Lentz's way through the continued fraction.
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for n in 1..10_000 {
        let n = f64::from(n);
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / no_less(numerator * d + b, tiny);
        c = no_less(b + numerator / c, tiny);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-14 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

fn no_less(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The logarithm of the gamma function for halves and wholes, of which degrees of freedom are made: exact by recurrence.
fn ln_gamma(a: f64) -> f64 {
    let (mut value, mut total) = (a, 0.0);
    while value > 1.0 {
        value -= 1.0;
        total += value.ln();
    }
    // Gamma(1) is 1 and Gamma(1/2) the root of pi.
    if value < 0.75 { total + std::f64::consts::PI.ln() / 2.0 } else { total }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::draw;

    #[test]
    fn the_tables_of_textbooks() {
        for (sum, freedom, p) in [
            (3.841_459, 1, 0.05),
            (6.634_897, 1, 0.01),
            (18.307_038, 10, 0.05),
            (113.512_4, 81, 0.01),
            (103.009_5, 81, 0.05),
            (61.261_5, 81, 0.95),
        ] {
            let got = by_chance(sum, freedom);
            assert!((got - p).abs() < 1e-4, "{sum} with {freedom}: {got}");
        }
        assert!((by_chance(0.0, 4) - 1.0).abs() < 1e-12 && by_chance(900.0, 81) < 1e-12);
    }

    #[test]
    fn a_fair_draw_passes_and_a_queue_by_arrival_does_not() {
        let mut rng = draw::stream(1, 0);
        let fair: Vec<(f64, f64)> = (0..5_000).map(|n| (f64::from(n), rng.random::<f64>())).collect();
        let test = independence(&fair).unwrap();
        assert!(test.p > 0.01 && test.freedom == 81, "{test:?}");
        // One in twenty in the order of coming is enough to be noticed.
        let unfair: Vec<(f64, f64)> = (0..5_000)
            .map(|n| (f64::from(n), if n % 20 == 0 { f64::from(n) / 5_000.0 } else { rng.random::<f64>() }))
            .collect();
        assert!(independence(&unfair).unwrap().p < independence(&fair).unwrap().p);
        let by_arrival: Vec<(f64, f64)> = (0..5_000).map(|n| (f64::from(n), f64::from(n))).collect();
        assert!(independence(&by_arrival).unwrap().p < 1e-12);
        assert!(independence(&fair[..39]).is_none());
    }
}
