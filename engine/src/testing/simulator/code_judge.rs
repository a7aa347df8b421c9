//! Whether answers about access codes were right: what was made, with which units, what was taken back, who came in with a
//! code.

use crate::codes::{CodeHash, Reserve};
use crate::decide::{CodesMadeView, Revoked};
use crate::ids::Quantity;
use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::time::Now;

use super::books::{CartBook, Kept, KeyBook, Line};
use super::code_books::{CodeBook, CodeEntry, Units, Use};
use super::code_scope::{is_good, is_in_time, out_of_scope, sums};
use super::entries::{Entry, Numbered};
use super::judge::Judge;
use super::legal::is_bundle;
use super::plan::DOOR;
use super::request::{Request, Taken};

/// How much has happened to codes, in all that was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CodeTally {
    pub made: u64,
    pub with_units: u64,
    pub used: u64,
    pub used_again: u64,
    pub refused: u64,
    pub revoked: u64,
    pub restored: u64,
}

/// What each new code holds, as it was shown.
pub(super) type Holdings = Vec<(CodeHash, Vec<Units>)>;

impl Judge<'_> {
    fn code_set<T>(&mut self, entry: CodeEntry, key: Option<(u128, KeyBook)>, answer: &Answer<T>) {
        let (number, at) = (answer.rests_on, answer.now.engine);
        self.ledger.note(Numbered { number, at, entry: Entry::Code(Box::new(entry)), key });
    }

    /// Codes were made; `holdings` is what each of the request's codes was shown to hold right after.
    pub fn codes_made(&mut self, answer: &Answer<CodesMadeView>, holdings: Holdings) {
        let Request::MakeCodes { sale, terms, codes } = &self.asked.request else { panic!("nothing made") };
        if let Some(known) = self.kept(answer) {
            let Ok(view) = &answer.result else { panic!("a replay that refuses") };
            assert_eq!(Kept::Codes { made: view.created }, known.kept, "the replay is not what was answered");
            return assert_eq!(view.unchanged, 0);
        }
        let view = match &answer.result {
            Err(Refusal::KeyReused) => return,
            Err(refusal) => return self.justify(refusal, answer),
            Ok(view) => *view,
        };
        let slip = self.slip(sale, terms, codes, answer.now);
        assert!(slip.is_none(), "codes were made although {slip:?}: {:?}", self.asked.request);
        let books = &self.ledger.books;
        let fresh = |hash: &CodeHash| !books.codes.contains_key(hash);
        let holdings: Holdings = holdings.into_iter().filter(|(hash, _)| fresh(hash)).collect();
        let (made, all) = (holdings.len(), codes.len());
        assert_eq!((view.created as usize, view.unchanged as usize), (made, all - made), "codes");
        if made == 0 {
            return;
        }
        match &terms.reserve {
            Some(reserve) => {
                assert!(!self.disk_full, "units were set aside while the disk was full");
                self.check_shares(sale, reserve, &holdings, answer.now);
                self.ledger.codes.with_units += made as u64;
            }
            None => assert!(holdings.iter().all(|(_, units)| units.is_empty()), "{holdings:?} of {terms:?}"),
        }
        self.ledger.codes.made += made as u64;
        let (at, wall) = (answer.now.engine, answer.now.wall);
        let until = terms
            .expires_at
            .map(|expires| at.plus(crate::time::Millis(u64::try_from(expires.0 - wall.0).unwrap_or(0))));
        let kept = Kept::Codes { made: view.created };
        let number = answer.rests_on;
        let key =
            self.asked.key.map(|key| (key.key, KeyBook { fingerprint: key.fingerprint, at, kept, number }));
        let entry = CodeEntry::Made { sale, terms: terms.clone(), until, codes: holdings };
        self.code_set(entry, key, answer);
    }

    /// Demands that units that were set aside were free, and are what the wave's codes are for.
    fn check_shares(&self, sale: &'static str, reserve: &Reserve, holdings: &Holdings, now: Now) {
        let books = &self.ledger.books;
        for (hash, units) in holdings {
            let good = units.iter().all(|(slot, _)| is_good(books, sale, slot, reserve, now));
            let whole = match reserve {
                Reserve::Units { quantity, .. } => {
                    matches!(&units[..], [(_, units)] if *units == Quantity::from(*quantity))
                }
                Reserve::Bundle { .. } => {
                    let slots: Vec<_> = units.iter().map(|(slot, _)| slot.as_str()).collect();
                    units.iter().all(|(_, units)| *units == 1)
                        && is_bundle(books, sale, &books.sales[sale].rules, &slots)
                        && is_in_time(books, sale, slots[0], reserve)
                }
            };
            assert!(good && whole, "{hash:?} holds {units:?} for {reserve:?}");
        }
        for (slot, units) in sums(holdings.iter().flat_map(|(_, units)| units)) {
            let free = books.free(sale, &slot, now.engine);
            assert!(i64::from(units) <= free, "{units} units of {slot} were set aside, {free} were free");
        }
    }

    /// Codes were taken back.
    pub fn codes_revoked(&mut self, answer: &Answer<Revoked>) {
        let Request::RevokeCodes { sale, which, .. } = &self.asked.request else { panic!("none taken back") };
        if let Some(known) = self.kept(answer) {
            let Ok(done) = &answer.result else { panic!("a replay that refuses") };
            return assert_eq!(Kept::Revoked(*done), known.kept, "the replay is not what was answered");
        }
        let done = match &answer.result {
            Err(Refusal::KeyReused) => return,
            Err(refusal) => return self.justify(refusal, answer),
            Ok(done) => *done,
        };
        let (books, at) = (&self.ledger.books, answer.now.engine);
        let named: Vec<CodeHash> = match which {
            Taken::Codes(codes) => codes.clone(),
            Taken::Wave(name) => {
                let of_wave = |code: &CodeBook| code.sale == *sale && code.terms.name == *name;
                books.codes.iter().filter(|(_, code)| of_wave(code)).map(|(hash, _)| *hash).collect()
            }
        };
        let (mut fresh, mut unchanged, mut in_use) = (Vec::new(), 0, 0);
        for hash in named.iter().collect::<std::collections::BTreeSet<_>>() {
            let code = books.code(sale, *hash).unwrap_or_else(|| panic!("{hash:?} is not there"));
            self.rests(answer, code.touched, "the code");
            if code.revoked {
                unchanged += 1;
            } else {
                in_use += u32::from(books.fates(code, at).iter().any(|fate| *fate != Use::Free));
                fresh.push(*hash);
            }
        }
        assert_eq!((done.revoked as usize, done.unchanged, done.in_use), (fresh.len(), unchanged, in_use));
        if !fresh.is_empty() {
            self.ledger.codes.revoked += fresh.len() as u64;
            let entry = Entry::Code(Box::new(CodeEntry::Revoked { codes: fresh }));
            self.enter(entry, Kept::Revoked(done), answer);
        }
    }

    /// The code a cart is asked for with: the one that was given, or the one a pass was had for.
    pub fn shown_code(&self) -> Option<CodeHash> {
        let Request::Open { sale, customer, code, .. } = &self.asked.request else { return None };
        let of_pass = self.asked.caller.holder.map(|_| CodeHash(customer.0));
        code.or_else(|| of_pass.filter(|hash| self.ledger.books.code(sale, *hash).is_some()))
    }

    /// A cart was made: with a code that let its holder in, or where none was asked for. Gives whether it stands on what the
    /// code holds.
    pub fn come_in<T>(&mut self, sale: &'static str, lines: &[Line], answer: &Answer<T>) -> bool {
        let (books, at) = (&self.ledger.books, answer.now.engine);
        let Some(hash) = self.shown_code() else {
            let asked = books.sales[sale].rules.codes.as_deref().is_some_and(|codes| codes.carts);
            assert!(!asked || self.asked.caller.operator, "a cart without a code");
            return false;
        };
        let code =
            books.code(sale, hash).unwrap_or_else(|| panic!("a cart with {hash:?}, which nobody made"));
        assert!(!code.is_bad(at, answer.now.wall), "a cart with a code that is not good at {at}: {code:?}");
        assert!(self.is_for_caller(code), "a cart of another channel's code: {code:?}");
        let uses = books.uses(hash, at);
        assert!(uses < usize::from(code.terms.uses), "{uses} uses of {code:?}, and one more");
        let why = out_of_scope(books, sale, &code.terms, lines, 0);
        assert!(why.is_none(), "{lines:?} with {code:?} are {why:?}");
        let (reserves, again) =
            (!code.holds(at).is_empty(), code.carts.len() == usize::from(code.terms.uses));
        self.ledger.codes.used += 1;
        self.ledger.codes.used_again += u64::from(again);
        reserves
    }

    pub fn is_for_caller(&self, code: &CodeBook) -> bool {
        let channel = self.ledger.books.channels.get(usize::from(self.asked.caller.channel.0));
        code.terms.channel.is_none() || code.terms.channel.as_ref() == channel
    }

    /// A cart that was made with a code took more, which is what the code is for.
    pub fn more_with_code(&self, book: &CartBook, lines: &[Line], leaving: &[Line]) {
        let Some(code) = book.code.and_then(|hash| self.ledger.books.code(book.sale, hash)) else { return };
        let leaving = leaving.iter().map(|line| line.quantity).sum::<Quantity>();
        let holds = code.units.iter().map(|(_, units)| *units).sum::<Quantity>();
        let stays = if book.reserves { holds.saturating_sub(leaving) } else { 0 };
        let why = out_of_scope(&self.ledger.books, book.sale, &code.terms, lines, stays);
        assert!(why.is_none(), "{lines:?} with {code:?} are {why:?}");
    }

    /// Somebody has joined a line with a code that was good, and not used up. Gives the lane it is for.
    pub fn comes_with(&self, hash: CodeHash, lane: Option<&str>, now: Now) -> Option<String> {
        let (books, at) = (&self.ledger.books, now.engine);
        let code =
            books.code(DOOR, hash).unwrap_or_else(|| panic!("a place for {hash:?}, which nobody made"));
        assert!(!code.is_bad(at, now.wall), "a place for a code that is not good at {at}: {code:?}");
        let fates = books.fates(code, at);
        assert!(
            fates.iter().any(|fate| *fate != Use::Ordered),
            "a place for a code that is used up: {code:?}"
        );
        let own = code.terms.lane.clone();
        assert!(own.is_none() || lane.is_none_or(|lane| own.as_deref() == Some(lane)), "another lane's code");
        own
    }
}
