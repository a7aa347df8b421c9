//! What the server used while the crowd came and waited: a reading of `/proc` every few seconds.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::draw;
use crate::usage::Usage;

/// Between two readings.
const EVERY: Duration = Duration::from_secs(2);
/// Readings that make up the busiest stretch.
const STRETCH: usize = 5;

/// Readings in the order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(Rc<RefCell<Vec<(Instant, Usage)>>>);

impl Readings {
    /// Reads this process until the returned task is aborted.
    pub(super) fn of(pid: u32) -> (Self, tokio::task::JoinHandle<()>) {
        let readings = Self::default();
        let kept = readings.clone();
        let task = tokio::task::spawn_local(async move {
            let mut tick = tokio::time::interval(EVERY);
            loop {
                tick.tick().await;
                if let Some(usage) = Usage::of(pid) {
                    kept.0.borrow_mut().push((Instant::now(), usage));
                }
            }
        });
        (readings, task)
    }

    /// The last reading before an instant, or the first there is.
    pub(super) fn at(&self, when: Instant) -> Option<Usage> {
        let all = self.0.borrow();
        let before = all.partition_point(|(at, _)| *at <= when);
        all.get(before.saturating_sub(1)).map(|(_, usage)| *usage)
    }

    /// Cores used between two instants, as the readings closest to them tell.
    pub(super) fn cores(&self, from: Instant, until: Instant) -> Option<f64> {
        let all = self.0.borrow();
        let first = all.iter().find(|(at, _)| *at >= from)?;
        let last = all.iter().rfind(|(at, _)| *at <= until)?;
        cores(first, last)
    }

    /// The busiest ten seconds.
    pub(super) fn busiest(&self) -> Option<f64> {
        let all = self.0.borrow();
        all.windows(STRETCH + 1)
            .filter_map(|stretch| cores(stretch.first()?, stretch.last()?))
            .reduce(f64::max)
    }
}

fn cores(first: &(Instant, Usage), last: &(Instant, Usage)) -> Option<f64> {
    let lasted = last.0.checked_duration_since(first.0).filter(|lasted| !lasted.is_zero())?;
    Some(draw::seconds_of(last.1.cpu_ms_since(&first.1) * 1_000) / lasted.as_secs_f64())
}
