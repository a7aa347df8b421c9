//! A naive line, lived from the durable facts: no index, no share, no credit, only who stands where. It demands of each fact
//! what the room promises: nobody is passed over who is there, nobody is called ahead of them, the cap holds at every
//! instant, a pass begins one session, a person has one place, there is one draw.

use std::collections::{BTreeMap, VecDeque};

use crate::fact::{Cold, Fact, Kind, LineFact};
use crate::sequence::Sequence;
use crate::time::{Millis, Timestamp};
use crate::waiting_room::{LONGEST_POLL, Line, Row, Standing, Stay, packed};

use super::line_books::Place;

/// Who has asked when, and until when they count as there.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<Place, Vec<(Sequence, Option<Timestamp>)>>);

impl Asks {
    /// Somebody asked, and counts as there until then; or went away.
    pub fn note(&mut self, at: Place, rests_on: Sequence, until: Option<Timestamp>) {
        self.0.entry(at).or_default().push((rests_on, until));
    }

    /// Answers that a crash took.
    pub fn cut(&mut self, last: Sequence) {
        for asks in self.0.values_mut() {
            asks.retain(|(rests_on, _)| *rests_on <= last);
        }
    }

    /// A process starts at a time that may lie before what its predecessor told last, where nothing was written down since.
    /// It has seen nobody, and waits twice the longest poll for everybody.
    pub fn start(&mut self, now: Timestamp) {
        let most = now.plus(Millis(2 * LONGEST_POLL.0));
        for (_, until) in self.0.values_mut().flatten() {
            *until = until.map(|until| until.min(most));
        }
    }

    /// Whether somebody is there at a time. An answer of the line that rests on less than a call's number was given before
    /// the call; the last word before it counts.
    fn present(&self, at: Place, call: Sequence, now: Timestamp) -> bool {
        let mut asks = self.0.get(&at).into_iter().flatten();
        let last = asks.rfind(|(rests_on, _)| *rests_on < call);
        last.is_some_and(|(_, until)| until.is_some_and(|until| until >= now))
    }
}

/// What is known beside the line.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Who has asked.
    pub asks: &'a Asks,
    /// Whether somebody's access code is no good any more.
    pub no_good: &'a dyn Fn(u128, Timestamp) -> bool,
}

impl Known<'_> {
    /// Whether somebody is there, and has not come with a code that is no good.
    fn would_come(&self, line: &Line, at: Place, call: Sequence, now: Timestamp) -> bool {
        let person = line.row(at.0, at.1).map_or(0, Row::person);
        self.asks.present(at, call, now) && (person == 0 || !(self.no_good)(person, now))
    }
}

#[derive(Debug, Default)]
struct LaneTurns {
    standings: Vec<Standing>,
    turns: u32,
    back: VecDeque<u32>,
    called: u64,
    /// Of those, called among who is back while others waited.
    shared: u64,
}

/// One in so many calls is for who is back.
const BACK_EVERY: u64 = 20;

/// How much has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub places: u64,
    pub called: u64,
    pub passed: u64,
    pub sessions: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lanes: Vec<LaneTurns>,
    stays: BTreeMap<Place, (Stay, Timestamp)>,
    people: BTreeMap<u128, Place>,
    closed: Option<u32>,
    beacon: bool,
    drawn: bool,
    pub tally: Tally,
}

impl Turns {
    /// Lives one fact of the line, which `line` has applied.
    pub fn live(&mut self, number: Sequence, fact: &Fact, line: &Line, known: Known<'_>) {
        self.lanes.resize_with(line.lanes.len(), LaneTurns::default);
        let before = self.active(fact.at);
        match &fact.kind {
            Kind::Joined(joined) => {
                let at = (joined.lane, joined.number);
                let lane = &mut self.lanes[usize::from(joined.lane)];
                assert_eq!(lane.standings.len(), joined.number as usize, "the next number of lane {}", at.0);
                lane.standings.push(Standing::Waiting);
                if joined.person != 0 {
                    let known = self.people.insert(joined.person, at);
                    assert!(known.is_none(), "one person was given {known:?} and {at:?}");
                }
                self.tally.places += 1;
            }
            Kind::Cold(cold) => {
                if let Cold::Line { fact: happened, .. } = &**cold {
                    self.happen(number, fact.at, happened, line, known);
                }
            }
            _ => {}
        }
        let after = self.active(fact.at);
        let cap = line.dials.max_active as usize;
        assert!(after <= before.max(cap), "{after} called and inside at {}, {cap} may be", fact.at);
    }

