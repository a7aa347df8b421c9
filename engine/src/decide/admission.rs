//! Who is called, and how many: the dials, the hard cap, the stock in view.
//!
//! A step of the ticker makes the draw when it is due, puts away calls nobody followed and sessions that are over, and
//! calls the next: as many as the rate has earned, the brake lets through, the cap leaves room for, and the stock can serve. The lanes share by
//! weight; each calls its next places and, for every [`BACK_EVERY`] of them, one of those who missed their turn and are back.

use super::line::LINE_BYTES;
use super::sellable::{Sellable, Units};
use super::vetted::Vetted;
use super::{Core, Decision};
use crate::codes::{CodeHash, CodeShard};
use crate::fact::{Cold, Kind, LineFact};
use crate::ids::SaleIx;
use crate::outcome::StockState;
use crate::pulse::Beat;
use crate::refusal::Refusal;
use crate::sale::SaleRules;
use crate::sequence::Sequence;
use crate::time::{Now, Timestamp};
use crate::waiting_room::{
    Arrivals, BACK_EVERY, ITSELF, LineShard, MAX_LANES, Mode, Packed, RoomRules, Shares, Standing, Stay,
    Stock, Turned, packed, unpacked,
};

/// The most places that have their turn in one fact, and the most stays put away in one.
pub(super) const BATCH: u32 = 1_000;

/// Bytes of the facts of one step: 8 lanes with as many places passed over as there can be, at 4 bytes each, and as many of
/// those who had come back.
pub(super) const STEP_BYTES: usize = 68 << 10;

/// The most idle sessions that end in one step.
const IDLE_BATCH: usize = 200;

impl Core {
    /// One step of every line. For the ticker.
    pub fn tick_lines(&self, now: Now) {
        for sale in self.lines_in_use() {
            self.tick_line(now, sale);
        }
    }

    /// The sales with a waiting room, and those whose room was taken away while people are in it.
    fn lines_in_use(&self) -> Vec<SaleIx> {
        let listing = self.state.names.listing();
        let mut sales = Vec::new();
        for shard in 0..self.state.shards() {
            let lines = self.state.lock_lines(usize::from(shard));
            let has_room = |sale: SaleIx| {
                listing.sales.get(usize::from(sale.0)).is_some_and(|sale| sale.rules.room.is_some())
            };
            let in_use = lines.lines.iter().filter(|(sale, line)| has_room(**sale) || line.is_in_use());
            sales.extend(in_use.map(|(sale, _)| *sale));
        }
        sales.sort_unstable();
        sales
    }

    fn tick_line(&self, now: Now, sale: SaleIx) {
        let stock = self.stock_in_view(now, sale);
        self.write_shown(now, sale);
        let vetted = if self.may_earn(now, sale) { self.vet(now, sale) } else { None };
        // Without room in the buffer the same step comes with the next tick.
        let _ = self.on_line_with(now, sale, STEP_BYTES, |decision| {
            let (at, wall) = (decision.at(), decision.now_at().wall);
            let line = decision.line_mut(sale);
            line.stock = stock;
            line.flow.sample(at, stock);
            if line.everybody_needs_a_pass() {
                line.flow.only_passes();
            }
            decision.draw_if_anybody(sale);
            decision.note_minute(sale);
            decision.settle_stays(sale);
            decision.end_idle(sale);
            let (may_call, in_view) = decision.may_call(sale);
            let called = decision.call(sale, may_call, in_view, vetted.as_ref());
            let line = decision.line_mut(sale);
            line.brake.spend(called);
            line.valve.spend(called);
            line.measure(at, wall);
            Ok(())
        });
    }

    /// A second has passed: the brakes follow, and a room that waits for it switches itself on. For the ticker.
    pub fn note_beat(&self, now: Now, beat: &Beat) {
        for sale in self.lines_in_use() {
            // Without room in the buffer the same comes with the next second.
            let _ = self.on_line(now, sale, |decision| {
                decision.feel(sale, beat);
                Ok(())
            });
        }
    }

    /// Whether anybody could be called by now, or by the time the line is held.
    fn may_earn(&self, now: Now, sale: SaleIx) -> bool {
        let lines = self.state.lock_lines(LineShard::of(sale, self.state.shards()));
        lines.lines.get(&sale).is_some_and(|line| line.is_in_use() && !line.pace().stands_still(now.engine))
    }

