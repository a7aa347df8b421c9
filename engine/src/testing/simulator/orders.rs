//! Whether answers about orders were right: what a checkout made, what a cancellation took out of it.

use crate::outcome::{Answer, CheckoutView, OrderState, OrderView};
use crate::refusal::Refusal;

use super::books::{CartBook, Kept, Stage};
use super::entries::Entry;
use super::judge::Judge;
use super::request::Request;

impl Judge<'_> {
    /// An answer that shows an order.
    pub fn order(&mut self, answer: &Answer<OrderView>) {
        if let Some(known) = self.kept(answer) {
            let Ok(view) = &answer.result else { panic!("a replay that refuses") };
            assert_eq!(kept_order(view), known.kept, "the replay is not what was answered");
            return;
        }
        let view = match &answer.result {
            Err(Refusal::KeyReused) => return,
            Err(refusal) => return self.justify(refusal, answer),
            Ok(view) => view,
        };
        match &self.asked.request {
            Request::ReadOrder { .. } | Request::ReadCheckout { .. } => {
                let book = self.seen(view.cart);
                self.rests(answer, book.touched, "the order");
            }
            Request::Checkout { cart } => {
                self.open_still(*cart, answer);
                let book = self.seen(*cart);
                let having = self.ledger.books.having(book.customer, book.sale, answer.now.engine);
                let limit = self.ledger.books.sales[book.sale].rules.limit_orders;
                assert!(limit.is_none_or(|limit| having.orders < u64::from(limit)), "one order too many");
                let entry = Entry::Confirmed { cart: *cart, wall: answer.now.wall };
                self.enter(entry, kept_order(view), answer);
            }
            Request::Cancel { cart, holds } => {
                let book = self.seen(*cart);
                let out = holds.clone().unwrap_or_else(|| book.present());
                assert_eq!(book.stage, Stage::Ordered, "cancelled what is no order");
                assert!(
                    !out.is_empty() && out.iter().all(|o| book.present().contains(o)),
                    "{out:?}, {book:?}"
                );
                assert!(!book.torn_by(&out), "a bundle was cancelled in parts: {out:?}, {book:?}");
                let gives_back =
                    book.code.is_some() && book.present().iter().all(|there| out.contains(there));
                self.ledger.codes.restored += u64::from(gives_back);
                let entry = Entry::Changed { cart: *cart, out, lines: Vec::new() };
                self.enter(entry, kept_order(view), answer);
            }
            other => panic!("{other:?} does not show an order"),
        }
        self.same_order(view);
    }

    /// An answer that shows a checkout.
    pub fn checkout(&mut self, answer: &Answer<CheckoutView>) {
        if let Ok(view) = &answer.result {
            assert_eq!(view.attempt, 1);
        }
        self.order(&answer.clone().map(|view| view.order));
    }

    pub fn same_order(&self, view: &OrderView) {
        let book = self.seen(view.cart);
        assert_eq!(book.stage, Stage::Ordered, "{:?} is no order", view.cart);
        let lines = book.order_lines();
        let cancelled = lines.iter().filter(|line| line.cancelled).count();
        let state = match cancelled {
            0 => OrderState::Confirmed,
            all if all == lines.len() => OrderState::Cancelled,
            _ => OrderState::PartlyCancelled,
        };
        assert_eq!((view.items.to_vec(), view.state), (lines, state), "the lines of {:?}", view.cart);
        assert_eq!(view.confirmed_at, book.confirmed_at, "when {:?} was confirmed", view.cart);
        assert_eq!((&*view.sale, view.customer), (book.sale, book.customer));
        assert_eq!(view.notes.as_deref().cloned().unwrap_or_default(), self.ledger.books.shown_notes(book));
    }
}

fn kept_order(view: &OrderView) -> Kept {
    Kept::Order {
        cart: view.cart,
        state: view.state,
        items: view.items.to_vec(),
        confirmed_at: view.confirmed_at,
    }
}

impl CartBook {
    /// Whether cancelling these would leave a part of an indivisible bundle.
    pub fn torn_by(&self, out: &[u8]) -> bool {
        out.iter().any(|ordinal| {
            let line = &self.lines[usize::from(*ordinal)];
            let together = |other: &u8| self.lines[usize::from(*other)].bundle == line.bundle;
            line.bundle != 0
                && !line.divisible
                && self.present().iter().any(|other| together(other) && !out.contains(other))
        })
    }
}
