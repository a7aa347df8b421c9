//! Whether an answer was right: a replay is the same answer, a success is allowed by the books and then entered in them, a
//! refusal is justified, and every answer rests on what it speaks of.

use crate::ids::CartId;
use crate::outcome::{Answer, CartState, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::Notes;
use crate::sequence::Sequence;
use crate::time::{Millis, Now, Timestamp, WallTime};

use super::books::{CartBook, Kept, KeyBook, Line, Sight, Stage};
use super::entries::{Entry, Ledger, Numbered};
use super::legal::{expected_lines, may_take};
use super::request::{Asked, Request};
use super::seats::check_seats;

/// One answer before the books.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub ledger: &'a mut Ledger,
    pub asked: &'a Asked,
    /// The door's time, from before the decision.
    pub door: Now,
    /// The latest time anybody has read.
    pub newest: Timestamp,
    /// How long keys and ended carts are kept.
    pub key_keep: Millis,
    pub cart_keep: Millis,
    pub disk_full: bool,
    /// Whether so few keys are remembered that a newer one may have displaced this.
    pub few_keys: bool,
}

impl Judge<'_> {
    /// An answer rests on at least this number.
    pub fn rests<T>(&self, answer: &Answer<T>, on: Sequence, what: &str) {
        assert!(
            answer.rests_on >= on,
            "{what} changed with fact {on}, the answer rests on {}",
            answer.rests_on
        );
    }

    /// What the key says: the kept answer if this must be a replay of it.
    pub fn kept<T>(&self, answer: &Answer<T>) -> Option<KeyBook> {
        let Some(key) = self.asked.key else {
            assert!(!answer.replayed, "a replay without a key");
            return None;
        };
        let refusal = answer.result.as_ref().err();
        let reused = refusal == Some(&Refusal::KeyReused);
        let nobody = matches!(
            refusal,
            Some(Refusal::Overloaded | Refusal::NotFound(Missing::Cart | Missing::Order | Missing::Sale))
        );
        let known = self.ledger.books.keys.get(&key.key);
        match known {
            Some(_) if self.few_keys && !answer.replayed && !reused => None,
            Some(book) if answer.now.engine < book.at.plus(self.key_keep) && !nobody => {
                self.rests(answer, book.number, "the key");
                let same = book.fingerprint == key.fingerprint;
                assert!(answer.replayed == same, "same request: {same}, replayed: {}", answer.replayed);
                assert!(reused != same, "same request: {same}, key reused: {reused}");
                same.then(|| book.clone())
            }
            Some(book) if self.door.engine < book.at.plus(self.key_keep) && answer.replayed => {
                Some(book.clone())
            }
            Some(book) if self.door.engine < book.at.plus(self.key_keep) => None,
            _ => {
                assert!(!answer.replayed, "a replay of what was never answered, or too long ago");
                assert!(!reused, "the key is not known, or too old");
                None
            }
        }
    }

    /// An answer that shows a cart.
    pub fn cart(&mut self, answer: &Answer<CartView>) {
        if let Some(known) = self.kept(answer) {
            let Ok(view) = &answer.result else { panic!("a replay that refuses") };
            let now = Kept::Cart { cart: view.cart, state: view.state, items: view.items.to_vec() };
            assert_eq!(now, known.kept, "the replay is not what was answered");
            return;
        }
        match &answer.result {
            Err(Refusal::KeyReused) => {}
            Err(refusal) => self.justify(refusal, answer),
            Ok(view) => self.cart_success(view, answer),
        }
    }

    fn cart_success(&mut self, view: &CartView, answer: &Answer<CartView>) {
        let at = answer.now.engine;
        let asked = self.asked;
        match &asked.request {
            Request::ReadCart { cart } => {
                let book = self.seen(*cart);
                self.rests(answer, book.touched, "the cart");
                if view.state == CartState::Expired {
                    self.ledger.tell_expired(*cart, answer.rests_on);
                }
            }
            Request::Open { sale, customer, notes, .. } => {
                let wants = self.taking_of().wants.into_owned();
                let lines = expected_lines(&self.ledger.books.sales[sale].rules, &wants, 0, &view.items);
                assert!(!self.disk_full, "a cart was made while the disk was full");
                self.let_in(sale, at);
                let code = self.shown_code();
                let reserves = self.come_in(sale, &lines, answer);
                let rules = &self.ledger.books.sales[sale].rules;
                // A cart that stands on what its code holds ends with it.
                let last = code.filter(|_| reserves).and_then(|hash| self.ledger.books.codes[&hash].until);
                let ends = |span| last.map_or(at.plus(span), |last| last.min(at.plus(span)));
                let notes = Notes {
                    customer: notes.customer.clone().filter(|_| rules.keep_customer),
                    ..notes.clone()
                };
                let book = CartBook {
                    sale,
                    channel: asked.caller.channel,
                    customer: *customer,
                    bundles: lines.iter().map(|line| line.bundle).max().unwrap_or(0),
                    lines,
                    deadline: ends(rules.hold_ttl),
                    hard_deadline: ends(rules.hold_max),
                    stage: Stage::Open,
                    confirmed_at: WallTime::default(),
                    notes,
                    code,
                    reserves,
                    // Nobody has touched it yet: the entry says when.
                    touched: Sequence::ZERO,
                };
                may_take(&self.ledger.books, &book, &book.lines, &[], answer.now);
                check_seats(&self.ledger.books, sale, &wants, &book.lines);
                self.changed(Entry::Opened { cart: view.cart, book: Box::new(book) }, view, answer);
            }
            Request::Add { cart, wants } => {
                let (book, lines) = self.taking(*cart, wants, 0, view, answer);
                assert!(!book.reserves, "more than the units of {book:?}");
                self.more_with_code(&book, &lines, &[]);
                may_take(&self.ledger.books, &book, &lines, &[], answer.now);
                check_seats(&self.ledger.books, book.sale, wants, &lines);
                self.changed(Entry::Changed { cart: *cart, out: Vec::new(), lines }, view, answer);
            }
            Request::Exchange { cart, ordinal, want } => {
                let wants = std::slice::from_ref(want);
                let out = self.seen(*cart).whole(*ordinal).expect("what is exchanged is there");
                let (book, lines) = self.taking(*cart, wants, out.len(), view, answer);
                let leaving: Vec<Line> = out.iter().map(|o| book.lines[usize::from(*o)].clone()).collect();
                self.more_with_code(&book, &lines, &leaving);
                may_take(&self.ledger.books, &book, &lines, &leaving, answer.now);
                check_seats(&self.ledger.books, book.sale, wants, &lines);
                self.changed(Entry::Changed { cart: *cart, out, lines }, view, answer);
            }
            Request::Release { cart, ordinal } => {
                self.open_still(*cart, answer);
                let out = self.seen(*cart).whole(*ordinal).expect("what is given back was there");
                self.changed(Entry::Changed { cart: *cart, out, lines: Vec::new() }, view, answer);
            }
            Request::Abandon { cart } => {
                self.open_still(*cart, answer);
                let out = self.seen(*cart).present();
                self.changed(Entry::Changed { cart: *cart, out, lines: Vec::new() }, view, answer);
            }
            Request::Extend { cart } => {
                self.open_still(*cart, answer);
                let book = self.seen(*cart);
                let rules = &self.ledger.books.sales[book.sale].rules;
                let closed = rules.closes_at.is_some_and(|closes| answer.now.wall >= closes);
                assert!(!closed, "extended after the sale had closed");
                let code = book.code.filter(|_| book.reserves).map(|hash| &self.ledger.books.codes[&hash]);
                let longest = at.plus(rules.hold_ttl).min(book.hard_deadline);
                let longest = code.and_then(|code| code.until).map_or(longest, |until| longest.min(until));
                let deadline = longest.max(book.deadline);
                self.changed(Entry::Extended { cart: *cart, deadline }, view, answer);
            }
            other => panic!("{other:?} does not show a cart"),
        }
        self.same_cart(view, answer);
    }

    /// A cart that takes more, as it was before, and what it takes.
    fn taking(
        &self,
        cart: CartId,
        wants: &[crate::request::Want],
        leaving: usize,
        view: &CartView,
        answer: &Answer<CartView>,
    ) -> (CartBook, Vec<Line>) {
        self.open_still(cart, answer);
        assert!(!self.disk_full, "more was held while the disk was full");
        let book = self.seen(cart);
        let staying = book.present().len() - leaving;
        let rules = &self.ledger.books.sales[book.sale].rules;
        let lines = expected_lines(rules, wants, book.bundles, &view.items[staying..]);
        (book.clone(), lines)
    }

    /// Enters a success in the books, with the answer its key will give from now on.
    fn changed(&mut self, entry: Entry, view: &CartView, answer: &Answer<CartView>) {
        let kept = Kept::Cart { cart: view.cart, state: view.state, items: view.items.to_vec() };
        self.enter(entry, kept, answer);
    }

    pub fn enter<T>(&mut self, entry: Entry, kept: Kept, answer: &Answer<T>) {
        let (number, at) = (answer.rests_on, answer.now.engine);
        let key =
            self.asked.key.map(|key| (key.key, KeyBook { fingerprint: key.fingerprint, at, kept, number }));
        self.ledger.note(Numbered { number, at, entry, key });
    }

    /// What the caller sees of a cart.
    pub fn sight(&self, cart: CartId) -> Sight<'_> {
        let ended_by = Timestamp(self.newest.0.saturating_sub(self.cart_keep.0));
        self.ledger.books.sight(self.asked.caller, cart, ended_by)
    }

    /// A cart that the caller was shown or that was changed for him.
    pub fn seen(&self, cart: CartId) -> &CartBook {
        match self.sight(cart) {
            Sight::Sure(book) | Sight::Maybe(book) => book,
            Sight::Never => panic!("{cart:?} was shown to one who cannot know it"),
        }
    }

    /// A change of a cart was accepted: it still had its units.
    pub fn open_still<T>(&self, cart: CartId, answer: &Answer<T>) {
        let book = self.seen(cart);
        assert!(book.live(answer.now.engine), "changed at {}, but {book:?}", answer.now.engine);
    }

    fn same_cart(&self, view: &CartView, answer: &Answer<CartView>) {
        let book = &self.ledger.books.carts[&view.cart];
        assert_eq!(view.items.to_vec(), book.items(), "the items of {:?}", view.cart);
        assert_eq!(view.state, book.state(answer.now.engine), "the state of {:?}: {book:?}", view.cart);
        if book.stage != Stage::Ordered {
            assert_eq!(view.expires_at, book.deadline, "the deadline of {:?}", view.cart);
        }
        assert_eq!(view.hard_deadline, book.hard_deadline, "the hard deadline of {:?}", view.cart);
        assert_eq!((&*view.sale, view.customer), (book.sale, book.customer));
        assert_eq!(view.notes.as_deref().cloned().unwrap_or_default(), self.ledger.books.shown_notes(book));
    }
}