    /// Units of a sale as they stand, shard after shard.
    fn stock_in_view(&self, now: Now, sale: SaleIx) -> Stock {
        let mut stock = Stock { rests_on: Sequence::ZERO, ..Stock::default() };
        let (mut some, mut capacity) = (false, 0);
        let listing = self.state.names.listing();
        let Some(rules) = listing.sales.get(usize::from(sale.0)).map(|sale| &sale.rules) else {
            return stock;
        };
        let mut sellable = Sellable::new(rules);
        for number in 0..self.state.shards() {
            let mut shard = self.state.lock_shard(number);
            shard.release_to(sale, now.wall);
            let groups = shard.groups_of_sale(sale).map(|group| {
                let (later, _, _) = group.unreleased();
                capacity += group.counts.capacity;
                stock.taken += group.taken;
                stock.returned += group.returned;
                some |= !group.slots.is_empty();
                let free = group.counts.free().saturating_sub(later);
                (group.key.product, group.key.venue, Units { free, held: group.counts.held, later })
            });
            sellable.add(&shard, groups);
            stock.rests_on = stock.rests_on.max(shard.stamp.sequence);
        }
        Units { free: stock.free, held: stock.held, later: stock.later } = sellable.units();
        // Where no slot was ever loaded, nothing is sold out.
        stock.sold_out = some && stock.free == 0 && stock.held == 0 && stock.later == 0;
        stock.backed = self.backed(now, sale);
        stock.word = Some(word_of(rules, &stock, capacity));
        stock
    }

    /// Of each lane of a sale that is for code holders alone, the codes that hold units for somebody who is not called yet. Codes for
    /// any lane count for the first.
    fn backed(&self, now: Now, sale: SaleIx) -> [u32; MAX_LANES] {
        let mut backed = [0; MAX_LANES];
        let listing = self.state.names.listing();
        let Some(rules) = listing.sales.get(usize::from(sale.0)).map(|sale| &sale.rules) else {
            return backed;
        };
        if self.state.lock_codes(0).waves().is_empty() {
            return backed;
        }
        let Some(CodeHolders { room, alone, called }) = self.code_holders(sale, rules) else { return backed };
        for shard in 0..self.state.shards() {
            let codes = self.state.lock_codes(usize::from(shard));
            for (wave, holding) in codes.waves().iter().zip(codes.holding()) {
                if wave.sale != sale || holding.codes == 0 || now.engine >= holding.until {
                    continue;
                }
                let lane = wave.terms.lane.as_deref().and_then(|lane| room.lane(lane)).unwrap_or(0);
                // Where anybody may stand, units that are set aside for some are in nobody's view.
                if alone >> lane & 1 == 1 {
                    backed[usize::from(lane)] += holding.codes;
                }
            }
            // Who is called has their unit already. Who came too late for theirs, or stands here by something else, has none.
            for (lane, code) in &called {
                let here = CodeShard::of(*code, self.state.shards()) == usize::from(shard);
                let holds = here && codes.find(*code).is_some_and(|at| codes.code(at).holds_at(now.engine));
                if let Some(backed) = backed.get_mut(usize::from(*lane)).filter(|_| holds) {
                    *backed = backed.saturating_sub(1);
                }
            }
        }
        backed
    }

    /// None if no lane is for code holders alone.
    fn code_holders(&self, sale: SaleIx, rules: &SaleRules) -> Option<CodeHolders> {
        let lines = self.state.lock_lines(LineShard::of(sale, self.state.shards()));
        let line = lines.lines.get(&sale)?;
        let alone = match rules.room {
            Some(_) => line.rules.lanes_for_codes(rules.codes.as_deref()),
            None => line.code_lanes,
        };
        if alone == 0 {
            return None;
        }
        let waits = |ticket: Packed, stay: Stay| stay == Stay::Called || line.unserved.contains(&ticket);
        let inside = line.inside.iter().filter(|(ticket, stay, _)| waits(*ticket, *stay));
        let called = inside.filter_map(|(ticket, ..)| {
            let (lane, number) = unpacked(ticket);
            line.row(lane, number).map(|row| (lane, CodeHash(row.person())))
        });
        Some(CodeHolders { room: line.rules.clone(), alone, called: called.collect() })
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
        let (at, wall) = (self.at(), self.now_at().wall);
        let line = self.line_mut(sale);
        if line.minute_is_due(at) {
            let wall = line.minute_of(wall);
            self.happen(sale, LineFact::Noted { wall });
        }
    }

    /// Puts away calls that nobody followed and sessions that are over.
    pub(super) fn settle_stays(&mut self, sale: SaleIx) {
        let at = self.at();
        let line = self.line_mut(sale);
        let is_inside = |ticket: &Packed| line.inside.get(*ticket).is_some_and(|(_, until)| until > at);
        line.unserved.retain(is_inside);
        line.empty_handed.retain(is_inside);
        let ended = self.line(sale).inside.ended(self.at(), BATCH as usize);
        if let Some(stays) = u32::try_from(ended).ok().filter(|stays| *stays > 0) {
            self.happen(sale, LineFact::Settled { stays });
        }
    }

