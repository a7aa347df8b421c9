//! Whether answers about the waiting room were right: a place is given once and stays, the same proof has the same ticket,
//! what is ahead never rises, a session that was told of runs to its end and begins once, the dials stand as they were
//! turned, and the draw is the one that was promised.

use crate::codes::CodeHash;
use crate::decide::{JoinedLine, Registered, Session};
use crate::outcome::{Answer, CheckoutView};
use crate::refusal::Refusal;
use crate::request::Holder;
use crate::sequence::Sequence;
use crate::time::{Timestamp, WallTime};
use crate::waiting_room::draw::{Leaf, Seed};
use crate::waiting_room::{Act, Change, LONGEST_POLL, LineView, Mode, TicketState, TicketView};

use super::books::CartBook;
use super::entries::{Entry, Numbered};
use super::judge::Judge;
use super::line_books::{LineBook, LineEntry, Place, Shown, TicketBook, Told, place_of};
use super::plan::DOOR;
use super::request::{Proved, Request};

impl Judge<'_> {
    /// Enters what changed something: engine time never falls behind it.
    fn line_set<T>(&mut self, entry: LineEntry, answer: &Answer<T>) {
        self.line_note(entry, answer, answer.now.engine);
    }

    /// Enters what somebody was shown: true as long as the facts it rests on.
    fn line_shown<T>(&mut self, entry: LineEntry, answer: &Answer<T>) {
        self.line_note(entry, answer, Timestamp(0));
    }

    fn line_note<T>(&mut self, entry: LineEntry, answer: &Answer<T>, at: Timestamp) {
        let entry = Entry::Line(Box::new(entry));
        self.ledger.note(Numbered { number: answer.rests_on, at, entry, key: None });
    }

    fn ticket(&self, at: Place) -> &TicketBook {
        let known = self.ledger.books.line.tickets.get(&at);
        known.unwrap_or_else(|| panic!("a ticket {at:?} that nobody was given"))
    }

    /// Somebody joined, or had joined.
    pub fn joined(&mut self, answer: &Answer<JoinedLine>) {
        let JoinedLine { ticket: view, created } = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(joined) => joined,
        };
        let Request::Join { proof, lane } = &self.asked.request else { panic!("nobody joins") };
        let (book, at) = (&self.ledger.books.line, place_of(view.ticket));
        let known = match proof {
            Proved::Nobody => None,
            Proved::Person(person) => book.by_person(*person),
            Proved::Ticket(text) => book.by_text(text),
            Proved::Code(code) => book.by_person(code.0),
        };
        assert_eq!(known.map(|known| known.ticket), (!created).then_some(view.ticket), "whose place it is");
        let own_lane = match proof {
            Proved::Code(code) => self.comes_with(*code, *lane, answer.now),
            _ => None,
        };
        if *created {
            let person = match proof {
                Proved::Person(person) | Proved::Code(CodeHash(person)) => *person,
                Proved::Nobody | Proved::Ticket(_) => 0,
            };
            let required = !matches!(proof, Proved::Code(_)) && self.is_code_required(DOOR);
            assert!(!required, "somebody joined without a code");
            assert!(!matches!(proof, Proved::Ticket(_)), "a ticket was made from one that nobody has");
            assert!(book.mode.joins(), "somebody joined in mode {:?}", book.mode);
            assert!(!self.too_early(answer.now.wall), "somebody joined before the room opened");
            assert!(!self.too_late(answer.now.wall), "somebody joined after the sale had closed");
            assert_eq!(view.ticket.number, book.given(view.ticket.lane), "the next number of the lane");
            let room = self.ledger.books.sales[DOOR].rules.room.as_deref().expect("the door has a room");
            let lane = own_lane.as_deref().or(*lane).unwrap_or(&room.lanes[0].name);
            assert_eq!(view.lane, lane, "the lane");
            let entry = LineEntry::Joined { ticket: view.ticket, text: view.text.clone(), person };
            self.line_set(entry, answer);
        }
        self.stands(at, view, answer, !created);
    }

    /// A ticket was looked at by its holder, or left.
    pub fn standing(&mut self, answer: &Answer<TicketView>) {
        match &answer.result {
            Err(refusal) => self.justify(refusal, answer),
            Ok(view) => self.stands(place_of(view.ticket), view, answer, false),
        }
    }

    fn stands<T>(&mut self, at: Place, view: &TicketView, answer: &Answer<T>, joined_again: bool) {
        let now = answer.now.engine;
        self.rests(answer, self.ticket(at).touched, "the ticket");
        let leaves = matches!(self.asked.request, Request::Leave { .. });
        self.ledger.books.line.same_ticket(at, view, now, joined_again || leaves);
        let session = match (view.state, view.until) {
            (TicketState::Admitted, Some(until)) => Told::Until(until),
            (TicketState::Admitted, None) => panic!("a session without an end: {view:?}"),
            _ if joined_again => Told::Nothing,
            _ => self.ticket(at).session,
        };
        let beside = matches!(self.asked.request, Request::Join { proof: Proved::Code(_), .. });
        let entry = LineEntry::Stands { at, place: view.place, ahead: view.ahead, session, beside };
        self.line_shown(entry, answer);
        if leaves {
            let is_gone = matches!(view.state, TicketState::Left | TicketState::Lapsed);
            assert!(is_gone, "{at:?} left and is {:?}", view.state);
            self.line_shown(LineEntry::Ended { at }, answer);
        }
        let until = now.plus(view.poll_after).plus(LONGEST_POLL);
        self.ledger.asks.note(at, answer.rests_on, (!leaves).then_some(until));
    }

    /// A pass was used.
    pub fn session(&mut self, answer: &Answer<Session>) {
        let session = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(session) => *session,
        };
        let (at, now) = (place_of(session.ticket), answer.now.engine);
        assert!(session.until > now, "a session that has ended: {session:?} at {now}");
        match self.ticket(at).session {
            Told::Until(until) if until > now => assert_eq!(session.until, until, "a second session"),
            Told::Ended => panic!("a session that was over runs again: {session:?}"),
            _ => {}
        }
        let session = Told::Until(session.until);
        self.line_shown(LineEntry::Stands { at, place: None, ahead: None, session, beside: false }, answer);
    }

    /// The holder of a pass checked out: the end of the session is one fact, and the order is the next.
    pub fn checkout_of_holder(&mut self, answer: &Answer<CheckoutView>, holder: Holder, ended: bool) {
        if ended {
            assert!(answer.result.is_ok(), "a refused checkout has ended a session");
            let before = Sequence(answer.rests_on.0 - 1);
            let before = Answer { rests_on: before, ..answer.clone() };
            self.line_set(LineEntry::Ended { at: place_of(holder.ticket) }, &before);
        }
        self.checkout(answer);
    }

    /// A cart was made in the sale with the room: by who may.
    pub fn let_in(&self, sale: &str, now: Timestamp) {
        if sale != DOOR {
            return;
        }
        let Some(holder) = self.asked.caller.holder else {
            let free = self.asked.caller.operator || self.is_open_to_caller();
            assert!(free, "a cart without a pass: {:?}", self.asked);
            return;
        };
        let session = self.ticket(place_of(holder.ticket)).session;
        let over = session == Told::Ended || matches!(session, Told::Until(until) if until <= now);
        assert!(!over, "a cart of a session that is over at {now}: {session:?}");
        let carts = self.ledger.books.carts.values();
        // What another channel holds for the customer is none of the session's.
        let channel = self.asked.caller.channel;
        let theirs = carts.filter(|cart| cart.customer == holder.customer && cart.channel == channel);
        let theirs = theirs.filter(|cart| cart.sale == DOOR);
        assert_eq!(theirs.filter(|cart| cart.live(now)).count(), 0, "a second cart of one session");
    }

    fn is_open_to_caller(&self) -> bool {
        let books = &self.ledger.books;
        let room = books.sales[DOOR].rules.room.as_deref().expect("the door has a room");
        let channel = books.channels.get(usize::from(self.asked.caller.channel.0));
        books.line.mode == Mode::PassThrough
            || channel.is_some_and(|channel| room.open_channels.contains(channel))
    }

    fn too_early(&self, wall: WallTime) -> bool {
        let rules = &self.ledger.books.sales[DOOR].rules;
        let before = rules.room.as_deref().map_or(0, |room| room.opens_before.0);
        rules.opens_at.is_some_and(|opens| wall.0 < opens.0.saturating_sub_unsigned(before))
            && !matches!(self.ledger.books.line.mode, Mode::PassThrough)
    }

    fn too_late(&self, wall: WallTime) -> bool {
        self.ledger.books.sales[DOOR].rules.closes_at.is_some_and(|closes| wall >= closes)
    }

    /// The room was looked at, or its dials were turned.
    pub fn room(&mut self, answer: &Answer<LineView>) {
        let view = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(view) => view,
        };
        if let Request::Turn { change, dry_run } = &self.asked.request {
            let line = &self.ledger.books.line;
            let mut dials = line.dials.expect("there is a room");
            dials.admit_per_minute = change.admit_per_minute.unwrap_or(dials.admit_per_minute);
            dials.max_active = change.max_active.unwrap_or(dials.max_active);
            let mode = change.mode.unwrap_or(line.mode);
            let message = change.message.clone().unwrap_or_else(|| line.message.clone());
            assert_eq!((view.mode, view.dials, &view.message), (mode, dials, &message), "as it was turned");
            if *dry_run {
                return;
            }
            let beacon = change.beacon.clone();
            self.line_set(LineEntry::Turned { mode, dials, message, beacon }, answer);
        }
        self.rests(answer, self.ledger.books.line.touched, "the dials");
        self.ledger.books.line.same_room(view);
        let shown = Shown {
            commitment: view.commitment,
            seed: view.seed,
            closed: view.closed_at,
            drawn: view.drawn_at,
            registrations: view.registrations,
            turns: view.lanes.iter().map(|lane| lane.called_up_to).collect(),
            admitted: view.admitted,
        };
        self.line_shown(LineEntry::Shown(shown), answer);
    }

    /// So many were called at once.
    pub fn called_at_once(&mut self, answer: &Answer<u32>) {
        let Request::Admit { count } = self.asked.request else { panic!("nobody was called") };
        match &answer.result {
            Err(refusal) => self.justify(refusal, answer),
            Ok(called) => assert!(*called <= count, "{called} called of {count}"),
        }
    }

    /// The registrations of a lane: each is the ticket that was given.
    pub fn registered(&mut self, answer: &Answer<Registered>) {
        let Request::ReadRegistered { lane, from, most } = self.asked.request else { panic!("no list") };
        let Registered { entries, more } = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(registered) => registered,
        };
        assert!(entries.len() <= most as usize && (!more || entries.len() == most as usize), "{entries:?}");
        for ((_, leaf), number) in entries.iter().zip(from..) {
            let book = self.ticket((lane, number));
            assert_eq!(*leaf, Leaf::of_ticket(&book.text), "registration {number} of lane {lane}");
        }
    }

    /// What operators turned, all of it.
    pub fn changes(&mut self, answer: &Answer<Vec<(String, Change)>>) {
        let changes = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(changes) => changes,
        };
        let turned = changes.iter().filter(|(_, change)| matches!(change.act, Act::Turned { .. }));
        assert_eq!(turned.count() as u64, self.ledger.books.line.turned, "changes in the books");
        let mut numbers: Vec<_> = changes.iter().map(|(_, change)| change.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "two changes of one number: {changes:?}");
        if !changes.is_empty() {
            self.rests(answer, self.ledger.books.line.touched, "the dials");
        }
    }

    /// Whether somebody was rightly not let in.
    pub fn kept_out<T>(&self, refusal: &Refusal, answer: &Answer<T>) {
        let (books, now) = (&self.ledger.books, answer.now.engine);
        let ticket = match (&self.asked.request, self.asked.caller.holder) {
            (Request::UsePass { ticket }, _) => *ticket,
            (_, Some(holder)) => holder.ticket,
            (_, None) => {
                assert_eq!(*refusal, Refusal::NotAdmitted, "of one who shows no pass");
                assert!(!self.asked.caller.operator && !self.is_open_to_caller(), "no pass is needed");
                assert_eq!(self.taking_of().sale, DOOR);
                return self.rests(answer, books.line.touched, "the mode");
            }
        };
        let book = self.ticket(place_of(ticket));
        if *refusal == Refusal::SessionBusy {
            let customer = book.customer();
            let channel = self.asked.caller.channel;
            let own = |cart: &&CartBook| cart.customer == customer && cart.channel == channel;
            let mut carts = books.carts.values().filter(own).filter(|cart| cart.live(now));
            assert!(carts.any(|cart| cart.sale == DOOR), "the session has no cart");
            let touched = books.customers.get(&customer).copied().unwrap_or_default();
            return self.rests(answer, touched, "what the customer has");
        }
        let runs = matches!(book.session, Told::Until(until) if until > now);
        assert!(!runs, "{refusal:?} in a session that runs: {book:?}");
    }

    /// Whether a join had to be refused for now or for good.
    pub fn no_joining<T>(&self, refusal: &Refusal, answer: &Answer<T>) {
        let line = &self.ledger.books.line;
        match refusal {
            Refusal::SaleClosed => {
                let closed = self.too_late(answer.now.wall);
                assert!(closed || !line.mode.joins(), "people join in mode {:?}", line.mode);
                self.rests(answer, self.ledger.books.sales[DOOR].touched, "the sale");
                self.rests(answer, line.touched, "the mode");
            }
            Refusal::NotReleased { .. } => {
                assert!(self.too_early(answer.now.wall), "the room is open");
                self.rests(answer, self.ledger.books.sales[DOOR].touched, "the sale");
            }
            other => panic!("{other:?} to who joins"),
        }
    }
}

