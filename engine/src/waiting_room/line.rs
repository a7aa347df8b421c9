//! The line of one sale: its lanes, who is who, who is inside, and how far the draw has come. Changes by facts only.
//!
//! Each change is one function, called by `apply` alone: joining here, turns in `turns.rs`, the draw in `registration.rs`, what
//! operators do in `books.rs`. What must be true before is asked in `apply/line.rs`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::arrivals::Arrivals;
use super::books::{BY_SETTINGS, Change, ITSELF};
use super::brake::Brake;
use super::credit::{Credit, Valve};
use super::draw::{Leaf, Seed};
use super::idle::Idle;
use super::inside::{Inside, Packed};
use super::lane::{LaneLine, Row, Standing};
use super::moves::Moves;
use super::pace::{Pace, Ramp};
use super::phase::{Clock, Phase};
use super::registration::{Beacon, Minute};
use super::rules::{Dials, Mode, RoomRules};
use super::seen::Seen;
use super::shares::Shares;
use super::stock::{Flow, Stock};
use super::ticket::{Claimed, Signer, Ticket, TicketKey, TicketText};
use super::told::Told;
use crate::digest::{Digest, mix};
use crate::ids::SaleIx;
use crate::index::Index;
use crate::inventory::Stamp;
use crate::sale::SaleRules;
use crate::time::{Timestamp, WallTime};

/// The lines under one lock, by sale.
#[derive(Clone, Debug, Default)]
pub struct LineShard {
    /// When one of them last changed.
    pub stamp: Stamp,
    /// The sum over their tickets.
    pub digest: Digest,
    /// The lines.
    pub lines: BTreeMap<SaleIx, Line>,
}

