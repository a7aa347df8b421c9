//! What must always be true of a line, for `invariants`: nothing in here is fast, and nothing in here changes anything.

use std::collections::BTreeSet;

use super::inside::Stay;
use super::lane::{LaneLine, Standing};
use super::line::{Line, packed, token_digest, unpacked};
use crate::digest::Digest;

macro_rules! demand {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}

impl Line {
    /// Asks everything of the line, and adds its tickets to a digest.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn sound(&self, digest: &mut Digest) -> Result<(), String> {
        let mut stays = 0;
        for (number, lane) in (0_u8..).zip(&self.lanes) {
            self.lane_sound(number, lane)?;
            digest.add(lane.grade.digest(number));
            self.grade_sound(number, lane)?;
            for ticket in 0..lane.len() {
                let Some(row) = lane.row(ticket) else { return Err(format!("no ticket {ticket}")) };
                digest.add(row.digest(number, ticket));
                let stay = self.inside.get(packed(number, ticket)).map(|(stay, _)| stay);
                let wanted = match row.standing {
                    Standing::Called => Some(Stay::Called),
                    Standing::Inside => Some(Stay::Session),
                    _ => None,
                };
                demand!(stay == wanted, "ticket {ticket} of lane {number} is {:?}: {stay:?}", row.standing);
                stays += u32::from(stay.is_some());
                let person = row.person();
                demand!(
                    person == 0 || self.ticket_of(person) == Some((number, ticket)),
                    "ticket {ticket} of lane {number} is not its person's"
                );
            }
        }
        for (token, ticket) in &self.tokens {
            let (lane, number) = unpacked(*ticket);
            demand!(self.row(lane, number).is_some(), "a token of ticket {number} of lane {lane}");
            digest.add(token_digest(*token, *ticket));
        }
        demand!(stays == self.inside.active(), "{} stays of {stays} tickets", self.inside.active());
        let called = self.inside.iter().filter(|(_, stay, _)| *stay == Stay::Called).count();
        demand!(called == self.inside.called() as usize, "{called} called, counted {}", self.inside.called());
        Ok(())
    }

    /// Whoever was shown a range still waits, or was graded once.
    fn grade_sound(&self, number: u8, lane: &LaneLine) -> Result<(), String> {
        let shown = |ticket: &u32| lane.row(*ticket).is_some_and(|row| row.first().is_some());
        let waits = |ticket: &u32| lane.row(*ticket).is_some_and(|row| row.standing == Standing::Waiting);
        let all = (0..lane.len()).filter(shown).count() as u64;
        let waiting = (0..lane.len()).filter(|ticket| shown(ticket) && waits(ticket)).count() as u64;
        let grade = &lane.grade;
        let graded = grade.marks().called() + grade.absent + grade.left;
        demand!(all == grade.shown, "lane {number}: {all} were shown a range, counted {}", grade.shown);
        demand!(all == waiting + graded, "lane {number}: {all} shown, {waiting} wait, {graded} graded");
        let errors: u64 = grade.marks().errors.iter().sum();
        demand!(errors == grade.marks().called(), "lane {number}: {errors} errors of {:?}", grade.marks());
        Ok(())
    }

    fn lane_sound(&self, number: u8, lane: &LaneLine) -> Result<(), String> {
        let registered = lane.registered.count();
        let known = if !self.registers() { registered <= lane.len() } else { registered == lane.len() };
        demand!(known, "lane {number}: {registered} registered of {}", lane.len());
        demand!(lane.turns <= lane.len(), "lane {number}: {} turns of {}", lane.turns, lane.len());
        let back: BTreeSet<u32> = lane.back.iter().copied().collect();
        demand!(back.len() == lane.back.len(), "lane {number}: somebody is back twice");
        let is_back = |ticket: &u32| lane.row(*ticket).is_some_and(|row| row.standing == Standing::Back);
        let all: BTreeSet<u32> = (0..lane.len()).filter(is_back).collect();
        demand!(all == back, "lane {number}: back are {all:?}, waiting {back:?}");
        if self.drawn.is_none() {
            return Ok(());
        }
        for ticket in 0..lane.len() {
            let place = lane.place(ticket);
            demand!(
                place.and_then(|place| lane.at(place)) == Some(ticket),
                "ticket {ticket} is not at {place:?}"
            );
            let waiting = lane.row(ticket).is_some_and(|row| row.standing == Standing::Waiting);
            let had_its_turn = place.is_some_and(|place| place < lane.turns);
            demand!(!(waiting && had_its_turn), "lane {number}: ticket {ticket} was forgotten at {place:?}");
        }
        Ok(())
    }
}
