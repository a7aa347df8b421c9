//! Whether a refusal on account of an access code was justified, and whether codes rightly were not made.

use crate::codes::{CodeHash, Reserve, WaveTerms};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::Want;
use crate::time::Now;

use super::code_books::{CodeBook, Use};
use super::code_scope::{is_good, is_in_time, out_of_scope};
use super::grounds::all_of;
use super::judge::Judge;
use super::legal::{expected_lines, is_bundle};
use super::plan::DOOR;
use super::request::{Proved, Request, Taken};

impl Judge<'_> {
    /// The code that the request came with, and its sale.
    fn code_of_request(&self) -> (&'static str, Option<CodeHash>) {
        match &self.asked.request {
            Request::Open { sale, .. } => (sale, self.shown_code()),
            Request::Join { proof: Proved::Code(code), .. } => (DOOR, Some(*code)),
            Request::Join { .. } => (DOOR, None),
            Request::Add { cart, .. } | Request::Exchange { cart, .. } => {
                let book = self.seen(*cart);
                (book.sale, book.code)
            }
            other => panic!("nobody comes in by {other:?}"),
        }
    }

    /// Whether the holder of a code, or one without, was rightly sent away.
    pub fn code_refused<T>(&mut self, refusal: &Refusal, answer: &Answer<T>) {
        self.ledger.codes.refused += 1;
        let (books, now) = (&self.ledger.books, answer.now);
        let (sale, hash) = self.code_of_request();
        if *refusal == Refusal::CodeRequired {
            assert!(hash.is_none() && self.is_code_required(sale), "no code is needed: {:?}", self.asked);
            return self.rests(answer, books.sales[sale].touched, "the sale");
        }
        let code = hash.and_then(|hash| books.code(sale, hash)).unwrap_or_else(|| panic!("which code?"));
        self.rests(answer, code.touched, "the code");
        let joins = matches!(self.asked.request, Request::Join { .. });
        match refusal {
            Refusal::CodeUsed { back_in } => {
                let fates = books.fates(code, now.engine);
                let busy = |fate: &Use| *fate == Use::Ordered || !joins && *fate != Use::Free;
                assert!(fates.iter().all(busy), "a use is free: {fates:?} of {code:?}");
                let until = |fate: &Use| if let Use::InCart(until) = fate { Some(*until) } else { None };
                let next = fates.iter().filter_map(until).min().map(|until| until.since(now.engine));
                assert_eq!(*back_in, next, "when a use of {code:?} may be back");
            }
            Refusal::CodeScope { why } => {
                let scope = if joins { self.is_other_lane(code) } else { self.is_out_of_scope(code) };
                // Once a cart is made its code may end.
                let begins = self.asked.cart().is_none();
                let bad =
                    begins && (code.is_bad(now.engine, now.wall) || !joins && !self.is_for_caller(code));
                assert!(bad || scope, "{why} {code:?} at {now:?}");
            }
            other => panic!("{other:?} on account of a code"),
        }
    }

    /// Whether who has no code is sent away.
    pub fn is_code_required(&self, sale: &str) -> bool {
        let rules = &self.ledger.books.sales[sale].rules;
        let Some(codes) = rules.codes.as_deref() else { return false };
        let Request::Join { lane, .. } = &self.asked.request else {
            return codes.carts && !self.asked.caller.operator;
        };
        let first = || rules.room.as_deref().and_then(|room| room.lanes.first()).map(|lane| &*lane.name);
        let lane = lane.or_else(first);
        codes.carts || codes.line || codes.lanes.iter().any(|closed| Some(&**closed) == lane)
    }

    fn is_other_lane(&self, code: &CodeBook) -> bool {
        let Request::Join { lane, .. } = &self.asked.request else { return false };
        code.terms.lane.as_deref().zip(*lane).is_some_and(|(own, asked)| own != asked)
    }

    /// Whether what was wanted is not what a code is for. What is to be chosen is not known before it is.
    fn is_out_of_scope(&self, code: &CodeBook) -> bool {
        let (books, taking) = (&self.ledger.books, self.taking_of());
        if taking.wants.iter().any(|want| matches!(want, Want::AnyBundle { .. } | Want::Best { .. })) {
            return true;
        }
        let lines = expected_lines(&books.sales[taking.sale].rules, &taking.wants, 0, &[]);
        let leaving: u32 = taking.leaving.iter().map(|line| line.quantity).sum();
        let holds: u32 = code.units.iter().map(|(_, units)| *units).sum();
        let stands = self.asked.cart().is_some_and(|cart| self.seen(cart).reserves);
        let stays = if stands { holds.saturating_sub(leaving) } else { 0 };
        out_of_scope(books, taking.sale, &code.terms, &lines, stays).is_some()
    }

    /// What is wrong with a request to make codes, if something is.
    pub fn slip(&self, sale: &str, terms: &WaveTerms, codes: &[CodeHash], now: Now) -> Option<&'static str> {
        let books = &self.ledger.books;
        let room = books.sales[sale].rules.room.as_deref();
        let lane = terms.lane.as_ref().is_some_and(|lane| room.is_none_or(|room| room.lane(lane).is_none()));
        let channel = terms.channel.as_ref().is_some_and(|channel| !books.channels.contains(channel));
        let wave = books.wave(sale, &terms.name);
        let elsewhere = |hash: &CodeHash| {
            let known = books.codes.get(hash);
            known.is_some_and(|code| code.sale != sale || code.terms.name != terms.name)
        };
        let twice = |(place, hash): (usize, &CodeHash)| codes[..place].contains(hash);
        let slips = [
            ("the terms do not fit together", terms.check().is_err()),
            ("there are no codes", codes.is_empty()),
            ("there is no such lane", lane),
            ("there is no such channel", channel),
            ("the end has passed", terms.expires_at.is_some_and(|expires| expires <= now.wall)),
            ("the wave has other terms", wave.is_some_and(|wave| **wave != *terms)),
            ("a code is named twice", codes.iter().enumerate().any(twice)),
            ("a code is of another wave", codes.iter().any(elsewhere)),
        ];
        slips.into_iter().find(|(_, is)| *is).map(|(why, _)| why)
    }

    /// Whether there was not enough to set aside: not so many as were asked for, and just so many as was said.
    pub fn not_enough<T>(&self, wanted: u64, possible: u64, answer: &Answer<T>) {
        let Request::MakeCodes { sale, terms, codes } = &self.asked.request else { panic!("nothing made") };
        let Some(reserve) = &terms.reserve else { panic!("nothing was to be set aside") };
        let (books, now) = (&self.ledger.books, answer.now);
        let fresh = codes.iter().filter(|hash| !books.codes.contains_key(hash)).count() as u64;
        assert!(wanted == fresh && possible < wanted, "{possible} of {wanted}, {fresh} are new");
        let slots =
            books.slots.keys().filter(|(of, slot)| of == sale && is_good(books, sale, slot, reserve, now));
        let mut free: std::collections::BTreeMap<&str, i64> =
            slots.map(|(_, slot)| (slot.as_str(), books.free(sale, slot, now.engine))).collect();
        let truly = match reserve {
            Reserve::Units { quantity, .. } => {
                let times = free.values().map(|free| free / i64::from(*quantity));
                u64::try_from(times.sum::<i64>()).unwrap_or(0)
            }
            Reserve::Bundle { .. } => {
                let all: Vec<&str> = free.keys().copied().collect();
                let pairs = all.iter().flat_map(|first| all.iter().map(|second| [*first, *second]));
                let rules = &books.sales[sale].rules;
                let pairs: Vec<[&str; 2]> = pairs
                    .filter(|pair| {
                        is_bundle(books, sale, rules, pair) && is_in_time(books, sale, pair[0], reserve)
                    })
                    .collect();
                let most = (1..=wanted).take_while(|many| {
                    let lists = vec![pairs.clone(); usize::try_from(*many).unwrap_or(0)];
                    all_of(&lists, &mut free)
                });
                most.count() as u64
            }
        };
        assert_eq!(possible, truly, "for how many there is enough of {reserve:?}");
        for (_, slot) in
            books.slots.keys().filter(|(of, slot)| of == sale && free.contains_key(slot.as_str()))
        {
            self.rests(answer, books.slots[&(*sale, slot.clone())].touched, "a slot that was looked at");
        }
    }

    /// Whether units of one product cannot be set aside because it is sold only in a bundle.
    pub fn only_in_bundle(&self) {
        let Request::MakeCodes { sale, terms, .. } = &self.asked.request else { panic!("nothing made") };
        let Some(Reserve::Units { product: Some(product), .. }) = &terms.reserve else {
            panic!("no product: {terms:?}")
        };
        assert!(self.ledger.books.sales[sale].rules.sold_only_in(product).is_some(), "it is sold alone");
    }

    /// Whether a code, or a wave, is not there.
    pub fn no_code(&mut self, missing: &Missing) {
        let books = &self.ledger.books;
        let there = match (missing, &self.asked.request) {
            (Missing::AccessCode, Request::Open { sale, code: Some(code), .. }) => {
                books.code(sale, *code).is_some()
            }
            (Missing::AccessCode, Request::ReadCode { sale, code }) => books.code(sale, *code).is_some(),
            (Missing::AccessCode, Request::Join { proof: Proved::Code(code), .. }) => {
                books.code(DOOR, *code).is_some()
            }
            (Missing::AccessCode, Request::RevokeCodes { sale, which: Taken::Codes(codes), .. }) => {
                codes.iter().all(|code| books.code(sale, *code).is_some())
            }
            (Missing::Wave(name), Request::RevokeCodes { sale, which: Taken::Wave(asked), .. })
            | (Missing::Wave(name), Request::ListCodes { sale, wave: Some(asked), .. }) => {
                assert_eq!(name, asked);
                books.wave(sale, name).is_some()
            }
            other => panic!("{other:?} names no code"),
        };
        assert!(!there, "{missing:?} is there: {:?}", self.asked);
        let came = matches!(self.asked.request, Request::Open { .. } | Request::Join { .. });
        self.ledger.codes.refused += u64::from(came);
    }
}