impl LineShard {
    /// The shard of a sale's line.
    #[must_use]
    pub fn of(sale: SaleIx, shards: u8) -> usize {
        usize::from(sale.0) % usize::from(shards)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Line {
    /// The sale's public id; part of the draw.
    pub sale: String,
    /// The secret of the draw.
    pub seed: Seed,
    /// What the tickets are signed with.
    pub key: TicketKey,
    /// Signs them.
    pub signer: Signer,
    /// When the line was made, by the wall.
    pub made: WallTime,
    /// When the sale opens: the draw is made then. None: at once. Of a sale whose room was taken away it is no state, but read with
    /// what follows.
    pub opens_at: Option<WallTime>,
    /// When it closes. No state: read from the sale whenever the line is held.
    pub closes_at: Option<WallTime>,
    /// Whether the sale has no waiting room any more: nobody needs a pass, and who still waits is let through. No state, read
    /// with the other.
    pub is_gone: bool,
    /// The lanes that were for code holders alone while the sale had the room, a bit each: who stands there has units set aside or
    /// none. No state, read with the other; a start knows it from who stands there.
    pub code_lanes: u8,
    /// The terms.
    pub rules: RoomRules,
    /// The mode now.
    pub mode: Mode,
    /// The dials now.
    pub dials: Dials,
    /// How the rate comes to where its dial was turned, if it takes its time.
    pub ramp: Option<Ramp>,
    /// What the operator says to everybody.
    pub message: Option<String>,
    /// When registration closed, by the wall.
    pub closed: Option<WallTime>,
    /// The outside value of the draw, if one was posted.
    pub beacon: Option<Beacon>,
    /// When the draw was made, by the wall.
    pub drawn: Option<WallTime>,
    /// The registrations as they were published.
    pub minutes: Vec<Minute>,
    /// By the order of the terms.
    pub lanes: Vec<LaneLine>,
    /// Who is called or inside.
    pub inside: Inside,
    /// How many may be called.
    pub credit: Credit,
    /// Counts what operators did; who does something can say which state they have seen.
    pub version: u64,
    /// What operators did, oldest first; the newest [`MAX_CHANGES`](super::MAX_CHANGES).
    pub changes: VecDeque<Change>,
    /// How many tickets were ever let in.
    pub admitted: u64,
    /// When somebody last turned mode or dials.
    pub turned_at: Timestamp,
    /// When registrations were last published, or could have been for the first time; no state.
    pub noted: Option<Timestamp>,
    /// How the line moves; no state.
    pub moves: Moves,
    /// What people were shown last; no state.
    pub told: Told,
    /// Who is still there, by lane; no state.
    pub seen: Vec<Seen>,
    /// The stock as calling last saw it; no state.
    pub stock: Stock,
    /// Who is inside and has not had what they came for: what is free is for them as well. No state; a start knows it from
    /// their carts.
    pub unserved: BTreeSet<Packed>,
    /// Those of them who were refused what they wanted. No state.
    pub empty_handed: BTreeSet<Packed>,
    /// Whoever was inside and found nothing at first, since the start. No state.
    pub in_vain: u64,
    /// What becomes of the stock while somebody comes in. No state.
    pub flow: Flow,
    /// Tickets near the front whose code was taken back or is over: their turn passes them over. No state.
    pub spent: BTreeSet<Packed>,
    /// Who is inside and does nothing. No state.
    pub idle: Idle,
    /// Which lane is next. No state.
    pub shares: Shares,
    /// How slowly people are called while the rest is in trouble. No state.
    pub brake: Brake,
    /// How fast a credit from a higher rate is let out. No state.
    pub valve: Valve,
    /// Carts that were asked for without a pass while nobody needs one, since the last second. No state.
    pub arrivals: Arrivals,
    /// The enqueue tokens that made places, by a keyed hash of their own names: each belongs to one ticket for good. 24 bytes
    /// each and what a tree takes for them.
    pub tokens: BTreeMap<u128, Packed>,
    people: Index,
    /// The text of the ticket that somebody has just joined with or shown, so that it is not signed again for the answer.
    /// No state.
    said: Cell<Option<(Ticket, TicketText)>>,
}

/// 24 bits of number.
const NUMBER: u32 = (1 << 24) - 1;

/// A ticket as one number.
#[must_use]
pub fn packed(lane: u8, number: u32) -> Packed {
    u32::from(lane) << 24 | number & NUMBER
}

/// Back from [`packed`].
#[must_use]
pub fn unpacked(packed: Packed) -> (u8, u32) {
    (u8::try_from(packed >> 24).unwrap_or(u8::MAX), packed & NUMBER)
}

/// What a token adds to the line's digest.
#[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
pub(super) fn token_digest(token: u128, ticket: Packed) -> u64 {
    mix(mix(token as u64, (token >> 64) as u64), u64::from(ticket))
}

fn hash(person: u128) -> u64 {
    (person >> 64) as u64
}

impl Line {
    /// A line that nobody has joined, as its founding fact says it.
    #[must_use]
    pub fn new(sale: &SaleRules, room: &RoomRules, seed: Seed, key: TicketKey, made: WallTime) -> Self {
        let lanes: Vec<_> = room.lanes.iter().map(|lane| LaneLine::new(&sale.id, &lane.name)).collect();
        Self {
            sale: sale.id.clone(),
            seed,
            key,
            signer: key.signer(),
            made,
            opens_at: sale.opens_at,
            closes_at: sale.closes_at,
            is_gone: false,
            code_lanes: 0,
            rules: room.clone(),
            mode: if room.switch_on.is_some() { Mode::PassThrough } else { Mode::Queue },
            dials: room.dials,
            ramp: None,
            message: None,
            closed: None,
            beacon: None,
            drawn: None,
            minutes: Vec::new(),
            seen: vec![Seen::default(); lanes.len()],
            lanes,
            stock: Stock::default(),
            unserved: BTreeSet::new(),
            empty_handed: BTreeSet::new(),
            in_vain: 0,
            flow: Flow::default(),
            spent: BTreeSet::new(),
            idle: Idle::default(),
            shares: Shares::default(),
            brake: Brake::default(),
            valve: Valve::default(),
            arrivals: Arrivals::default(),
            inside: Inside::default(),
            credit: Credit::default(),
            version: 0,
            changes: VecDeque::new(),
            admitted: 0,
            turned_at: Timestamp::default(),
            noted: None,
            moves: Moves::default(),
            told: Told::default(),
            tokens: BTreeMap::new(),
            people: Index::default(),
            said: Cell::default(),
        }
    }

    /// The sale has other terms from here on. Lanes change only while nobody stands in them.
    pub fn set_rules(&mut self, sale: &SaleRules, room: &RoomRules, at: Timestamp, wall: WallTime) {
        if self.tickets() == 0 {
            self.lanes = room.lanes.iter().map(|lane| LaneLine::new(&sale.id, &lane.name)).collect();
            self.seen = vec![Seen::default(); self.lanes.len()];
            self.shares = Shares::default();
        }
        let after = self.turned_by(room);
        if after != self.turned() {
            self.turn(after, None, at, (wall, ITSELF, Some(BY_SETTINGS.to_owned())));
        }
        (self.opens_at, self.rules) = (sale.opens_at, room.clone());
        // What was published of nobody speaks of the lanes there are.
        let (registrations, lanes) = (self.registrations(), self.lanes.len());
        for minute in self.minutes.iter_mut().filter(|minute| minute.registrations.count == 0) {
            (minute.registrations, minute.by_lane) = (registrations, vec![0; lanes]);
        }
        if let Some(drawn) = self.drawn.take() {
            self.restore_draw(drawn);
        }
    }

    /// Bytes of its tickets, and of who they belong to.
    pub(crate) fn bytes(&self) -> usize {
        self.people.bytes() + self.lanes.iter().map(LaneLine::bytes).sum::<usize>()
    }

    /// A ticket.
    #[must_use]
    pub fn row(&self, lane: u8, number: u32) -> Option<&Row> {
        self.lanes.get(usize::from(lane))?.row(number)
    }

    /// The ticket a person has.
    #[must_use]
    pub fn ticket_of(&self, person: u128) -> Option<(u8, u32)> {
        let right = |at| {
            let (lane, number) = unpacked(at);
            self.row(lane, number).is_some_and(|row| row.person() == person)
        };
        self.people.find(hash(person), right).map(unpacked)
    }

    /// All tickets, of all lanes.
    #[must_use]
    pub fn tickets(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.len())).sum()
    }

