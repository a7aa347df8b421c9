//! Who is called, and how many: the dials, the hard cap, the stock in view. And what operators do to a line.
//!
//! A step of the ticker makes the draw when it is due, puts away calls nobody followed and sessions that are over, and
//! calls the next: as many as the rate has earned, the cap leaves room for, and the stock can serve. The lanes share by
//! weight; each calls its next places and, for every [`BACK_EVERY`] of them, one of those who missed their turn and are back.

use super::line::LINE_BYTES;
use super::{Core, Decision};
use crate::fact::{Cold, Kind, LineFact};
use crate::ids::SaleIx;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::sequence::Sequence;
use crate::time::{Millis, Now};
use crate::waiting_room::{Change, Dials, LineView, MAX_LANES, Mode, Standing, Stock};

/// One of so many calls goes to somebody who missed the turn.
const BACK_EVERY: u64 = 20;

/// The most places that have their turn in one fact, and the most stays put away in one.
const BATCH: u32 = 1_000;

/// Bytes of the facts of one step: 8 lanes with as many places passed over as there can be, at 4 bytes each.
const STEP_BYTES: usize = 36 << 10;

/// Registrations are published so often.
const MINUTE: Millis = Millis(60_000);

/// What an operator turns; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct LineChange {
    /// The mode.
    pub mode: Option<Mode>,
    /// The rate.
    pub admit_per_minute: Option<u32>,
    /// The cap.
    pub max_active: Option<u32>,
    /// What everybody is told; `Some(None)` takes it away.
    pub message: Option<Option<String>>,
    /// The outside value of the draw: between the closing of registration and the draw, once.
    pub beacon: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Which credential it is.
    pub credential: u64,
}

/// The most bytes of a message or a reason.
const MAX_TEXT: usize = 500;