    /// Who is called or inside at a time: a stay ends at its time, whoever has written that down.
    fn active(&self, at: Timestamp) -> usize {
        self.stays.values().filter(|(_, until)| *until > at).count()
    }

    fn happen(&mut self, number: Sequence, at: Timestamp, fact: &LineFact, line: &Line, known: Known<'_>) {
        match fact {
            LineFact::Noted { .. } => assert!(self.closed.is_none(), "registrations noted after they closed"),
            LineFact::Closed { registrations, .. } => {
                let given: usize = self.lanes.iter().map(|lane| lane.standings.len()).sum();
                assert_eq!(*registrations as usize, given, "everybody who joined has registered");
                assert!(self.closed.replace(*registrations).is_none(), "registration closed twice");
            }
            LineFact::Beacon { .. } => {
                assert!(self.closed.is_some() && !self.drawn && !self.beacon, "a beacon at the wrong time");
                self.beacon = true;
            }
            LineFact::Drawn { registrations, .. } => {
                assert!(!self.drawn && self.closed == Some(*registrations), "a second draw, or of others");
                self.drawn = true;
            }
            LineFact::Called { lane, from, places, passed, until } => {
                assert!(self.drawn, "a call before the draw");
                assert_eq!(*until, at.plus(line.rules.claim), "how long a call stands");
                assert_eq!(self.lanes[usize::from(*lane)].turns, *from, "turns of lane {lane} go on");
                for place in *from..from + places {
                    let ticket = line.lanes[usize::from(*lane)].at(place).expect("a place of the lane");
                    let there = known.would_come(line, (*lane, ticket), number, at);
                    self.turn(number, at, (*lane, ticket), passed.contains(&place).then_some(there), *until);
                }
                self.lanes[usize::from(*lane)].turns += places;
            }
            LineFact::TurnedBack { lane, looked, absent, until } => {
                for place in 0..*looked {
                    let here = &mut self.lanes[usize::from(*lane)];
                    let ticket = here.back.pop_front().expect("somebody who is back");
                    assert_eq!(here.standings[ticket as usize], Standing::Back);
                    let (who, others_wait) = ((*lane, ticket), (here.turns as usize) < here.standings.len());
                    if absent.contains(&place) {
                        let there = known.would_come(line, who, number, at);
                        assert!(!there, "{who:?} was back, was passed over again at {at}, and was there");
                        self.stand(who, Standing::Passed);
                        self.tally.passed += 1;
                        continue;
                    }
                    here.standings[ticket as usize] = Standing::Called;
                    here.called += 1;
                    here.shared += u64::from(others_wait);
                    self.stays.insert(who, (Stay::Called, *until));
                    self.tally.called += 1;
                }
                let here = &self.lanes[usize::from(*lane)];
                let (shared, called) = (here.shared, here.called);
                assert!(shared * BACK_EVERY <= called, "{shared} of {called} calls went to who came back");
            }
            LineFact::CalledBack { lane, people, until } => {
                let here = &mut self.lanes[usize::from(*lane)];
                let others_wait = (here.turns as usize) < here.standings.len();
                for _ in 0..*people {
                    let ticket = here.back.pop_front().expect("somebody who is back");
                    let standing = &mut here.standings[ticket as usize];
                    assert_eq!(*standing, Standing::Back);
                    *standing = Standing::Called;
                    self.stays.insert((*lane, ticket), (Stay::Called, *until));
                    here.called += 1;
                    here.shared += u64::from(others_wait);
                    self.tally.called += 1;
                }
                let (shared, called) = (here.shared, here.called);
                assert!(shared * BACK_EVERY <= called, "{shared} of {called} calls went to who came back");
            }
            LineFact::CameBack { lane, number } => {
                let place = (*lane, *number);
                let standing = self.standing(place, at);
                let away = [Standing::Passed, Standing::Lapsed, Standing::Over, Standing::Left];
                assert!(away.contains(&standing), "{place:?} is {standing:?} and came back");
                self.stays.remove(&place);
                self.stand(place, Standing::Back);
                self.lanes[usize::from(*lane)].back.push_back(*number);
            }
            LineFact::Claimed { lane, number, until } => {
                let place = (*lane, *number);
                assert_eq!(self.standing(place, at), Standing::Called, "whose pass begins a session");
                assert_eq!(*until, at.plus(line.rules.session), "how long a session lasts");
                self.stays.insert(place, (Stay::Session, *until));
                self.stand(place, Standing::Inside);
                self.tally.sessions += 1;
            }
            LineFact::Ended { lane, number } => {
                let place = (*lane, *number);
                assert_eq!(self.standing(place, at), Standing::Inside, "whose session ends");
                self.stays.remove(&place);
                self.stand(place, Standing::Over);
            }
            LineFact::Left { lane, number } => {
                let place = (*lane, *number);
                let gone = [Standing::Lapsed, Standing::Over, Standing::Left];
                assert!(!gone.contains(&self.standing(place, at)), "{place:?} leaves and is gone already");
                self.stays.remove(&place);
                self.lanes[usize::from(*lane)].back.retain(|back| back != number);
                self.stand(place, Standing::Left);
            }
            LineFact::Settled { stays } => {
                for _ in 0..*stays {
                    let first = self.stays.iter().map(|(place, (_, until))| (*until, *place)).min();
                    let (until, place) = first.expect("a stay that has ended");
                    assert!(until <= at, "{place:?} was put away at {at}, it stays until {until}");
                    let ended = self.standing(place, at);
                    self.stays.remove(&place);
                    self.stand(place, ended);
                }
            }
            // The rest turns dials: nobody's place.
            _ => {}
        }
    }

