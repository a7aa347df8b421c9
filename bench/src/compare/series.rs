//! Runs in turn and what is said of them: medians, spread, and the ratio of medians.

use serde::Serialize;

/// One run of one side.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sample {
    /// Answers a second.
    pub per_second: f64,
    /// Answers other than expected, and connections that broke.
    pub errors: f64,
    /// Median time to the answer.
    pub p50_us: Option<f64>,
    /// 99th percentile of it.
    pub p99_us: Option<f64>,
    /// CPU the server used for one answer, all its threads.
    pub cpu_us: Option<f64>,
}

/// All runs of one side.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The side.
    pub name: String,
    /// Its runs, in order.
    pub samples: Vec<Sample>,
}

/// The middle and the ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// The median and the ends of some values; all zero if there are none.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Spread {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let Some((&min, &max)) = values.first().zip(values.last()) else {
        return Spread { median: 0.0, min: 0.0, max: 0.0 };
    };
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Spread { median: low.midpoint(high), min, max }
}

impl Series {
    /// Answers a second.
    pub fn rate(&self) -> Spread {
        spread(self.samples.iter().map(|sample| sample.per_second))
    }

    /// Median of the CPU per answer.
    pub fn cpu_us(&self) -> Option<f64> {
        let values: Vec<f64> = self.samples.iter().filter_map(|sample| sample.cpu_us).collect();
        (!values.is_empty()).then(|| spread(values).median)
    }

    /// Median of the medians of the time to the answer.
    pub fn p50_us(&self) -> Option<f64> {
        let values: Vec<f64> = self.samples.iter().filter_map(|sample| sample.p50_us).collect();
        (!values.is_empty()).then(|| spread(values).median)
    }

    /// Answers that should not have been.
    pub fn errors(&self) -> f64 {
        self.samples.iter().map(|sample| sample.errors).sum()
    }
}

/// The ratio of two sides that ran in turn: the ratio of their medians, and the ends of the ratios of single rounds.
pub fn ratio(ours: &Series, theirs: &Series) -> Spread {
    let rounds = ours.samples.iter().zip(&theirs.samples);
    let single = spread(rounds.map(|(our, their)| our.per_second / their.per_second));
    Spread { median: ours.rate().median / theirs.rate().median, ..single }
}

/// One side: how a run of it is made.
pub struct Side<'a> {
    /// What it is called.
    pub name: String,
    /// Makes one run of so many seconds; the other number is never given twice.
    pub run: Box<dyn FnMut(u64, u64) -> Result<Sample, String> + 'a>,
}

impl<'a> Side<'a> {
    /// A side.
    pub fn new(name: impl Into<String>, run: impl FnMut(u64, u64) -> Result<Sample, String> + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Runs all sides one after the other, again and again. One short round before is not counted: it fills caches, tables
/// and the journal's first segment.
pub fn alternate(sides: &mut [Side<'_>], rounds: usize, seconds: u64) -> Result<Vec<Series>, String> {
    let mut series: Vec<Series> =
        sides.iter().map(|side| Series { name: side.name.clone(), samples: Vec::new() }).collect();
    for round in 0..=rounds {
        let warm_up = round == 0;
        for (place, side) in sides.iter_mut().enumerate() {
            let seed = (round * 64 + place + 1) as u64;
            let sample = (side.run)(if warm_up { 1 } else { seconds }, seed)?;
            if !warm_up {
                eprint!("  {} {:.0}/s", side.name, sample.per_second);
                series[place].samples.push(sample);
            }
        }
        eprintln!();
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rates: &[f64]) -> Series {
        let samples = rates.iter().map(|rate| Sample { per_second: *rate, ..Sample::default() }).collect();
        Series { name: String::new(), samples }
    }

    #[test]
    fn the_ratio_is_of_medians_and_its_ends_are_of_rounds() {
        let (ours, theirs) = (series(&[50.0, 60.0, 10.0]), series(&[100.0, 100.0, 40.0]));
        assert_eq!(ratio(&ours, &theirs), Spread { median: 0.5, min: 0.25, max: 0.6 });
        assert_eq!(spread([1.0, 2.0]).median, 1.5);
        assert_eq!(spread([]).median, 0.0);
    }

    #[test]
    fn sides_take_turns_and_the_warm_up_is_left_out() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: &'static str| {
            let order = &order;
            Side::new(name, move |_, _| {
                order.borrow_mut().push_str(name);
                Ok(Sample::default())
            })
        };
        let series = alternate(&mut [side("a"), side("b")], 2, 4).unwrap();
        assert_eq!((series.len(), series[0].samples.len()), (2, 2));
        assert_eq!(*order.borrow(), "ababab");
    }
}
