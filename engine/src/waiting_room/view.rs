//! What is said of a line: to the holder of a ticket, and to everybody.

use super::books::Turned;
use super::brake::Trouble;
use super::chances::LowChances;
use super::draw::Registrations;
use super::lane::Standing;
use super::line::Line;
use super::phase::{Phase, TicketState};
use super::registration::{Beacon, Minute};
use super::rules::{Dials, Mode};
use super::ticket::Ticket;
use crate::outcome::StockState;
use crate::time::{Millis, Now, Timestamp, WallTime};

/// Nobody asks more often than this.
const SHORTEST_POLL: Millis = Millis(2_000);

/// Everybody asks at least so often: what is shown is never older, and "sold out" reaches everybody by then.
pub const LONGEST_POLL: Millis = Millis(10_000);

/// A ticket as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketView {
    /// The ticket.
    pub ticket: Ticket,
    /// As text.
    pub text: String,
    /// The sale's public id.
    pub sale: String,
    /// The lane's name.
    pub lane: String,
    /// How it stands.
    pub state: TicketState,
    /// How the room stands: a paused one says so to who waits.
    pub phase: Phase,
    /// What the operator says to everybody.
    pub message: Option<String>,
    /// Its place, from 1; none before the draw, and for who is back without a place of their own.
    pub place: Option<u32>,
    /// How many have their turn before; falls, never rises. None where there is no place.
    pub ahead: Option<u32>,
    /// How long it will take, at least and at most; none while nobody can say.
    pub wait: Option<(Millis, Millis)>,
    /// Whether everything will most likely be gone before, and why.
    pub chances: Option<LowChances>,
    /// When to ask again.
    pub poll_after: Millis,
    /// Called: until when the pass can be used. Admitted: until when the session runs.
    pub until: Option<Timestamp>,
    /// When the pass ends at the latest.
    pub pass_until: Option<Timestamp>,
    /// Who proved to be it; 0 for nobody.
    pub person: u128,
}

/// A lane as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// Its name.
    pub name: String,
    /// Every place up to here has had its turn.
    pub called_up_to: u32,
    /// Places that have not.
    pub waiting: u32,
    /// Registrations before the draw.
    pub registered: u32,
    /// Their digest.
    pub digest: [u8; 32],
}

/// A line as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineView {
    /// The sale's public id.
    pub sale: String,
    /// In one word.
    pub phase: Phase,
    /// The operator's word.
    pub mode: Mode,
    /// The dials.
    pub dials: Dials,
    /// What the operator says.
    pub message: Option<String>,
    /// When the sale opens.
    pub opens_at: Option<WallTime>,
    /// When registration begins.
    pub joins_from: Option<WallTime>,
    /// SHA-256 of the seed, public from the beginning.
    pub commitment: [u8; 32],
    /// The seed, from the draw on.
    pub seed: Option<[u8; 32]>,
    /// When registration closed.
    pub closed_at: Option<WallTime>,
    /// The outside value of the draw.
    pub beacon: Option<Beacon>,
    /// When the draw was made.
    pub drawn_at: Option<WallTime>,
    /// All registrations.
    pub registrations: Registrations,
    /// As they were published, if asked for: there can be thousands.
    pub minutes: Vec<Minute>,
    /// The lanes, in the order of the draw.
    pub lanes: Vec<LaneView>,
    /// People called or inside.
    pub active: u32,
    /// People called who have not come yet.
    pub called: u32,
    /// People let in so far.
    pub admitted: u64,
    /// Units that could be held, as calling last saw it.
    pub free: u64,
    /// The same in a word; none while nobody has looked.
    pub stock: Option<StockState>,
    /// How much of the rate the brake lets through, in thousandths, and why not all.
    pub brake: (u32, Option<Trouble>),
    /// Who came in and found nothing at first, since the start of the server.
    pub in_vain: u64,
    /// Counts what operators did.
    pub version: u64,
    /// People a minute at this instant, on a ramp.
    pub rate: u32,
    /// How long until the last who waits has had a turn at the rates that are set; none if nobody waits, or is called.
    pub finish: Option<Millis>,
}

/// When to ask again. Before the opening nobody is sent to the instant of the opening: everybody would ask in the same
/// millisecond. Each keeps the rhythm of their own joining, and the first ten seconds share the crowd out. Who waits asks
/// again after half of the time it will take at least: turns come sooner than the dial says whenever people ahead have gone.
fn poll_after(state: TicketState, soonest: Option<Millis>) -> Millis {
    let until_then = match (state, soonest) {
        (TicketState::Called, _) => SHORTEST_POLL,
        (TicketState::Waiting, Some(soonest)) => Millis(soonest.0 / 2),
        _ => LONGEST_POLL,
    };
    until_then.clamp(SHORTEST_POLL, LONGEST_POLL)
}

