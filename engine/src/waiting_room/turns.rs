//! What becomes of places: called, passed over, back, inside, over. Each change is one function, called by `apply` alone; what must
//! be true before it is asked in `apply/line.rs`.

use super::grade::{First, Raised};
use super::inside::Stay;
use super::lane::{Row, Standing};
use super::line::{Line, packed, unpacked};
use crate::digest::Digest;
use crate::time::Timestamp;

/// What becomes of a turn.
#[derive(Clone, Copy)]
enum Turn {
    Called(Timestamp),
    Absent,
    Left,
}

impl Line {
    fn stand(&mut self, digest: &mut Digest, lane: u8, number: u32, standing: Standing) {
        let row = self.lanes[usize::from(lane)].row_mut(number);
        digest.subtract(row.digest(lane, number));
        row.standing = standing;
        digest.add(row.digest(lane, number));
    }

    /// Places get their turn: who is named in `passed`, ascending, is not there, who left is nobody, everybody else is called.
    pub(crate) fn call(
        &mut self,
        digest: &mut Digest,
        lane: u8,
        places: u32,
        passed: &[u32],
        until: Timestamp,
        at: Timestamp,
    ) {
        let mut people = 0;
        let first = self.lanes[usize::from(lane)].turns;
        for place in first..first + places {
            let Some(number) = self.lanes[usize::from(lane)].at(place) else { continue };
            if self.row(lane, number).is_none_or(|row| row.standing != Standing::Waiting) {
                continue;
            }
            if passed.binary_search(&place).is_ok() {
                self.mark(digest, lane, number, Turn::Absent);
                self.stand(digest, lane, number, Standing::Passed);
                continue;
            }
            self.mark(digest, lane, number, Turn::Called(at));
            self.stand(digest, lane, number, Standing::Called);
            self.inside.set(packed(lane, number), Stay::Called, until);
            people += 1;
        }
        let line = &mut self.lanes[usize::from(lane)];
        line.turns += places;
        line.called += u64::from(people);
        self.moves.counts.called += u64::from(people);
        self.credit.spend(self.pace(), at, people);
    }

    /// So many of the first of those who are back get another turn; those at the places `absent` are passed over once more.
    pub(crate) fn call_back(
        &mut self,
        digest: &mut Digest,
        lane: u8,
        looked: u32,
        absent: &[u32],
        until: Timestamp,
        at: Timestamp,
    ) {
        let mut called = 0;
        for place in 0..looked {
            let Some(number) = self.lanes[usize::from(lane)].back.pop_front() else { break };
            if self.row(lane, number).is_none_or(|row| row.standing != Standing::Back) {
                continue;
            }
            if absent.binary_search(&place).is_ok() {
                self.stand(digest, lane, number, Standing::Passed);
            } else {
                self.stand(digest, lane, number, Standing::Called);
                self.inside.set(packed(lane, number), Stay::Called, until);
                called += 1;
            }
        }
        self.lanes[usize::from(lane)].called += u64::from(called);
        self.moves.counts.called += u64::from(called);
        self.credit.spend(self.pace(), at, called);
    }

    pub(crate) fn come_back(&mut self, digest: &mut Digest, lane: u8, number: u32, at: Timestamp) {
        // A call that has ended and that nobody has put away yet.
        if self.inside.remove(packed(lane, number)) == Some(Stay::Called) {
            self.credit.give_back(self.pace(), at, 1);
        }
        self.stand(digest, lane, number, Standing::Back);
        self.lanes[usize::from(lane)].back.push_back(number);
    }

    pub(crate) fn claim(&mut self, digest: &mut Digest, lane: u8, number: u32, until: Timestamp) {
        self.stand(digest, lane, number, Standing::Inside);
        self.inside.set(packed(lane, number), Stay::Session, until);
        self.admitted += 1;
        self.moves.counts.came += 1;
    }

    /// A ticket goes away, or its session is over.
    pub(crate) fn end(
        &mut self,
        digest: &mut Digest,
        lane: u8,
        number: u32,
        standing: Standing,
        at: Timestamp,
    ) {
        if self.inside.remove(packed(lane, number)) == Some(Stay::Called) {
            self.credit.give_back(self.pace(), at, 1);
            self.moves.counts.declined += 1;
        }
        let here = &mut self.lanes[usize::from(lane)];
        if here.row(number).is_some_and(|row| row.standing == Standing::Back) {
            here.back.retain(|back| *back != number);
        }
        if self.row(lane, number).is_some_and(|row| row.standing == Standing::Waiting) {
            self.mark(digest, lane, number, Turn::Left);
        }
        self.stand(digest, lane, number, standing);
    }

    /// The first `stays` that have ended are moved out.
    pub(crate) fn settle(&mut self, digest: &mut Digest, stays: u32, at: Timestamp) {
        let mut missed = 0;
        for _ in 0..stays {
            let Some(ticket) = self.inside.first_ended(at) else { break };
            let (lane, number) = unpacked(ticket);
            let was_called = self.inside.remove(ticket) == Some(Stay::Called);
            missed += u32::from(was_called);
            self.stand(digest, lane, number, if was_called { Standing::Lapsed } else { Standing::Over });
        }
        self.moves.counts.lapsed += u64::from(missed);
        self.credit.give_back(self.pace(), at, missed);
    }

    /// Tickets were shown their first range, and upper bounds rose.
    pub(crate) fn show(&mut self, digest: &mut Digest, lane: u8, entries: &[(u32, First)], raised: &Raised) {
        let here = &mut self.lanes[usize::from(lane)];
        digest.subtract(here.grade.digest(lane));
        here.grade.shown += entries.len() as u64;
        here.grade.raised = here.grade.raised.and(raised);
        digest.add(here.grade.digest(lane));
        for (number, first) in entries {
            let row = here.row_mut(*number);
            digest.subtract(row.digest(lane, *number));
            row.show(*first);
            digest.add(row.digest(lane, *number));
        }
    }

    /// A turn has come, or will not: what was said of it is graded. A ticket that was shown nothing and is not called counts nowhere.
    fn mark(&mut self, digest: &mut Digest, lane: u8, number: u32, turn: Turn) {
        let turned_at = super::grade::tenths(self.turned_at);
        let here = &mut self.lanes[usize::from(lane)];
        let first = here.row(number).and_then(Row::first);
        let grade = &mut here.grade;
        digest.subtract(grade.digest(lane));
        match (turn, first) {
            (Turn::Called(at), Some(first)) => {
                // Since it was shown, counted back from now: instants are kept to 32 bits.
                let now = super::grade::tenths(at);
                let turned = now.wrapping_sub(turned_at) < now.wrapping_sub(first.shown);
                if turned { &mut grade.turned } else { &mut grade.steady }.mark(first, at);
            }
            (Turn::Called(_), None) => grade.untold += 1,
            (Turn::Absent, Some(_)) => grade.absent += 1,
            (Turn::Left, Some(_)) => grade.left += 1,
            (Turn::Absent | Turn::Left, None) => {}
        }
        digest.add(grade.digest(lane));
    }
}