impl LineBook {
    /// A view agrees with all its holder was ever shown; `moved`: the holder has just left, or joined again.
    pub fn same_ticket(&self, at: Place, view: &TicketView, now: Timestamp, moved: bool) {
        let book = &self.tickets[&at];
        assert_eq!((&view.text, view.person), (&book.text, book.person), "whose ticket {at:?} is");
        assert_eq!(view.sale, DOOR);
        if let Some(place) = view.place {
            assert!(book.place.is_none_or(|known| known == place), "{at:?} was at {book:?}, now at {place}");
            let others = self.tickets.iter();
            let twice = others
                .filter(|((lane, _), other)| *lane == at.0 && other.place == Some(place))
                .any(|(other, _)| *other != at);
            assert!(!twice, "place {place} of lane {} belongs to two", at.0);
        }
        if let Some((before, ahead)) = book.ahead.zip(view.ahead) {
            assert!(ahead <= before, "{at:?}: {before} were ahead, now {ahead}");
        }
        let admitted = view.state == TicketState::Admitted;
        match book.session {
            Told::Until(until) if until > now && !moved => {
                assert!(admitted && view.until == Some(until), "a session until {until}: {view:?}");
            }
            Told::Ended => assert!(!admitted || moved, "a session that was over runs again: {view:?}"),
            _ => {}
        }
    }