impl Core {
    /// A line as everybody sees it.
    pub fn line(&self, now: Now, sale: &str) -> Answer<LineView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| Ok(decision.line(sale).view(decision.now_at())))
    }

    /// Turns the dials of a line, or says what would stand then.
    pub fn set_line(&self, now: Now, sale: &str, change: &LineChange, dry_run: bool) -> Answer<LineView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| {
            let line = decision.line(sale);
            let dials = Dials {
                admit_per_minute: change.admit_per_minute.unwrap_or(line.dials.admit_per_minute),
                max_active: change.max_active.unwrap_or(line.dials.max_active),
            };
            dials.check().map_err(|why| Refusal::Rule { why })?;
            let message = change.message.clone().unwrap_or_else(|| line.message.clone());
            let texts = [message.as_ref(), change.reason.as_ref(), change.beacon.as_ref()];
            if texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
                return Err(Refusal::TooLarge { field: "message", most: MAX_TEXT as u64 });
            }
            let open = line.closed.is_some() && line.drawn.is_none() && line.beacon.is_none();
            if change.beacon.as_ref().is_some_and(|beacon| beacon.is_empty() || !open) {
                let why = "a beacon is posted once, after registration has closed and before the draw".into();
                return Err(Refusal::Rule { why });
            }
            let mode = change.mode.unwrap_or(line.mode);
            if dry_run {
                let mut would = line.view(decision.now_at());
                (would.mode, would.dials, would.message) = (mode, dials, message);
                return Ok(would);
            }
            let (credential, reason) = (change.credential, change.reason.clone());
            let wall = decision.now_at().wall;
            if let Some(beacon) = change.beacon.clone() {
                decision.happen(sale, LineFact::Beacon { beacon, wall, credential });
            }
            decision.happen(sale, LineFact::Set { mode, dials, message, wall, credential, reason });
            Ok(decision.line(sale).view(decision.now_at()))
        })
    }

    /// What operators turned in all lines, or in one sale's, oldest first.
    pub fn changes(&self, now: Now, sale: Option<&str>) -> Answer<Vec<(String, Change)>> {
        let mut found = Vec::new();
        let mut rests_on = Sequence::ZERO;
        for shard in 0..self.state.shards() {
            let lines = self.state.lock_lines(usize::from(shard));
            rests_on = rests_on.max(lines.stamp.sequence);
            let wanted = lines.lines.values().filter(|line| sale.is_none_or(|sale| line.sale == sale));
            for line in wanted {
                found.extend(line.changes.iter().map(|change| (line.sale.clone(), change.clone())));
            }
        }
        found.sort_by(|(one_sale, one), (sale, change)| {
            (one.wall, one_sale, one.number).cmp(&(change.wall, sale, change.number))
        });
        Answer { rests_on, now, replayed: false, result: Ok(found) }
    }

    /// Calls so many at once, whatever the rate has earned; the cap holds. Gives how many were called.
    pub fn admit(&self, now: Now, sale: &str, count: u32) -> Answer<u32> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line_with(now, sale, STEP_BYTES, |decision| {
            decision.draw_if_due(sale);
            decision.settle_stays(sale);
            let line = decision.line(sale);
            let room = line.dials.max_active.saturating_sub(line.inside.active());
            let before = line.inside.called();
            decision.call(sale, count.min(room).min(BATCH), u32::MAX);
            Ok(decision.line(sale).inside.called() - before)
        })
    }

    /// One step of every line. For the ticker.
    pub fn tick_lines(&self, now: Now) {
        let listing = self.state.names.listing();
        for (index, view) in listing.sales.iter().enumerate() {
            if view.rules.room.is_some()
                && let Ok(sale) = u16::try_from(index)
            {
                self.tick_line(now, SaleIx(sale));
            }
        }
    }

    fn tick_line(&self, now: Now, sale: SaleIx) {
        let stock = self.stock_in_view(now, sale);
        // Without room in the buffer the same step comes with the next tick.
        let _ = self.on_line_with(now, sale, STEP_BYTES, |decision| {
            decision.line_mut(sale).stock = stock;
            decision.draw_if_due(sale);
            decision.note_minute(sale);
            decision.settle_stays(sale);
            let (may_call, in_view) = decision.may_call(sale);
            decision.call(sale, may_call, in_view);
            Ok(())
        });
    }

    /// Units of a sale as they stand, shard after shard.
    fn stock_in_view(&self, now: Now, sale: SaleIx) -> Stock {
        let mut stock = Stock { rests_on: Sequence::ZERO, ..Stock::default() };
        let mut later = false;
        for number in 0..self.state.shards() {
            let mut shard = self.state.lock_shard(number);
            shard.release_to(sale, now.wall);
            for group in shard.groups_of_sale(sale) {
                let (_, free_later, next) = group.unreleased();
                stock.free += group.counts.free().saturating_sub(free_later);
                stock.held += group.counts.held;
                later |= next.is_some();
            }
            stock.rests_on = stock.rests_on.max(shard.stamp.sequence);
        }
        stock.sold_out = stock.free == 0 && stock.held == 0 && !later;
        stock.backed = self.backed(now, sale);
        stock
    }

    /// Of each lane of a sale, the codes that hold units. Codes for any lane count for the first.
    fn backed(&self, now: Now, sale: SaleIx) -> [u32; MAX_LANES] {
        let mut backed = [0; MAX_LANES];
        let listing = self.state.names.listing();
        let room = listing.sales.get(usize::from(sale.0)).and_then(|sale| sale.rules.room.clone());
        let Some(room) = room.filter(|_| !self.state.lock_codes(0).waves().is_empty()) else { return backed };
        for shard in 0..usize::from(self.state.shards()) {
            let codes = self.state.lock_codes(shard);
            for (wave, holding) in codes.waves().iter().zip(codes.holding()) {
                let over = wave.terms.expires_at.is_some_and(|end| now.wall >= end);
                if wave.sale != sale || *holding == 0 || over {
                    continue;
                }
                let lane = wave.terms.lane.as_deref().and_then(|lane| room.lane(lane)).unwrap_or(0);
                backed[usize::from(lane)] += *holding;
            }
        }
        backed
    }

    /// Writes down the digest of the codes under one lock if it has changed since `known`, and gives it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn note_code_digest(&self, now: Now, shard: u8, known: u64) -> Result<u64, Refusal> {
        let mut decision = Decision::begin(self, now, LINE_BYTES)?;
        decision.guards.lock_codes(shard);
        decision.fix_time();
        let digest = decision.guards.look_codes(shard).digest.0;
        if digest != known {
            decision.commit(Kind::Cold(Box::new(Cold::CodeDigest { shard, digest })));
        }
        Ok(digest)
    }

    /// Writes down the digest of the lines under one lock if it has changed since `known`, and gives it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn note_line_digest(&self, now: Now, shard: u8, known: u64) -> Result<u64, Refusal> {
        let mut decision = Decision::begin(self, now, LINE_BYTES)?;
        decision.guards.lock_lines(usize::from(shard));
        decision.fix_time();
        let digest = decision.guards.look_lines().digest.0;
        if digest != known {
            decision.commit(Kind::Cold(Box::new(Cold::LineDigest { shard, digest })));
        }
        Ok(digest)
    }
}

