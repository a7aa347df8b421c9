//! What people do in a line: join, ask how they stand, go away, come back, and use their pass.
//!
//! Everything of a line stands under its own lock. A ticket is read here and nowhere else, under that lock, so nothing
//! that was not signed by the line reaches its state.

use super::{Core, Decision};
use crate::codes::CodeHash;
use crate::fact::{Cold, Joined, Kind, LineFact};
use crate::ids::SaleIx;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, Holder};
use crate::state::Held;
use crate::time::{Millis, Now, Timestamp, WallTime};
use crate::visitors::VisitorShard;
use crate::waiting_room::draw::{Leaf, MOST_REGISTRATIONS};
use crate::waiting_room::{
    Claimed, LONGEST_POLL, Line, LineShard, LineView, Phase, RoomRules, Row, Standing, Ticket, TicketKey,
    TicketState, TicketView, packed,
};

/// The most bytes the facts of one request need: a change with its texts (500 bytes each), or a draw and two small ones.
pub(super) const LINE_BYTES: usize = 2_048;

/// The most facts of stays put away before somebody is told that theirs is over.
const PUT_AWAY: u32 = 16;

/// Who joins.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// A browser that proves nothing: a new place, whoever it is.
    Nobody,
    /// Who has a ticket already: its place, and another turn if it was missed.
    Ticket(&'a str),
    /// A keyed hash of what was proven: always the same place.
    Person(u128),
    /// An access code: always the same place, in the lane the code is for.
    Code(CodeHash),
    /// The same, proven by a paper whose own name, as a keyed hash, is good for one person only.
    Paper {
        /// Who is coming.
        person: u128,
        /// The name of the paper.
        paper: u128,
    },
}

/// `POST /v1/sales/{sale}/queue`
#[derive(Clone, Copy, Debug)]
pub struct JoinLine<'a> {
    /// The sale's public id.
    pub sale: &'a str,
    /// Who joins.
    pub proof: Proof<'a>,
    /// Into which lane; the first if none is named.
    pub lane: Option<&'a str>,
}

/// A place in a line, and whether it is new.
#[derive(Clone, Debug)]
pub struct JoinedLine {
    /// The ticket.
    pub ticket: TicketView,
    /// Whether it was made by this request.
    pub created: bool,
}

/// A session that a pass opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The ticket it belongs to.
    pub ticket: Ticket,
    /// When it ends at the latest.
    pub until: Timestamp,
    /// Whether its last wish was refused.
    pub empty_handed: bool,
}

/// What became of the wish of somebody inside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    /// Refused for want of stock.
    Refused,
    /// Held: so many units, until then.
    Granted {
        /// How many.
        units: u64,
        /// The cart's deadline.
        until: Timestamp,
    },
    /// Held for longer.
    Extended {
        /// The cart's deadline.
        until: Timestamp,
    },
}