    fn feel(&mut self, sale: SaleIx, beat: &Beat) {
        let (at, wall) = (self.at(), self.now_at().wall);
        let line = self.line_mut(sale);
        line.brake.step(beat, line.rules.brake, at);
        let waits = line.mode == Mode::PassThrough && !line.is_gone;
        let Some(rules) = line.rules.switch_on.filter(|_| waits) else {
            // What was then says nothing of the day on which nobody needs a pass again.
            line.arrivals = Arrivals::default();
            return;
        };
        if let Some(reason) = line.arrivals.second(beat, rules, line.rules.brake) {
            let Turned { dials, ramp, message, .. } = line.turned();
            let (mode, credential, undoes) = (Mode::Queue, ITSELF, None);
            let reason = Some(reason);
            self.happen(sale, LineFact::Set { mode, dials, ramp, message, undoes, wall, credential, reason });
        }
    }

    /// Ends sessions that nobody uses.
    fn end_idle(&mut self, sale: SaleIx) {
        let at = self.at();
        for _ in 0..IDLE_BATCH {
            let Some(ticket) = self.line_mut(sale).idle.next(at) else { break };
            let (lane, number) = unpacked(ticket);
            if matches!(self.line(sale).standing(lane, number, at), Some((Standing::Inside, _))) {
                self.happen(sale, LineFact::Ended { lane, number });
            }
        }
    }

    /// How many may be called now: earned by the rate, within the cap; and for how many of them there is stock in view.
    fn may_call(&mut self, sale: SaleIx) -> (u32, u32) {
        let at = self.at();
        let line = self.line_mut(sale);
        let let_through = line.brake.lets(line.pace(), at);
        line.valve.step(line.credit, line.pace(), at);
        let line = self.line(sale);
        // Who was called while nothing can be held would be called in vain.
        if !line.calls(self.now_at().wall) || self.check_room().is_err() {
            return (0, 0);
        }
        let earned = line.earned(at);
        let servable = line.servable();
        let unserved = u64::from(line.inside.called()) + line.unserved.len() as u64;
        let in_view = u32::try_from(servable.saturating_sub(unserved)).unwrap_or(u32::MAX);
        (earned.min(self.room(sale)).min(let_through), in_view)
    }

    /// How many more may be called within the cap.
    pub(super) fn room(&self, sale: SaleIx) -> u32 {
        let line = self.line(sale);
        line.dials.max_active.saturating_sub(line.inside.active())
    }

    /// Calls so many, lane by lane, and says how many were there. Those whose units are set aside need none in view; of all
    /// others `in_view` are called at most. Where codes are looked at, nobody beyond the places that were looked at.
    pub(super) fn call(&mut self, sale: SaleIx, people: u32, in_view: u32, vetted: Option<&Vetted>) -> u32 {
        let before = self.line(sale).inside.called();
        let (next, mut shares) = self.shares(sale, people, in_view);
        for (lane, people) in next {
            let before = self.line(sale).inside.called();
            self.call_lane(sale, lane, people, vetted);
            let came = self.line(sale).inside.called() - before;
            shares.give_back(usize::from(lane), people.saturating_sub(came), self.weight(sale, lane.into()));
        }
        self.line_mut(sale).shares = shares;
        self.line(sale).inside.called() - before
    }

    fn weight(&self, sale: SaleIx, lane: usize) -> u16 {
        self.line(sale).rules.lanes.get(lane).map_or(1, |lane| lane.weight)
    }

    /// How many would be called.
    pub(super) fn would_call(&mut self, sale: SaleIx, people: u32, vetted: Option<&Vetted>) -> u32 {
        let people = people.min(self.room(sale));
        let (next, _) = self.shares(sale, people, u32::MAX);
        next.into_iter()
            .map(|(lane, people)| self.turn(sale, lane, people, vetted))
            .map(|turn| turn.found + turn.back)
            .sum()
    }

    /// How many of each lane are next, and what the lanes will have had then.
    fn shares(&self, sale: SaleIx, people: u32, mut in_view: u32) -> (Vec<(u8, u32)>, Shares) {
        let line = self.line(sale);
        let mut wanted = vec![0_u32; line.lanes.len()];
        // An operator calls nobody either while the clock lets nobody have a cart.
        let open = line.drawn.is_some() && line.is_open(self.now_at().wall);
        let people = if open { people.min(BATCH) } else { 0 };
        let mut shares = line.shares;
        let waiting =
            |lane: usize| u64::from(line.lanes[lane].waiting()) + line.lanes[lane].back.len() as u64;
        let backed = |lane: usize| line.stock.backed.get(lane).copied().unwrap_or(0);
        for _ in 0..people {
            let may = |lane: usize| {
                waiting(lane) > u64::from(wanted[lane]) && (in_view > 0 || wanted[lane] < backed(lane))
            };
            let Some(next) = shares.next(wanted.len(), may) else { break };
            shares.give(next, 1, self.weight(sale, next));
            if wanted[next] >= backed(next) {
                in_view -= 1;
            }
            wanted[next] += 1;
        }
        ((0_u8..).zip(wanted).filter(|(_, people)| *people > 0).collect(), shares)
    }