impl Line {
    /// A ticket as its holder sees it now; none if there is no such number.
    #[must_use]
    pub fn ticket(&self, ticket: Ticket, now: Now) -> Option<TicketView> {
        let Ticket { lane, number, .. } = ticket;
        let (standing, until) = self.standing(lane, number, now.engine)?;
        let phase = self.phase(now.wall);
        let state = TicketState::of(standing, phase, self.drawn.is_some());
        let here = self.lanes.get(usize::from(lane))?;
        let drawn = here.place(number);
        // Who missed the turn has no place of their own any more: a number would rise again, and is not looked for in the
        // list of those who are back at every question.
        let place = drawn.map(|place| place + 1).filter(|_| standing != Standing::Back);
        let ahead = match standing {
            Standing::Waiting => drawn.map(|place| place.saturating_sub(here.turns)),
            Standing::Back => None,
            _ => Some(0),
        };
        let waits = standing == Standing::Waiting && state == TicketState::Waiting;
        let place_of = drawn.filter(|_| waits);
        // While the clock lets nobody in nothing is said, and nobody is sent to the instant at which it does.
        let open = self.is_open(now.wall);
        let wait = place_of.filter(|_| open);
        let wait = wait.and_then(|place| self.promise(lane, number, place, now.engine));
        let wait = wait.map(|(low, high)| (low.millis(), high.millis()));
        let soonest = ahead.filter(|_| open && state == TicketState::Waiting);
        let soonest = soonest.and_then(|ahead| self.at_dial(ahead, now.engine));
        let soonest = soonest.map(|soonest| wait.map_or(soonest, |(low, _)| low.min(soonest)));
        let row = self.row(lane, number)?;
        Some(TicketView {
            ticket,
            text: self.text_of(ticket).as_str().to_owned(),
            sale: self.sale.clone(),
            lane: self.rules.lanes.get(usize::from(lane)).map(|lane| lane.name.clone()).unwrap_or_default(),
            state,
            phase,
            message: self.message.clone(),
            place: place.filter(|_| state != TicketState::Prequeue),
            ahead: ahead.filter(|_| state != TicketState::Prequeue),
            wait,
            chances: place_of.and_then(|place| self.chances(lane, number, place, now.engine)),
            poll_after: poll_after(state, soonest),
            until,
            // For as long again: a cart that is made at the end of the session is paid after it.
            pass_until: match state {
                TicketState::Called => {
                    until.map(|until| until.plus(self.rules.session).plus(self.rules.session))
                }
                TicketState::Admitted => until.map(|until| until.plus(self.rules.session)),
                _ => None,
            },
            person: row.person(),
        })
    }

    /// How long so many take at the dial's rate, if all are there and all come.
    fn at_dial(&self, ahead: u32, at: Timestamp) -> Option<Millis> {
        (u64::from(ahead) * 60_000).checked_div(u64::from(self.pace().at(at))).map(Millis)
    }

    /// How the stock stands, in the word of the documents of stock: the clock comes first.
    fn word(&self, wall: WallTime) -> Option<StockState> {
        match () {
            () if self.has_closed(wall) => Some(StockState::Closed),
            () if self.opens_later(wall) => Some(StockState::NotReleased),
            () => self.stock.word,
        }
    }

    /// How long until the last who waits has had a turn, with dials turned like this; none if nobody waits, or is called.
    #[must_use]
    pub fn finish(&self, turned: &Turned, now: Now) -> Option<Millis> {
        let waiting: u64 =
            self.lanes.iter().map(|lane| u64::from(lane.waiting()) + lane.back.len() as u64).sum();
        if waiting == 0 || !self.worked(turned.mode).calls() || self.has_closed(now.wall) {
            return None;
        }
        let before = self.opens_at.map_or(0, |opens| u64::try_from(opens.0 - now.wall.0).unwrap_or(0));
        let from = now.engine.plus(Millis(before));
        turned.pace().time_for(waiting, from).map(|long| Millis(before + long.0))
    }

    /// The line as everybody sees it now.
    #[must_use]
    pub fn view(&self, now: Now) -> LineView {
        self.view_as(&self.turned(), now)
    }

    /// The line as it would be seen with dials turned like this.
    #[must_use]
    pub fn view_as(&self, turned: &Turned, now: Now) -> LineView {
        let before = i64::try_from(self.rules.opens_before.0).unwrap_or(i64::MAX);
        let lanes = self.rules.lanes.iter().zip(&self.lanes).map(|(rules, lane)| LaneView {
            name: rules.name.clone(),
            called_up_to: lane.turns,
            waiting: lane.waiting(),
            registered: lane.registered.count(),
            digest: lane.registered.digest(),
        });
        LineView {
            sale: self.sale.clone(),
            phase: self.phase_in(turned.mode, now.wall),
            mode: turned.mode,
            dials: turned.dials,
            message: turned.message.clone(),
            opens_at: self.opens_at,
            joins_from: self.opens_at.map(|opens| WallTime(opens.0.saturating_sub(before))),
            commitment: self.seed.commitment(),
            seed: self.drawn.map(|_| self.seed.0),
            closed_at: self.closed,
            beacon: self.beacon.clone(),
            drawn_at: self.drawn,
            registrations: self.registrations(),
            minutes: Vec::new(),
            lanes: lanes.collect(),
            active: self.inside.active(),
            called: self.inside.called(),
            admitted: self.admitted,
            free: self.stock.free,
            stock: self.word(now.wall),
            brake: (self.brake.open(), self.brake.trouble()),
            in_vain: self.in_vain,
            version: self.version,
            rate: turned.pace().at(now.engine),
            finish: self.finish(turned, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_the_instant_of_the_opening() {
        let ask = |state, soonest: Option<u64>| poll_after(state, soonest.map(Millis)).0;
        assert_eq!(ask(TicketState::Prequeue, None), 10_000);
        let waits = [(0, 2_000), (3_000, 2_000), (9_000, 4_500), (20_000, 10_000), (3_000_000, 10_000)];
        for (low, after) in waits {
            assert_eq!(ask(TicketState::Waiting, Some(low)), after, "{low}");
        }
        assert_eq!(ask(TicketState::Called, None), 2_000);
        assert_eq!(ask(TicketState::SoldOut, None), 10_000);
    }
}