    /// What everybody is shown agrees with what everybody was shown, and with what operators turned.
    pub fn same_room(&self, view: &LineView) {
        let line = self;
        let turned = (line.mode, line.dials, &line.message);
        assert_eq!((view.mode, Some(view.dials), &view.message), turned, "as operators turned it");
        if line.beacon.is_some() {
            assert_eq!(view.beacon.as_ref().map(|beacon| &beacon.text), line.beacon.as_ref(), "the beacon");
        }
        for (number, lane) in (0_u8..).zip(&view.lanes) {
            let given = line.given(number);
            assert_eq!(lane.called_up_to + lane.waiting, given, "places of lane {number}");
            assert!(view.closed_at.is_some() || lane.registered == given, "registrations of lane {number}");
        }
        assert_eq!(view.seed.is_some(), view.drawn_at.is_some(), "the seed is shown from the draw on");
        if let Some(seed) = view.seed {
            assert_eq!(Seed(seed).commitment(), view.commitment, "the seed is the one that was promised");
        }
        let Some(shown) = &line.shown else { return };
        assert_eq!(view.commitment, shown.commitment, "the commitment");
        assert!(shown.seed.is_none() || shown.seed == view.seed, "the seed");
        assert!(shown.drawn.is_none() || shown.drawn == view.drawn_at, "when the draw was made");
        // Before anybody has registered other lanes may stand there, and registrations of nobody have another digest.
        if shown.closed.is_some() && shown.registrations.count > 0 {
            assert_eq!((shown.closed, shown.registrations), (view.closed_at, view.registrations));
        }
        assert!(shown.registrations.count <= view.registrations.count, "registrations are gone");
        let turns = view.lanes.iter().map(|lane| lane.called_up_to);
        assert!(turns.zip(&shown.turns).all(|(now, before)| now >= *before), "turns: {shown:?}, {view:?}");
        assert!(view.admitted >= shown.admitted, "{} were let in, now {}", shown.admitted, view.admitted);
    }
}