impl Core {
    /// Gives a place in a line, or the place the caller has.
    pub fn join_line(&self, now: Now, request: &JoinLine<'_>) -> Answer<JoinedLine> {
        let Some(sale) = self.state.names.listing().sale(request.sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        if let Proof::Code(code) = request.proof {
            return self.join_with_code(now, sale, request, code);
        }
        self.on_line(now, sale, |decision| {
            let lane = request.lane;
            decision.join(sale, request, |decision| decision.check_lane_without_code(sale, lane))
        })
    }

    /// How a ticket stands. Who asks is there; who missed the turn by not being there is back.
    pub fn ticket(&self, now: Now, ticket: &str) -> Answer<TicketView> {
        let Some(claimed) = Claimed::read(ticket) else { return Self::refuse(now, no_ticket()) };
        self.on_line(now, claimed.sale(), |decision| {
            let ticket = decision.proven(&claimed)?;
            decision.draw_if_due(ticket.sale);
            decision.put_away(ticket);
            // Whose code is no good was not passed over for being away.
            let spent = decision.line(ticket.sale).spent.contains(&packed(ticket.lane, ticket.number));
            if decision.standing(ticket) == Some(Standing::Passed) && !spent {
                decision.happen(ticket.sale, LineFact::CameBack { lane: ticket.lane, number: ticket.number });
            }
            decision.seen(ticket)
        })
    }

    /// Goes away. Going twice is going once.
    pub fn leave_line(&self, now: Now, ticket: &str) -> Answer<TicketView> {
        let Some(claimed) = Claimed::read(ticket) else { return Self::refuse(now, no_ticket()) };
        self.on_line(now, claimed.sale(), |decision| {
            let ticket = decision.proven(&claimed)?;
            let Ticket { sale, lane, number } = ticket;
            decision.put_away(ticket);
            if !matches!(
                decision.standing(ticket),
                None | Some(Standing::Left | Standing::Over | Standing::Lapsed)
            ) {
                decision.happen(sale, LineFact::Left { lane, number });
            }
            decision.line_mut(sale).seen[usize::from(lane)].forget(number);
            decision.view(ticket)
        })
    }

    /// The ticket that a text is, and who proved to be it. For who prepares a request with a pass.
    pub fn ticket_holder(&self, now: Now, ticket: &str) -> Answer<(Ticket, u128)> {
        let Some(claimed) = Claimed::read(ticket) else { return Self::refuse(now, no_ticket()) };
        self.on_line(now, claimed.sale(), |decision| {
            let ticket = decision.proven(&claimed)?;
            Ok((ticket, decision.line(ticket.sale).row(ticket.lane, ticket.number).map_or(0, Row::person)))
        })
    }

    /// What the tickets of a line are signed with, as long as there is the line. For who gives them other names.
    pub fn ticket_key(&self, now: Now, sale: SaleIx) -> Answer<TicketKey> {
        self.on_line(now, sale, |decision| Ok(decision.line(sale).key))
    }

    /// Uses a pass: the first use inside the claim window begins the one session, every other finds it.
    pub fn use_pass(&self, now: Now, ticket: Ticket) -> Answer<Session> {
        self.on_line(now, ticket.sale, |decision| {
            let Ticket { sale, lane, number } = ticket;
            decision.put_away(ticket);
            if decision.standing(ticket) == Some(Standing::Called) {
                let called_until =
                    decision.line(sale).inside.get(packed(lane, number)).map(|(_, until)| until);
                let RoomRules { session, claim, .. } = decision.line(sale).rules;
                if let Some(left) = called_until.map(|until| until.since(decision.at())) {
                    decision.line_mut(sale).flow.note_come_in(Millis(claim.0.saturating_sub(left.0)));
                }
                let until = decision.at().plus(session);
                decision.happen(sale, LineFact::Claimed { lane, number, until });
                let in_use = decision.at().plus(decision.line(sale).rules.idle);
                let line = decision.line_mut(sale);
                line.unserved.insert(packed(lane, number));
                // What the cart of an earlier session kept is over with that session.
                line.idle.reset(packed(lane, number), in_use);
            }
            match decision.line(sale).standing(lane, number, decision.at()) {
                Some((Standing::Inside, Some(until))) => {
                    let in_use = decision.at().plus(decision.line(sale).rules.idle);
                    decision.line_mut(sale).idle.stir(packed(lane, number), in_use);
                    let empty_handed = decision.line(sale).empty_handed.contains(&packed(lane, number));
                    Ok(Session { ticket, until, empty_handed })
                }
                Some((Standing::Lapsed | Standing::Over, _)) => Err(Refusal::PassExpired),
                _ => Err(Refusal::NotAdmitted),
            }
        })
    }

    /// Notes what became of the wish of somebody inside: what is kept free for them, how long their cart keeps the session.
    pub(super) fn note_wish(&self, now: Now, ticket: Ticket, wish: Wish) {
        // Without room in the buffer nothing is noted; it is no state.
        let _ = self.on_line(now, ticket.sale, |decision| {
            let at = decision.at();
            let (line, packed) = (decision.line_mut(ticket.sale), packed(ticket.lane, ticket.number));
            match wish {
                Wish::Refused => {
                    // Who had something and gave it back did not come in vain.
                    let at_first = line.unserved.contains(&packed);
                    line.unserved.insert(packed);
                    line.in_vain += u64::from(line.empty_handed.insert(packed) && at_first);
                }
                Wish::Granted { units, until } => {
                    line.unserved.remove(&packed);
                    line.empty_handed.remove(&packed);
                    line.flow.note_taken(units);
                    line.idle.stir(packed, until);
                }
                // Who asks is not idle, however soon the cart lapses.
                Wish::Extended { until } => line.idle.stir(packed, until.max(at.plus(line.rules.idle))),
            }
            Ok(())
        });
    }

    /// Somebody inside gave a cart back: if they have no other, they are idle from now on. Their carts and the line are looked at
    /// together, so that a cart which is made meanwhile keeps the session.
    pub(super) fn note_given_back(&self, now: Now, caller: Caller) {
        let Some(Holder { ticket, customer }) = caller.holder else { return };
        // What another channel holds for the same person is no cart of the session. Carts come after lines, so they are looked at
        // before; one that is made meanwhile is not among them.
        let visitors = self.state.lock_visitors(VisitorShard::of(customer, self.state.shards()));
        let mut others = visitors.live_carts(customer, ticket.sale, now.engine);
        drop(visitors);
        others.retain(|cart| self.sale_of(caller, cart.cart).is_none());
        let Ok(mut decision) = Decision::begin(self, now, 0) else { return };
        decision.guards.lock_visitors(VisitorShard::of(customer, self.state.shards()));
        let _ = Self::in_line(decision, ticket.sale, |decision| {
            let at = decision.at();
            let carts = decision.guards.look_visitors().live_carts(customer, ticket.sale, at);
            let lives = carts.iter().any(|cart| others.iter().all(|other| other.cart != cart.cart));
            if !lives && decision.is_inside(ticket) {
                let line = decision.line_mut(ticket.sale);
                let in_use = at.plus(line.rules.idle);
                line.idle.reset(packed(ticket.lane, ticket.number), in_use);
            }
            Ok(())
        });
    }

    /// A decision on one line. A sale without one is refused before.
    pub(super) fn on_line<T>(
        &self,
        now: Now,
        sale: SaleIx,
        act: impl FnOnce(&mut Decision<'_>) -> Result<T, Refusal>,
    ) -> Answer<T> {
        self.on_line_with(now, sale, LINE_BYTES, act)
    }

    /// The same with so many bytes of facts.
    pub(super) fn on_line_with<T>(
        &self,
        now: Now,
        sale: SaleIx,
        bytes: usize,
        act: impl FnOnce(&mut Decision<'_>) -> Result<T, Refusal>,
    ) -> Answer<T> {
        match Decision::begin(self, now, bytes) {
            Ok(decision) => Self::in_line(decision, sale, act),
            Err(refusal) => Self::refuse(now, refusal),
        }
    }

    /// The same in a decision that has begun and holds nothing that comes after lines.
    pub(super) fn in_line<T>(
        mut decision: Decision<'_>,
        sale: SaleIx,
        act: impl FnOnce(&mut Decision<'_>) -> Result<T, Refusal>,
    ) -> Answer<T> {
        decision.guards.lock_lines(LineShard::of(sale, decision.core.state.shards()));
        decision.fix_time();
        if !decision.guards.look_lines().lines.contains_key(&sale) {
            return decision.answer(Err(Refusal::NotFound(Missing::WaitingRoom)));
        }
        decision.look_at_sale(sale);
        let result = act(&mut decision);
        let seen = decision.line(sale).stock.rests_on;
        let mut answer = decision.answer(result);
        // "Sold out" is said of what was seen elsewhere.
        answer.rests_on = answer.rests_on.max(seen);
        answer
    }
}

pub(super) fn no_ticket() -> Refusal {
    Refusal::NotFound(Missing::Ticket)
}

impl Decision<'_> {
    /// The line of a sale that is held; [`Core::on_line`] has looked.
    pub(super) fn line(&self, sale: SaleIx) -> &Line {
        match self.guards.look_lines().lines.get(&sale) {
            Some(line) => line,
            None => panic!("sale {} has no line", sale.0),
        }
    }

    /// The same, to note what is no state.
    pub(super) fn line_mut(&mut self, sale: SaleIx) -> &mut Line {
        let shard = LineShard::of(sale, self.core.state.shards());
        match self.guards.lines(shard).lines.get_mut(&sale) {
            Some(line) => line,
            None => panic!("sale {} has no line", sale.0),
        }
    }

    pub(super) fn happen(&mut self, sale: SaleIx, fact: LineFact) {
        self.commit(Kind::Cold(Box::new(Cold::Line { sale, fact })));
    }

    /// What the sale says that the line needs and does not keep.
    pub(super) fn look_at_sale(&mut self, sale: SaleIx) {
        let listing = self.core.state.names.listing();
        let Some(rules) = listing.sales.get(usize::from(sale.0)).map(|sale| &sale.rules) else { return };
        let line = self.line_mut(sale);
        (line.opens_at, line.closes_at, line.is_gone) =
            (rules.opens_at, rules.closes_at, rules.room.is_none());
        if rules.room.is_some() {
            line.code_lanes = line.rules.lanes_for_codes(rules.codes.as_deref());
        }
    }

    /// The draw if it is due, by whoever does not join: where no opening is set, it waits for somebody to be in it.
    pub(super) fn draw_if_anybody(&mut self, sale: SaleIx) {
        let line = self.line(sale);
        if line.opens_at.is_some() || line.tickets() > 0 {
            self.draw_if_due(sale);
        }
    }

    /// Registration is closed, and the draw made, by whoever comes first after their instant.
    pub(super) fn draw_if_due(&mut self, sale: SaleIx) {
        let (wall, line) = (self.now_at().wall, self.line(sale));
        let draws = line.draw_is_due(wall);
        if !draws && !line.close_is_due(wall) {
            return;
        }
        let registrations = line.registrations().count;
        if line.registers() {
            let wall = line.minute_of(wall);
            self.happen(sale, LineFact::Closed { wall, registrations });
        }
        if draws {
            self.happen(sale, LineFact::Drawn { wall, registrations });
        }
    }

    fn proven(&self, claimed: &Claimed) -> Result<Ticket, Refusal> {
        let line = self.line(claimed.sale());
        let ticket = line.proven(claimed).ok_or_else(no_ticket)?;
        line.row(ticket.lane, ticket.number).map(|_| ticket).ok_or_else(no_ticket)
    }

    /// The session's order is about to be made: it makes no other cart. A session that is over stays over.
    pub(super) fn end_session(&mut self, ticket: Ticket) {
        let Ticket { sale, lane, number } = ticket;
        if self.is_inside(ticket) {
            self.happen(sale, LineFact::Ended { lane, number });
        }
    }

    /// Whether a ticket's session runs; its line is held, if there is one.
    pub(super) fn is_inside(&self, ticket: Ticket) -> bool {
        self.guards.look_lines().lines.contains_key(&ticket.sale)
            && self.standing(ticket) == Some(Standing::Inside)
    }

    fn standing(&self, ticket: Ticket) -> Option<Standing> {
        let standing = self.line(ticket.sale).standing(ticket.lane, ticket.number, self.at());
        standing.map(|(standing, _)| standing)
    }

    /// Whoever is told that a call or a session is over is told so on a fact: after a restart it does not run again. There are
    /// bounds; beyond them the ticker is behind, and what is told is true at its time.
    fn put_away(&mut self, ticket: Ticket) {
        for _ in 0..PUT_AWAY {
            let stay = self.line(ticket.sale).inside.get(packed(ticket.lane, ticket.number));
            if stay.is_none_or(|(_, until)| until > self.at()) {
                return;
            }
            self.settle_stays(ticket.sale);
        }
    }

    fn view(&self, ticket: Ticket) -> Result<TicketView, Refusal> {
        self.line(ticket.sale).ticket(ticket, self.now_at()).ok_or_else(no_ticket)
    }

    /// The view for who is there: present until the next question is ten seconds late, also at the front, where it comes
    /// after two. A place is not lost to a train in a tunnel.
    fn seen(&mut self, ticket: Ticket) -> Result<TicketView, Refusal> {
        let (view, at) = (self.view(ticket)?, self.at());
        let until = at.plus(view.poll_after).plus(LONGEST_POLL);
        self.line_mut(ticket.sale).seen[usize::from(ticket.lane)].note(ticket.number, at, until);
        self.note_shown(&view);
        Ok(view)
    }

    /// Joins; `may` is asked before somebody gets a new place.
    pub(super) fn join(
        &mut self,
        sale: SaleIx,
        request: &JoinLine<'_>,
        may: impl FnOnce(&Self) -> Result<(), Refusal>,
    ) -> Result<JoinedLine, Refusal> {
        if self.line(sale).is_gone {
            return Err(Refusal::NotFound(Missing::WaitingRoom));
        }
        // Before anything is refused nothing is drawn that has nobody in it.
        self.draw_if_anybody(sale);
        let known = match request.proof {
            Proof::Nobody => None,
            Proof::Person(person) | Proof::Paper { person, .. } | Proof::Code(CodeHash(person)) => {
                self.line(sale).ticket_of(person).map(|(lane, number)| Ticket { sale, lane, number })
            }
            Proof::Ticket(text) => {
                let claimed = Claimed::read(text).filter(|claimed| claimed.sale() == sale);
                Some(self.proven(&claimed.ok_or_else(no_ticket)?)?)
            }
        };
        if let Proof::Paper { paper, .. } = request.proof
            && let Some(owner) = self.line(sale).tokens.get(&paper)
            && known.is_none_or(|ticket| packed(ticket.lane, ticket.number) != *owner)
        {
            return Err(Refusal::PaperUsed);
        }
        let wall = self.now_at().wall;
        let phase = self.line(sale).phase(wall);
        if let Some(ticket) = known {
            self.put_away(ticket);
            let missed = [Standing::Passed, Standing::Lapsed, Standing::Over, Standing::Left];
            let line = self.line(sale);
            let may_return = line.mode.joins() && line.drawn.is_some() && !line.has_closed(wall);
            if may_return && self.standing(ticket).is_some_and(|standing| missed.contains(&standing)) {
                self.check_room()?;
                self.happen(sale, LineFact::CameBack { lane: ticket.lane, number: ticket.number });
            }
            return Ok(JoinedLine { ticket: self.seen(ticket)?, created: false });
        }
        may(self)?;
        let line = self.line(sale);
        if !line.mode.joins() || line.has_closed(wall) {
            return Err(Refusal::SaleClosed);
        }
        if phase == Phase::Scheduled {
            return Err(Refusal::NotReleased { next_release_at: line.view(self.now_at()).joins_from });
        }
        let lane = match request.lane {
            None => 0,
            Some(name) => line
                .rules
                .lane(name)
                .ok_or_else(|| Refusal::Rule { why: format!("the waiting room has no lane `{name}`") })?,
        };
        // Anybody can join, any number of times: the last of the disk is for those who give back and pay.
        self.check_room()?;
        let number = line.lanes[usize::from(lane)].len();
        if number >= MOST_REGISTRATIONS {
            return Err(Refusal::LimitReached { what: "tickets", limit: u64::from(MOST_REGISTRATIONS) });
        }
        let person = match request.proof {
            Proof::Person(person) | Proof::Paper { person, .. } | Proof::Code(CodeHash(person)) => person,
            Proof::Nobody | Proof::Ticket(_) => 0,
        };
        // A draw that was made for who joins first could not be made again without them, and somebody else could join with the
        // paper of a place that it is not bound to.
        self.together(|decision| {
            decision.draw_if_due(sale);
            decision.commit(Kind::Joined(Joined { sale, lane, number, person, wall }));
            if let Proof::Paper { paper: token, .. } = request.proof {
                decision.happen(sale, LineFact::Bound { lane, number, token });
            }
        });
        Ok(JoinedLine { ticket: self.seen(Ticket { sale, lane, number })?, created: true })
    }
}

/// Registrations of a lane, from a number on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Of each: when it joined, by the wall, and what the draw shows of its ticket.
    pub entries: Vec<(WallTime, Leaf)>,
    /// Whether there are more behind.
    pub more: bool,
}

impl Core {
    /// A line as everybody sees it, with the registrations as they were published: what it takes to check the draw.
    pub fn draw(&self, now: Now, sale: &str) -> Answer<LineView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| {
            let line = decision.line(sale);
            Ok(LineView { minutes: line.minutes.clone(), ..line.view(decision.now_at()) })
        })
    }

    /// Registrations of a lane from a number on, at most `most`; none before they have closed. A registration never changes,
    /// so a reader may come for them piece by piece.
    pub fn registered(&self, now: Now, sale: &str, lane: u8, from: u32, most: u32) -> Answer<Registered> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| {
            let line = decision.line(sale);
            let here = line.lanes.get(usize::from(lane)).filter(|_| !line.registers());
            let count = here.map_or(0, |lane| lane.registered.count());
            let to = count.min(from.saturating_add(most));
            let entry = |number: u32| {
                let row = line.row(lane, number)?;
                Some((line.joined(row), Ticket { sale, lane, number }.leaf(&line.signer)))
            };
            Ok(Registered { entries: (from..to).filter_map(entry).collect(), more: to < count })
        })
    }
}

/// Whether a ticket in this state has a pass.
#[must_use]
pub const fn has_pass(state: TicketState) -> bool {
    matches!(state, TicketState::Called | TicketState::Admitted)
}
