//! Whether a refusal was justified: each variant against the books, at the time of the decision. What a refusal says must
//! rest on every success that made it true, so that nobody is sent away on account of what a crash may undo.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::codes::CodeHash;
use crate::ids::Quantity;
use crate::outcome::Answer;
use crate::refusal::{Conflict, Refusal};
use crate::request::Want;
use crate::sale::{IfMatch, SaleRules};
use crate::time::{Now, Timestamp, WallTime};
use crate::waiting_room::MAX_DIAL;

use super::books::{Books, Line, Stage};
use super::judge::Judge;
use super::legal::is_bundle;
use super::plan::DOOR;
use super::request::Request;

/// What a request would have taken, and what would have left in the same step.
pub(super) struct Taking<'a> {
    pub sale: &'static str,
    customer: crate::ids::CustomerHash,
    /// Who names nothing wants what the code holds.
    pub wants: Cow<'a, [Want]>,
    pub leaving: Vec<Line>,
    /// The code of a new cart: what it holds comes back for it.
    code: Option<CodeHash>,
}

impl Taking<'_> {
    /// Units of a slot that leave in the same step.
    pub fn back(&self, books: &Books, slot: &str, at: Timestamp) -> Quantity {
        let here = self.leaving.iter().filter(|line| line.slot == slot);
        let code = self.code.and_then(|hash| books.code(self.sale, hash));
        here.map(|line| line.quantity).sum::<Quantity>() + code.map_or(0, |code| code.held(slot, at))
    }

    /// Units of a slot that what is to be chosen can have: free, or leaving in the same step, and not named.
    pub fn left(&self, books: &Books, slot: &str, at: Timestamp) -> i64 {
        let back = i64::from(self.back(books, slot, at));
        let named = self.wants.iter().map(|want| match want {
            Want::Slot { slot: named, quantity } if named == slot => i64::from(*quantity),
            Want::Bundle { slots, .. } => slots.iter().map(|named| i64::from(named == slot)).sum(),
            _ => 0,
        });
        books.free(self.sale, slot, at) + back - named.sum::<i64>()
    }
}