    /// Whose turn it is in a lane if so many are to be called: those who are there, and now and then one who is back.
    fn turn(&mut self, sale: SaleIx, lane: u8, people: u32, vetted: Option<&Vetted>) -> Turn {
        let at = self.at();
        let here = &self.line(sale).lanes[usize::from(lane)];
        // As many twentieths as this batch passes, or all if nobody else waits.
        let share = (here.called + u64::from(people)) / BACK_EVERY - here.called / BACK_EVERY;
        let share = u32::try_from(share).unwrap_or(0).max(people.saturating_sub(here.waiting()));
        let (from, mut waiting) = (here.turns, here.waiting());
        if let Some(vetted) = vetted {
            waiting = waiting.min(vetted.up_to(lane).saturating_sub(from));
        }
        let mut turn = Turn { from, ..Turn::default() };
        while turn.back < share && turn.looked < BATCH {
            let back = &self.line(sale).lanes[usize::from(lane)].back;
            let Some(number) = back.get(turn.looked as usize).copied() else { break };
            if self.would_come(sale, lane, number, at) {
                turn.back += 1;
            } else {
                turn.absent.push(turn.looked);
            }
            turn.looked += 1;
        }
        // A turn is looked at for as long as it takes to find somebody, within bounds.
        while turn.found < people - turn.back && turn.places < waiting.min(BATCH) {
            let place = from + turn.places;
            turn.places += 1;
            let Some(number) = self.line(sale).lanes[usize::from(lane)].at(place) else { continue };
            let standing = self.line(sale).row(lane, number).map(|row| row.standing);
            if standing != Some(Standing::Waiting) {
                continue;
            }
            if self.would_come(sale, lane, number, at) {
                turn.found += 1;
            } else {
                turn.passed.push(place);
            }
        }
        turn
    }

    /// Whether somebody is there, and could buy something.
    fn would_come(&mut self, sale: SaleIx, lane: u8, number: u32, at: Timestamp) -> bool {
        let line = self.line_mut(sale);
        line.seen[usize::from(lane)].is_present(number, at) && !line.spent.contains(&packed(lane, number))
    }

    fn call_lane(&mut self, sale: SaleIx, lane: u8, people: u32, vetted: Option<&Vetted>) {
        let until = self.at().plus(self.line(sale).rules.claim);
        let Turn { from, places, passed, back, looked, absent, .. } = self.turn(sale, lane, people, vetted);
        if places > 0 {
            self.happen(sale, LineFact::Called { lane, from, places, passed, until });
        }
        if !absent.is_empty() {
            self.happen(sale, LineFact::TurnedBack { lane, looked, absent, until });
        } else if back > 0 {
            self.happen(sale, LineFact::CalledBack { lane, people: back, until });
        }
    }
}

/// What is left, in the words of every other document; the clock is looked at by who tells it.
fn word_of(rules: &SaleRules, stock: &Stock, capacity: u64) -> StockState {
    let few = stock.free <= u64::from(rules.few_units)
        || stock.free * 100 <= capacity * u64::from(rules.few_percent);
    match (stock.free, stock.held) {
        (0, 0) if stock.later > 0 => StockState::NotReleased,
        (0, 0) => StockState::SoldOut,
        (0, _) => StockState::AllHeld,
        _ if few => StockState::Few,
        _ => StockState::Available,
    }
}

/// What there is to know of the lanes that are for code holders alone.
struct CodeHolders {
    /// The terms of the line.
    room: RoomRules,
    /// Which lanes, a bit each.
    alone: u8,
    /// Who is called, or inside without having got anything yet: the lane, and what they would be known by if it was a code.
    called: Vec<(u8, CodeHash)>,
}

/// A stretch of a lane whose turn it is.
#[derive(Default)]
struct Turn {
    /// Its first place.
    from: u32,
    /// How many places.
    places: u32,
    /// Those of them whose holders are not there.
    passed: Vec<u32>,
    /// How many are there.
    found: u32,
    /// How many of those who are back are called beside them.
    back: u32,
    /// How many of those had their turn for it.
    looked: u32,
    /// Which of them have gone again.
    absent: Vec<u32>,
}