impl Decision<'_> {
    /// Publishes the registrations of the minute, if anybody registers at all.
    fn note_minute(&mut self, sale: SaleIx) {
        let (wall, line) = (self.now_at().wall, self.line(sale));
        if !line.registers() {
            return;
        }
        let (since, known) =
            line.minutes.last().map_or((line.made, 0), |last| (last.wall, last.registrations.count));
        let due = u64::try_from(wall.0 - since.0).is_ok_and(|passed| passed >= MINUTE.0);
        if due && line.registrations().count > known {
            self.happen(sale, LineFact::Noted { wall });
        }
    }

    /// Puts away calls that nobody followed and sessions that are over.
    fn settle_stays(&mut self, sale: SaleIx) {
        let at = self.at();
        let line = self.line_mut(sale);
        line.empty_handed.retain(|ticket| line.inside.get(*ticket).is_some_and(|(_, until)| until > at));
        let ended = self.line(sale).inside.ended(self.at(), BATCH as usize);
        if let Some(stays) = u32::try_from(ended).ok().filter(|stays| *stays > 0) {
            self.happen(sale, LineFact::Settled { stays });
        }
    }

    /// How many may be called now: earned by the rate, within the cap; and for how many of them there is stock in view.
    fn may_call(&self, sale: SaleIx) -> (u32, u32) {
        let line = self.line(sale);
        if line.drawn.is_none() || !line.mode.calls() {
            return (0, 0);
        }
        let earned = line.credit.people(line.dials.admit_per_minute, self.at());
        let room = line.dials.max_active.saturating_sub(line.inside.active());
        let servable = line.stock.free / u64::from(line.rules.units_per_visitor);
        let unserved = u64::from(line.inside.called()) + line.empty_handed.len() as u64;
        let in_view = u32::try_from(servable.saturating_sub(unserved)).unwrap_or(u32::MAX);
        (earned.min(room).min(BATCH), in_view)
    }

    /// Calls so many, lane by lane: always the one that is furthest behind its share. Those whose units are set aside need
    /// none in view; of all others `in_view` are called at most.
    fn call(&mut self, sale: SaleIx, people: u32, mut in_view: u32) {
        if people == 0 || self.line(sale).drawn.is_none() {
            return;
        }
        let line = self.line(sale);
        let mut wanted = vec![0_u32; line.lanes.len()];
        let weight = |lane: usize| line.rules.lanes.get(lane).map_or(1, |lane| u64::from(lane.weight));
        let waiting =
            |lane: usize| u64::from(line.lanes[lane].waiting()) + line.lanes[lane].back.len() as u64;
        let backed = |lane: usize| line.stock.backed.get(lane).copied().unwrap_or(0);
        for _ in 0..people {
            let may = |lane: &usize| {
                let (lane, wanted) = (*lane, wanted[*lane]);
                waiting(lane) > u64::from(wanted) && (in_view > 0 || wanted < backed(lane))
            };
            let next = (0..wanted.len()).filter(may).min_by_key(|lane| {
                // Compared as fractions: called so far over weight.
                (line.lanes[*lane].called + u64::from(wanted[*lane])) * 1_000_000 / weight(*lane)
            });
            let Some(next) = next else { break };
            if wanted[next] >= backed(next) {
                in_view -= 1;
            }
            wanted[next] += 1;
        }
        for (lane, people) in (0_u8..).zip(wanted) {
            self.call_lane(sale, lane, people);
        }
    }

    /// Calls so many of a lane: those whose turn it is and who are there, and now and then one who is back.
    fn call_lane(&mut self, sale: SaleIx, lane: u8, people: u32) {
        if people == 0 {
            return;
        }
        let (at, until) = (self.at(), self.at().plus(self.line(sale).rules.claim));
        let here = &self.line(sale).lanes[usize::from(lane)];
        let back_waiting = u32::try_from(here.back.len()).unwrap_or(u32::MAX);
        // As many twentieths as this batch passes, or all if nobody else waits.
        let share = (here.called + u64::from(people)) / BACK_EVERY - here.called / BACK_EVERY;
        let share = u32::try_from(share).unwrap_or(0).max(people.saturating_sub(here.waiting()));
        let back = share.min(back_waiting);
        let (from, waiting) = (here.turns, here.waiting());
        let mut passed = Vec::new();
        let (mut places, mut found) = (0, 0);
        // A turn is looked at for as long as it takes to find somebody, within bounds.
        while found < people - back && places < waiting.min(BATCH) {
            let place = from + places;
            places += 1;
            let Some(number) = self.line(sale).lanes[usize::from(lane)].at(place) else { continue };
            let standing = self.line(sale).row(lane, number).map(|row| row.standing);
            if standing != Some(Standing::Waiting) {
                continue;
            }
            if self.line_mut(sale).seen[usize::from(lane)].is_present(number, at) {
                found += 1;
            } else {
                passed.push(place);
            }
        }
        if places > 0 {
            self.happen(sale, LineFact::Called { lane, from, places, passed, until });
        }
        if back > 0 {
            self.happen(sale, LineFact::CalledBack { lane, people: back, until });
        }
    }
}
