//! How the line really moves: who of the called comes, who goes away while waiting, and how fast turns come when something
//! else than the dial decides. Measured from step to step; no state, a restart measures anew.

use std::collections::VecDeque;

use super::present::Present;
use crate::time::{Millis, Timestamp};

/// From one sample to the next, at least.
const SAMPLE: Millis = Millis(1_000);

/// The most samples kept: a second each for a usual claim window, thinner for a long one.
const SAMPLES: u64 = 512;

/// What is said of who comes rests on so long at most.
const COMING: Millis = Millis(900_000);

/// What is said of the pace rests on so long at most: the last minutes.
const PACE: Millis = Millis(120_000);

/// Something else than the rate decides when it has done so for most of this time.
const HELD: Millis = Millis(15_000);

/// A measured pace has ended when nobody was called for so many times as long as it took from one to the next: of calls that
/// come by chance one gap in 150 is as long.
const SILENCE: u64 = 5;

/// Who does not come is not known before so many calls are over; until then they may be none or this share.
const FEW: f64 = 30.0;
const MAY_NOT_COME: f64 = 1.0 / 3.0;

/// What has been counted since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// People called.
    pub called: u64,
    /// Of those, who came in.
    pub came: u64,
    /// Whose window ended.
    pub lapsed: u64,
    /// Who gave the call back.
    pub declined: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    counts: Counts,
    /// Waiting and there, if it is known.
    present: Option<f64>,
    joined: u64,
    /// Free units.
    free: u64,
    /// People inside who have not taken anything yet.
    looking: f64,
    /// Time during which something else than the rate decided, in all.
    held: u64,
}

/// A share, at least and at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// At least.
    pub low: f64,
    /// As it looks.
    pub mid: f64,
    /// At most.
    pub high: f64,
    /// How much of it was measured: 0 to 1.
    pub known: f64,
}

/// What is expected of the next minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// The share of the called who do not come.
    pub no_shows: Share,
    /// The share of the waiting who go away, per millisecond: at least, and as it looks.
    pub leaving: (f64, f64),
    /// Calls per millisecond, while something else than the rate decides.
    pub pace: Option<f64>,
    /// Units that go for each person who comes in, net of what comes back; none before it is measured.
    pub units: Option<(f64, f64)>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// What has been counted.
    pub counts: Counts,
    /// Who is there, by lane.
    pub present: Vec<Present>,
    /// Counts the changes of what decides: a pause, a dial, a cap.
    pub epoch: u8,
    /// Whether something else than the rate decides.
    pub is_held: bool,
    /// The last outlook; none before the first step.
    pub outlook: Option<Outlook>,
    samples: VecDeque<Sample>,
    held: u64,
    last: Option<Timestamp>,
    since: Timestamp,
}

/// What a step has seen.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Waiting and there, if it is known.
    pub present: Option<f64>,
    /// All tickets.
    pub joined: u64,
    /// Free units.
    pub free: u64,
    /// People inside who have not taken anything yet.
    pub looking: f64,
    /// Whether somebody could have been called by the rate and was not.
    pub held: bool,
    /// How long the called have.
    pub claim: Millis,
    /// Calls and arrivals before this process began to count.
    pub before: (u64, u64),
}

#[expect(clippy::cast_precision_loss, reason = "counts of people, far below 2^52")]
pub(super) fn size(count: u64) -> f64 {
    count as f64
}

impl Moves {
    /// Something has really changed: what was said under other conditions binds nobody.
    pub fn changed(&mut self, at: Timestamp) {
        self.epoch = self.epoch.wrapping_add(1);
        self.since = at;
    }