    /// Wall time of a joining.
    #[must_use]
    pub fn joined(&self, row: &Row) -> WallTime {
        WallTime(self.made.0 + i64::from(row.joined))
    }

    /// Where a ticket stands at `at`: a stay that has ended has ended, whether somebody has settled it or not.
    #[must_use]
    pub fn standing(&self, lane: u8, number: u32, at: Timestamp) -> Option<(Standing, Option<Timestamp>)> {
        let standing = self.row(lane, number)?.standing;
        let stay = self.inside.get(packed(lane, number));
        Some(match (standing, stay) {
            (Standing::Called, Some((_, until))) if until <= at => (Standing::Lapsed, None),
            (Standing::Inside, Some((_, until))) if until <= at => (Standing::Over, None),
            (standing, stay) => (standing, stay.map(|(_, until)| until)),
        })
    }

    /// A restored ticket, in the order of numbers.
    pub fn restore_row(&mut self, lane: u8, row: Row) {
        let number = self.lanes[usize::from(lane)].push(row);
        if row.person() != 0 {
            self.people.insert(hash(row.person()), packed(lane, number));
        }
    }

    pub(crate) fn join(&mut self, digest: &mut Digest, sale: SaleIx, lane: u8, person: u128, wall: WallTime) {
        let joined = u32::try_from((wall.0 - self.made.0).max(0)).unwrap_or(u32::MAX);
        let row = Row::new(person, joined);
        let registers = self.registers();
        let line = &mut self.lanes[usize::from(lane)];
        let number = line.push(row);
        digest.add(row.digest(lane, number));
        if registers {
            let ticket = Ticket { sale, lane, number };
            let at = u64::try_from(self.made.0 + i64::from(joined)).unwrap_or(0);
            let text = ticket.text(&self.signer);
            line.registered.add(at, Leaf::of_ticket(text.as_str()));
            self.said.set(Some((ticket, text)));
        }
        if person != 0 {
            self.people.insert(hash(person), packed(lane, number));
        }
    }

    /// The ticket that a text says it is, if the line has signed it.
    #[must_use]
    pub fn proven(&self, claimed: &Claimed) -> Option<Ticket> {
        let ticket = claimed.proven(&self.signer)?;
        self.said.set(Some((ticket, claimed.text())));
        Some(ticket)
    }

    /// The text of a ticket.
    #[must_use]
    pub fn text_of(&self, ticket: Ticket) -> TicketText {
        match self.said.get() {
            Some((known, text)) if known == ticket => text,
            _ => ticket.text(&self.signer),
        }
    }

