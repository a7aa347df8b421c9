//! Whether what was not found is not there, or not for who asks.

use crate::outcome::Answer;
use crate::refusal::Missing;

use super::books::{Sight, Stage};
use super::judge::Judge;
use super::plan::DOOR;
use super::request::{Proved, Request};

impl Judge<'_> {
    pub fn missing<T>(&mut self, missing: &Missing, answer: &Answer<T>) {
        if matches!(missing, Missing::AccessCode | Missing::Wave(_)) {
            return self.no_code(missing);
        }
        let books = &self.ledger.books;
        match missing {
            Missing::AccessCode | Missing::Wave(_) => {}
            Missing::Sale => {
                let sale = match &self.asked.request {
                    Request::Open { sale, .. }
                    | Request::AddSlots { sale, .. }
                    | Request::ChangeSlot { sale, .. }
                    | Request::ReadSlot { sale, .. }
                    | Request::ListSlots { sale, .. }
                    | Request::ListOrders { sale, .. }
                    | Request::ReadSale { sale }
                    | Request::Totals { sale }
                    | Request::MakeCodes { sale, .. }
                    | Request::RevokeCodes { sale, .. }
                    | Request::ReadCode { sale, .. }
                    | Request::ListCodes { sale, .. }
                    | Request::ReadWaves { sale }
                    | Request::Bundles { sale } => *sale,
                    other if other.is_of_the_line() => DOOR,
                    other => panic!("{other:?} names no sale"),
                };
                assert!(!books.sales.contains_key(sale), "sale {sale} is there");
            }
            Missing::Slot(slot) => {
                let sale = match &self.asked.request {
                    Request::ReadSlot { sale, .. } | Request::ChangeSlot { sale, .. } => *sale,
                    _ => self.taking_of().sale,
                };
                assert!(books.slot(sale, slot).is_none(), "slot {slot} is there");
            }
            Missing::Cart | Missing::Order | Missing::Checkout => {
                let Some(cart) = self.asked.cart() else { panic!("which cart?") };
                match self.sight(cart) {
                    Sight::Never | Sight::Maybe(_) => {}
                    Sight::Sure(book) => {
                        let other = matches!(self.asked.request, Request::ReadCheckout { attempt: 2.., .. });
                        let none = *missing != Missing::Cart && book.stage != Stage::Ordered;
                        assert!(none || other, "{cart:?} is there: {book:?}");
                    }
                }
            }
            // A ticket that nobody was given may name a sale that nobody made.
            Missing::Ticket | Missing::WaitingRoom => {
                let (Request::Stand { ticket: text }
                | Request::Leave { ticket: text }
                | Request::Join { proof: Proved::Ticket(text), .. }) = &self.asked.request
                else {
                    panic!("{:?} names no ticket", self.asked)
                };
                assert!(books.line.by_text(text).is_none(), "ticket {text} was given");
            }
            Missing::Hold => {
                let Some(cart) = self.asked.cart() else { panic!("which cart?") };
                let book = self.seen(cart);
                self.rests(answer, book.touched, "the cart");
                let (Request::Release { ordinal, .. } | Request::Exchange { ordinal, .. }) =
                    &self.asked.request
                else {
                    panic!("{:?} names no hold of a cart", self.asked)
                };
                assert!(!book.present().contains(ordinal), "hold {ordinal} is there: {book:?}");
            }
            Missing::HoldOfOrder => {
                let Request::Cancel { cart, holds: Some(holds) } = &self.asked.request else {
                    panic!("{:?} names no hold of an order", self.asked)
                };
                let book = self.seen(*cart);
                self.rests(answer, book.touched, "the order");
                let sold = |ordinal: &u8| book.lines.get(usize::from(*ordinal)).is_some_and(|line| line.sold);
                assert!(!holds.iter().all(sold), "{holds:?} are all in the order: {book:?}");
            }
            Missing::Rule(rule) => {
                let sale = match &self.asked.request {
                    Request::Bundles { sale } => *sale,
                    _ => self.taking_of().sale,
                };
                assert!(books.sales[sale].rules.bundle(rule).is_none(), "rule {rule} is there");
            }
            Missing::Venue(venue) => {
                let sale = match &self.asked.request {
                    Request::MakeCodes { sale, .. } => *sale,
                    _ => self.taking_of().sale,
                };
                let known =
                    books.slots.iter().any(|((of, _), book)| *of == sale && book.spec.venue == *venue);
                assert!(!known, "venue {venue} has slots");
            }
            Missing::Section(section) => {
                let sale = self.taking_of().sale;
                let known = books
                    .slots
                    .iter()
                    .any(|((of, _), book)| *of == sale && book.spec.section.as_ref() == Some(section));
                assert!(!known, "section {section} has slots");
            }
        }
    }
}