    /// One step of the line is done.
    pub fn step(&mut self, step: Step) {
        let passed = step.at.since(self.last.unwrap_or(step.at));
        self.last = Some(step.at);
        self.held += if step.held { passed.0.min(SAMPLE.0) } else { 0 };
        let every = SAMPLE.0.max((step.claim.0 + PACE.0) / SAMPLES);
        if self.samples.back().is_some_and(|last| step.at.since(last.at).0 < every) {
            return;
        }
        let Step { at, present, joined, free, looking, .. } = step;
        let sample = Sample { at, counts: self.counts, present, joined, free, looking, held: self.held };
        self.samples.push_back(sample);
        let keep = (COMING.0 + step.claim.0).min(every * SAMPLES * 3);
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|second| at.since(second.at).0 > keep)
        {
            self.samples.pop_front();
        }
        self.see_what_decides(&sample);
        self.outlook = Some(Outlook {
            no_shows: self.no_shows(&sample, step.claim, step.before),
            leaving: self.leaving(&sample),
            pace: self.pace(&sample),
            units: self.units(&sample),
        });
    }

    /// The newest sample at or before an instant, or the oldest.
    fn at(&self, at: Timestamp) -> Option<&Sample> {
        let after = self.samples.partition_point(|sample| sample.at <= at);
        self.samples.get(after.saturating_sub(1))
    }

    fn before(&self, now: Timestamp, span: Millis) -> Option<&Sample> {
        self.at(Timestamp(now.0.saturating_sub(span.0)))
    }

    fn see_what_decides(&mut self, now: &Sample) {
        let Some(then) = self.before(now.at, HELD).copied() else { return };
        let passed = now.at.since(then.at).0;
        if passed < HELD.0 / 2 {
            return;
        }
        let share = size(now.held - then.held) / size(passed);
        if !self.is_held && share > 0.6 {
            self.is_held = true;
            // What was called before that was called by the rate.
            let held = Timestamp(now.at.0.saturating_sub(now.held - then.held));
            self.changed(held.plus(SAMPLE));
        } else if self.is_held && share < 0.2 {
            self.is_held = false;
            self.changed(now.at);
        }
    }

    /// Of the called who have had their whole window, those whose call ended without them; and of all called, those who gave it back.
    fn no_shows(&self, now: &Sample, claim: Millis, before: (u64, u64)) -> Share {
        let zero = Counts::default();
        let begin = self.before(now.at, COMING).map_or(zero, |sample| sample.counts);
        let counted = |at: Timestamp| self.at(at).map_or(zero, |sample| sample.counts);
        let lagged = |at: Timestamp| counted(Timestamp(at.0.saturating_sub(claim.0)));
        // Whose windows end within the first one after a start were called before it, and are not among those who are due.
        let first_due = self.samples.front().map_or(now.at, |oldest| oldest.at.plus(claim));
        let first_at = first_due.max(Timestamp(now.at.0.saturating_sub(COMING.0))).min(now.at);
        let due = lagged(now.at).called.saturating_sub(lagged(first_at).called);
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { (size(part) / size(of)).min(1.0) };
        let lapsed = share(now.counts.lapsed.saturating_sub(counted(first_at).lapsed), due);
        let declined = share(
            now.counts.declined - begin.declined.min(now.counts.declined),
            now.counts.called - begin.called,
        );
        let (mut mid, mut count) = ((lapsed + declined).min(0.95), size(due));
        if count < FEW && before.0 > 100 {
            // What the journal remembers of the time before a restart.
            (mid, count) = ((1.0 - share(before.1, before.0)).clamp(0.0, 0.95), FEW);
        }
        let known = count / (count + FEW);
        let spread = 2.0 * (mid * (1.0 - mid) / count.max(1.0)).sqrt() + 0.04;
        let blend = |measured: f64, unmeasured: f64| known * measured + (1.0 - known) * unmeasured;
        Share {
            low: blend((mid - spread).max(0.0), 0.0),
            mid: blend(mid, MAY_NOT_COME / 2.0),
            high: blend((mid + spread).min(0.97), MAY_NOT_COME),
            known,
        }
    }

    /// Who was there, has not been called, and is gone; less what chance makes of it.
    fn leaving(&self, now: &Sample) -> (f64, f64) {
        let from = self
            .samples
            .iter()
            .find(|sample| now.at.since(sample.at).0 <= PACE.0 && sample.present.is_some());
        let Some((from, (then, there))) = from.and_then(|from| Some((from, from.present.zip(now.present)?)))
        else {
            return (0.0, 0.0);
        };
        let passed = now.at.since(from.at).0;
        if passed < 30_000 || then.max(there) < 50.0 {
            return (0.0, 0.0);
        }
        let gone =
            then + size(now.joined - from.joined) - size(now.counts.called - from.counts.called) - there;
        let of = f64::midpoint(then, there) * size(passed);
        let rate = |gone: f64| (gone / of).max(0.0);
        (rate(gone - 3.0 * gone.max(1.0).sqrt()), rate(gone))
    }

    fn pace(&self, now: &Sample) -> Option<f64> {
        if !self.is_held {
            return None;
        }
        let since = self.since.max(Timestamp(now.at.0.saturating_sub(PACE.0)));
        let from = self.at(since)?;
        let passed = now.at.since(from.at).0;
        let calls = now.counts.called - from.counts.called;
        if passed == 0 || calls == 0 {
            return Some(0.0);
        }
        // Calls that have stopped say nothing of the next one: what came before was another time.
        let last = self.last_call(now);
        let usual = last.since(from.at).0 / calls;
        let stopped = now.at.since(last).0 > HELD.0.max(SILENCE * usual);
        Some(if stopped { 0.0 } else { size(calls) / size(passed) })
    }

    /// When somebody was called last, to a sample; the oldest if nobody was since.
    fn last_call(&self, now: &Sample) -> Timestamp {
        let after = self.samples.partition_point(|sample| sample.counts.called < now.counts.called);
        self.samples.get(after).map_or(now.at, |sample| sample.at)
    }

    /// Units gone and people who came and have chosen, over the time what is known rests on.
    fn units(&self, now: &Sample) -> Option<(f64, f64)> {
        let from = self.before(now.at, COMING)?;
        let came = size(now.counts.came - from.counts.came);
        let chose = came - now.looking + from.looking;
        (chose > 0.0).then(|| (size(from.free) - size(now.free), chose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Millis = Millis(60_000);

    /// Every second five people are called, of whom `missing` in ten do not come: their calls lapse when the claim window is
    /// over. `before` says whether it was like that before the first second as well, when nothing was counted yet.
    fn after(seconds: u64, missing: u64, before: bool) -> Share {
        let mut moves = Moves::default();
        for second in 0..seconds {
            let over = if before { second } else { second.saturating_sub(CLAIM.0 / 1_000) };
            moves.counts =
                Counts { called: 5 * (second + 1), lapsed: 5 * over * missing / 10, ..Counts::default() };
            moves.step(Step {
                at: Timestamp(1_000_000 + second * 1_000),
                present: None,
                joined: 0,
                free: 0,
                looking: 0.0,
                held: false,
                claim: CLAIM,
                before: if before { (10_000, 7_000) } else { (0, 0) },
            });
        }
        moves.outlook.expect("a step was made").no_shows
    }

    #[test]
    fn who_was_called_before_the_start_is_not_held_against_who_was_called_since() {
        for seconds in [62, 66, 75, 90, 120, 300, 1_500] {
            let share = after(seconds, 3, true);
            assert!((0.2..0.4).contains(&share.mid), "after {seconds} s: {share:?}");
        }
        for seconds in [90, 120, 300, 1_500] {
            let share = after(seconds, 3, false);
            assert!((0.2..0.4).contains(&share.mid), "in a new room after {seconds} s: {share:?}");
        }
    }
}