    /// A token has made a ticket, and makes no other.
    pub(crate) fn bind_token(&mut self, digest: &mut Digest, lane: u8, number: u32, token: u128) {
        let ticket = packed(lane, number);
        digest.add(token_digest(token, ticket));
        self.tokens.insert(token, ticket);
    }

    /// Whether nobody comes in without a pass but operators.
    #[must_use]
    pub fn everybody_needs_a_pass(&self) -> bool {
        self.mode_now() != Mode::PassThrough && self.rules.open_channels.is_empty()
    }

    /// The rate at which people may come in.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace { rate: self.dials.admit_per_minute, ramp: self.ramp }
    }

    /// The mode as it works: a room that was taken away is in nobody's way, whatever stands on its dial.
    #[must_use]
    pub fn mode_now(&self) -> Mode {
        self.worked(self.mode)
    }

    pub(super) fn worked(&self, mode: Mode) -> Mode {
        if self.is_gone { Mode::PassThrough } else { mode }
    }

    /// Whether anybody waits, is called or inside: there is something to do though the room was taken away.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.inside.active() > 0 || self.lanes.iter().any(|lane| lane.waiting() > 0 || !lane.back.is_empty())
    }

    /// Whether the sale has closed.
    #[must_use]
    pub fn has_closed(&self, wall: WallTime) -> bool {
        self.closes_at.is_some_and(|closes| wall >= closes)
    }

    /// Whether the sale opens later; after the draw this is an opening that was put off.
    #[must_use]
    pub fn opens_later(&self, wall: WallTime) -> bool {
        self.opens_at.is_some_and(|opens| wall < opens)
    }

    /// Whether carts can be made by the clock.
    #[must_use]
    pub fn is_open(&self, wall: WallTime) -> bool {
        !self.opens_later(wall) && !self.has_closed(wall)
    }

    /// Whether anybody is called: the places are drawn, the operator lets it, and carts can be made by the clock.
    #[must_use]
    pub fn calls(&self, wall: WallTime) -> bool {
        self.drawn.is_some() && self.mode_now().calls() && self.is_open(wall)
    }

    /// How many could be called by the rate: at a dial of 0 nobody, whatever was saved before or is given back. A ramp from or to 0 is
    /// not at 0, however few a minute it is.
    #[must_use]
    pub fn earned(&self, at: Timestamp) -> u32 {
        if self.pace().stands_still(at) {
            return 0;
        }
        self.credit.people(self.pace(), at).min(self.valve.lets())
    }

    /// For how many people the stock in view is enough. Who comes for the last units may want fewer than most do.
    #[must_use]
    pub fn servable(&self) -> u64 {
        let units = self.flow.in_view(self.stock);
        (units / u64::from(self.rules.units_per_visitor)).max(units.min(1))
    }

    /// Whether people may join, clock and mode considered; the table of `phase.rs`.
    #[must_use]
    pub fn phase(&self, wall: WallTime) -> Phase {
        self.phase_in(self.mode, wall)
    }

    pub(super) fn phase_in(&self, mode: Mode, wall: WallTime) -> Phase {
        let before = i64::try_from(self.rules.opens_before.0).unwrap_or(i64::MAX);
        let may_join = self.opens_at.is_none_or(|opens| wall.0 >= opens.0.saturating_sub(before));
        let clock = match () {
            () if self.has_closed(wall) => Clock::Closed,
            () if !may_join => Clock::Early,
            () if !self.is_drawn() => Clock::Before,
            () if self.opens_later(wall) => Clock::PutOff,
            () => Clock::Open,
        };
        Phase::of(self.worked(mode), clock, self.stock.sold_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mix;

    /// Slabs have what is in them and no more, but for the last chunk.
    #[test]
    fn a_waiting_visitor_who_is_known_costs_at_most_64_bytes() {
        let mut people = Index::default();
        let (mut most, count) = (0, 200_000);
        for person in 1..=count {
            people.insert(mix(u64::from(person), 7), person);
            if person >= 1_000 && person.is_power_of_two() || person % 10_000 == 0 {
                most = most.max(people.bytes().div_ceil(person as usize));
            }
        }
        let each = size_of::<Row>() + Told::EACH + Seen::EACH + most;
        assert!(each <= 64, "{each}: a row of {}, {most} in the index", size_of::<Row>());
    }
}