impl Judge<'_> {
    /// Demands that the refusal is true.
    pub fn justify<T>(&mut self, refusal: &Refusal, answer: &Answer<T>) {
        let now = answer.now;
        match refusal {
            // The buffer is bounded by bytes, which the books do not know; `run` demands an end to it.
            Refusal::Overloaded => {}
            Refusal::DiskFull => assert!(self.disk_full, "the disk has room"),
            Refusal::NotFound(missing) => self.missing(missing, answer),
            // Nobody shows an enqueue token in a run.
            Refusal::PaperUsed => panic!("{refusal:?} without a token"),
            Refusal::Unfinished => panic!("{refusal:?}, of so few codes"),
            Refusal::NotAdmitted | Refusal::PassExpired | Refusal::SessionBusy => {
                self.kept_out(refusal, answer);
            }
            Refusal::NotReleased { .. } | Refusal::SaleClosed
                if matches!(self.asked.request, Request::Join { .. }) =>
            {
                self.no_joining(refusal, answer);
            }
            Refusal::TooLarge { field: "message" | "reason" | "beacon", most } => {
                let Request::Turn { change, .. } = &self.asked.request else { panic!("no message") };
                let message = change.message.clone().flatten();
                let texts = [message.as_ref(), change.reason.as_ref(), change.beacon.as_ref()];
                assert!(texts.into_iter().flatten().any(|text| text.len() as u64 > *most), "{change:?}");
            }
            Refusal::CodeRequired | Refusal::CodeUsed { .. } | Refusal::CodeScope { .. } => {
                self.code_refused(refusal, answer);
            }
            Refusal::AllotmentExhausted { wanted, possible, .. } => {
                self.not_enough(*wanted, *possible, answer);
            }
            Refusal::CartExpired => {
                let Some(cart) = self.asked.cart() else { panic!("which cart?") };
                let book = self.seen(cart);
                assert!(book.stage == Stage::Open && !book.live(now.engine), "at {}: {book:?}", now.engine);
                self.rests(answer, book.touched, "the cart");
                self.ledger.tell_expired(cart, answer.rests_on);
            }
            Refusal::CartNotOpen => {
                let Some(cart) = self.asked.cart() else { panic!("which cart?") };
                let book = self.seen(cart);
                assert!(book.stage != Stage::Open, "{book:?} is open");
                self.rests(answer, book.touched, "the cart");
            }
            Refusal::NotReleased { .. } => {
                let rules = self.rules(answer);
                let early = rules.opens_at.is_some_and(|opens| now.wall < opens);
                let taking = self.taking_of();
                let unreleased = |slot: &str| {
                    self.ledger.books.slot(taking.sale, slot).is_some_and(|book| !book.released(now.wall))
                };
                assert!(
                    early
                        || named(&taking.wants).any(unreleased)
                        || self.no_seats(&taking, now)
                            && !self.no_seats(&taking, Now { wall: WallTime(i64::MAX), ..now }),
                    "everything is released at {now:?}"
                );
            }
            Refusal::SaleClosed => {
                let rules = self.rules(answer);
                assert!(rules.closes_at.is_some_and(|closes| now.wall >= closes), "the sale is open");
            }
            Refusal::BundleOnly { .. } if matches!(self.asked.request, Request::MakeCodes { .. }) => {
                self.only_in_bundle();
            }
            Refusal::BundleOnly { .. } => {
                let (rules, taking) = (self.rules(answer), self.taking_of());
                let only = |want: &Want| match want {
                    Want::Slot { slot, .. } => {
                        let book = self.ledger.books.slot(taking.sale, slot);
                        book.and_then(|book| book.spec.product.as_deref())
                            .is_some_and(|product| rules.sold_only_in(product).is_some())
                    }
                    _ => false,
                };
                assert!(taking.wants.iter().any(only), "nothing is sold only in a bundle");
            }
            Refusal::BundleIncomplete { .. } => {
                let (rules, taking) = (self.rules(answer), self.taking_of());
                let broken = |want: &Want| match want {
                    Want::Bundle { slots, .. } => {
                        let slots: Vec<_> = slots.iter().map(String::as_str).collect();
                        !is_bundle(&self.ledger.books, taking.sale, &rules, &slots)
                    }
                    _ => false,
                };
                assert!(
                    taking.wants.iter().any(broken) || self.no_bundle(&rules, &taking, now),
                    "it is whole"
                );
            }
            Refusal::Rule { why } => self.rule(why, now),
            Refusal::LimitReached { what, limit } => self.limit(what, *limit, answer),
            Refusal::SoldOut(shortage) | Refusal::AllHeld(shortage) | Refusal::SlotTaken(shortage) => {
                if shortage.conflicts.is_empty() {
                    let (rules, taking) = (self.rules(answer), self.taking_of());
                    let none = self.no_bundle(&rules, &taking, now) || self.no_seats(&taking, now);
                    assert!(none, "what was to be chosen could have been had");
                    self.check_word(refusal, &taking, answer);
                } else {
                    self.shortage(refusal, &shortage.conflicts, answer);
                }
            }
            Refusal::BelowCommitted { .. } => {
                let Request::ChangeSlot { sale, slot, change } = &self.asked.request else {
                    panic!("no slot was to be changed");
                };
                let books = &self.ledger.books;
                let book = &books.slots[&(*sale, slot.clone())];
                let capacity = change.capacity.unwrap_or(book.spec.capacity);
                let taken = books.held(sale, slot, now.engine) + books.sold(sale, slot);
                let blocked = change.blocked.unwrap_or(book.blocked);
                assert!(taken + blocked > capacity, "{taken} + {blocked} fit into {capacity}");
                self.rests(answer, book.touched, "the slot");
            }
            Refusal::Stale | Refusal::IfMatchRequired => {
                let Request::PutSale { rules, if_match } = &self.asked.request else {
                    panic!("no sale was to be changed");
                };
                let known = self.ledger.books.sales.get(rules.id.as_str());
                match if_match {
                    IfMatch::Absent => assert!(known.is_some() && *refusal == Refusal::IfMatchRequired),
                    IfMatch::Any => assert!(known.is_none()),
                    IfMatch::Revision(revision) => {
                        assert!(known.is_none_or(|book| book.revision != *revision), "it is not stale");
                    }
                }
            }
            Refusal::KeyReused | Refusal::TooLarge { .. } | Refusal::JournalFailed => {
                panic!("{refusal:?} to {:?}", self.asked)
            }
        }
    }

    fn rule(&self, why: &str, now: Now) {
        match &self.asked.request {
            Request::Open { .. } => assert!(self.taking_of().wants.is_empty(), "{why}"),
            Request::Add { cart, wants } => assert!(wants.is_empty() || self.seen(*cart).reserves, "{why}"),
            Request::MakeCodes { sale, terms, codes } => {
                assert!(self.slip(sale, terms, codes, now).is_some(), "{why}");
            }
            Request::PutSale { rules, .. } => {
                let known = self.ledger.books.sales.get(rules.id.as_str());
                let lanes = |rules: &SaleRules| {
                    let lanes = rules.room.as_deref().map(|room| room.lanes.iter());
                    lanes.map(|lanes| lanes.map(|lane| lane.name.clone()).collect::<Vec<_>>())
                };
                let moved = known.is_some_and(|book| lanes(&book.rules) != lanes(rules));
                let stood_in = moved && !self.ledger.books.line.tickets.is_empty();
                assert!(stood_in || rules.check().is_err(), "{why}");
            }
            Request::Join { lane, .. } => {
                let lane = lane.expect("the first lane is always there");
                let room = self.ledger.books.sales[DOOR].rules.room.as_deref();
                assert!(room.is_some_and(|room| room.lane(lane).is_none()), "{why}");
            }
            Request::Turn { change, .. } => {
                let dials = [change.admit_per_minute, change.max_active];
                let over = dials.into_iter().flatten().any(|dial| dial > MAX_DIAL);
                // When registration closed is known to who looks at the draw only: a beacon may be early or late.
                assert!(over || change.beacon.is_some(), "{why}");
            }
            Request::Cancel { cart, holds } => {
                let book = self.seen(*cart);
                let out = holds.clone().unwrap_or_else(|| book.present());
                let gone = out.iter().any(|ordinal| !book.present().contains(ordinal));
                assert!(out.is_empty() || gone || book.torn_by(&out), "{why}: {out:?} of {book:?}");
            }
            Request::ChangeSlot { sale, slot, change } => {
                let is_seat = self.ledger.books.slot(sale, slot).is_some_and(|book| book.spec.seat.is_some());
                assert!(is_seat && change.capacity.is_some_and(|capacity| capacity > 1), "{why}");
            }
            other => panic!("{other:?} breaks no rule: {why}"),
        }
    }

    fn limit<T>(&self, what: &str, limit: u64, answer: &Answer<T>) {
        let books = &self.ledger.books;
        let (sale, customer, wanted, leaving) = match self.asked.request {
            Request::Checkout { cart } => {
                let book = self.seen(cart);
                (book.sale, book.customer, 0, 0)
            }
            _ => {
                let taking = self.taking_of();
                let back: u64 = taking.leaving.iter().map(|line| u64::from(line.quantity)).sum();
                (taking.sale, taking.customer, units(&taking.wants), back)
            }
        };
        let having = books.having(customer, sale, answer.now.engine);
        match what {
            "orders" => assert!(having.orders >= limit, "{having:?} under a limit of {limit}"),
            "units" => {
                assert!(wanted > leaving, "{wanted} in the place of {leaving} are not more");
                assert!(having.units + wanted > limit + leaving, "{having:?} and {wanted} fit {limit}")
            }
            other => panic!("nobody comes to the limit of {other} here"),
        }
        let touched = books.customers.get(&customer).copied().unwrap_or_default();
        self.rests(answer, touched, "what the customer has");
    }

    fn shortage<T>(&self, refusal: &Refusal, conflicts: &[Conflict], answer: &Answer<T>) {
        let (books, taking, at) = (&self.ledger.books, self.taking_of(), answer.now.engine);
        let (mut sold_out, mut none_free) = (false, false);
        for conflict in conflicts {
            let slot = conflict.slot.as_str();
            let back = i64::from(taking.back(books, slot, at));
            let free = books.free(taking.sale, slot, at) + back;
            assert_eq!(i64::from(conflict.free), free, "what is free of {slot}");
            assert!(i64::from(conflict.wanted) > free, "{conflict:?} is no conflict");
            sold_out |= free == 0 && books.held(taking.sale, slot, at) == 0;
            none_free |= free == 0;
            let book = &books.slots[&(taking.sale, slot.to_owned())];
            self.rests(answer, book.touched, "the slot");
        }
        let right = match refusal {
            Refusal::SoldOut(_) => sold_out,
            Refusal::AllHeld(_) => none_free && !sold_out,
            _ => !none_free,
        };
        assert!(right, "sold out: {sold_out}, none free: {none_free}");
    }

    /// Whether the bundles that were to be chosen cannot be had, all of them together: every way is tried.
    fn no_bundle(&self, rules: &SaleRules, taking: &Taking<'_>, now: Now) -> bool {
        let books = &self.ledger.books;
        let mut left = BTreeMap::new();
        for ((_, slot), book) in books.slots.iter().filter(|((of, _), _)| *of == taking.sale) {
            if book.released(now.wall) {
                left.insert(slot.as_str(), taking.left(books, slot, now.engine));
            }
        }
        let pairs = taking.wants.iter().filter_map(|want| {
            let Want::AnyBundle { venue, from, .. } = want else { return None };
            let at_venue =
                |slot: &&&str| books.slot(taking.sale, slot).is_some_and(|book| book.spec.venue == *venue);
            let inside = |slot: &&&str| {
                let starts = books.slot(taking.sale, slot).and_then(|book| book.spec.starts_at);
                from.is_none_or(|from| starts.is_some_and(|starts| starts >= from))
            };
            let slots: Vec<&&str> = left.keys().filter(at_venue).collect();
            let firsts = slots.iter().copied().filter(inside);
            let all = firsts.flat_map(|first| slots.iter().map(move |second| [*first, **second]));
            Some(all.filter(|pair| is_bundle(books, taking.sale, rules, pair)).collect::<Vec<_>>())
        });
        let pairs: Vec<Vec<[&str; 2]>> = pairs.collect();
        !pairs.is_empty() && !all_of(&pairs, &mut left)
    }

    /// The terms of the sale that was asked for, which the answer must rest on.
    fn rules<T>(&self, answer: &Answer<T>) -> SaleRules {
        let sale = match self.asked.request {
            Request::Extend { cart } => self.seen(cart).sale,
            _ => self.taking_of().sale,
        };
        let book = &self.ledger.books.sales[sale];
        self.rests(answer, book.touched, "the sale");
        book.rules.clone()
    }

    pub fn taking_of(&self) -> Taking<'_> {
        let of_cart = |cart, wants, ordinal: Option<u8>| {
            let book = self.seen(cart);
            let leaving = ordinal.and_then(|ordinal| book.whole(ordinal)).unwrap_or_default();
            let leaving = leaving.iter().map(|ordinal| book.lines[usize::from(*ordinal)].clone()).collect();
            Taking {
                sale: book.sale,
                customer: book.customer,
                wants: Cow::Borrowed(wants),
                leaving,
                code: None,
            }
        };
        match &self.asked.request {
            Request::Open { sale, customer, wants, .. } => {
                let code = self.shown_code();
                let of_code = code.filter(|_| wants.is_empty());
                let of_code = of_code.and_then(|hash| self.ledger.books.code(sale, hash));
                let wants = of_code.map_or(Cow::Borrowed(&wants[..]), |code| Cow::Owned(code.wants()));
                Taking { sale, customer: *customer, wants, leaving: Vec::new(), code }
            }
            Request::Add { cart, wants } => of_cart(*cart, wants, None),
            Request::Exchange { cart, ordinal, want } => {
                of_cart(*cart, std::slice::from_ref(want), Some(*ordinal))
            }
            other => panic!("{other:?} takes nothing"),
        }
    }
}

/// Whether one of each list can be had, all together.
pub(super) fn all_of(lists: &[Vec<[&str; 2]>], left: &mut BTreeMap<&str, i64>) -> bool {
    let Some((pairs, rest)) = lists.split_first() else { return true };
    for [first, second] in pairs {
        let mut after = left.clone();
        for slot in [first, second] {
            *after.entry(slot).or_default() -= 1;
        }
        if after[first] >= 0 && after[second] >= 0 && all_of(rest, &mut after) {
            return true;
        }
    }
    false
}

/// The slots that wants name.
fn named(wants: &[Want]) -> impl Iterator<Item = &str> {
    wants.iter().flat_map(|want| match want {
        Want::Slot { slot, .. } => vec![slot.as_str()],
        Want::Bundle { slots, .. } => slots.iter().map(String::as_str).collect(),
        Want::AnyBundle { .. } | Want::Best { .. } => Vec::new(),
    })
}

fn units(wants: &[Want]) -> u64 {
    let of = |want: &Want| match want {
        Want::Slot { quantity, .. } | Want::Best { quantity, .. } => u64::from(*quantity),
        Want::Bundle { slots, .. } => slots.len() as u64,
        Want::AnyBundle { .. } => 2,
    };
    wants.iter().map(of).sum()
}