    /// A place has its turn: who waits is called, or passed over because nobody is there who would come.
    fn turn(
        &mut self,
        number: Sequence,
        at: Timestamp,
        place: Place,
        passed_over_though: Option<bool>,
        until: Timestamp,
    ) {
        if self.standing(place, at) != Standing::Waiting {
            assert!(passed_over_though.is_none(), "{place:?} does not wait and was passed over");
            return;
        }
        if let Some(there) = passed_over_though {
            assert!(!there, "{place:?} was passed over at {at} by fact {number} and its holder was there");
            self.stand(place, Standing::Passed);
            self.tally.passed += 1;
            return;
        }
        self.stand(place, Standing::Called);
        self.stays.insert(place, (Stay::Called, until));
        self.lanes[usize::from(place.0)].called += 1;
        self.tally.called += 1;
    }

    /// Where a ticket stands at a time.
    fn standing(&self, (lane, number): Place, at: Timestamp) -> Standing {
        let standing = self.lanes[usize::from(lane)].standings[number as usize];
        match (standing, self.stays.get(&(lane, number))) {
            (Standing::Called, Some((_, until))) if *until <= at => Standing::Lapsed,
            (Standing::Inside, Some((_, until))) if *until <= at => Standing::Over,
            _ => standing,
        }
    }

    fn stand(&mut self, (lane, number): Place, standing: Standing) {
        self.lanes[usize::from(lane)].standings[number as usize] = standing;
    }

    /// The line that lived the same facts is the same.
    pub fn compare(&self, line: &Line) {
        let stays: BTreeMap<_, _> =
            self.stays.iter().map(|((lane, number), stay)| (packed(*lane, *number), *stay)).collect();
        let there: BTreeMap<_, _> =
            line.inside.iter().map(|(ticket, stay, until)| (ticket, (stay, until))).collect();
        assert_eq!(there, stays, "who is called and inside");
        assert_eq!(line.drawn.is_some(), self.drawn);
        for (lane, (here, there)) in self.lanes.iter().zip(&line.lanes).enumerate() {
            assert_eq!((there.turns, &there.back), (here.turns, &here.back), "lane {lane}");
            let standings: Vec<_> =
                (0..there.len()).filter_map(|number| there.row(number)).map(|row| row.standing).collect();
            assert_eq!(standings, here.standings, "the tickets of lane {lane}");
        }
        for (person, (lane, number)) in &self.people {
            assert_eq!(line.ticket_of(*person), Some((*lane, *number)), "the place of a person");
        }
    }
}
