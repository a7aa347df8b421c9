//! Whether codes stand as they are shown: one code, a list, the waves of a sale.

use crate::decide::{CodeState, CodeView, Page, WaveView};
use crate::outcome::Answer;
use crate::sequence::Sequence;
use crate::time::Now;

use super::code_books::{CodeBook, Use};
use super::code_scope::sums;
use super::judge::Judge;
use super::request::Request;

impl Judge<'_> {
    /// One code was looked at.
    pub fn code_read(&mut self, answer: &Answer<CodeView>) {
        let Request::ReadCode { sale, code } = self.asked.request else { panic!("no code was read") };
        match &answer.result {
            Err(refusal) => self.justify(refusal, answer),
            Ok(view) => {
                assert_eq!(view.hash, code);
                self.same_code(sale, view, answer.now, answer.rests_on);
            }
        }
    }

    /// All codes of a sale, or of a wave.
    pub fn code_list(&mut self, answer: &Answer<Page<CodeView>>) {
        let Request::ListCodes { sale, wave, .. } = &self.asked.request else { panic!("no codes listed") };
        let page = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(page) => page,
        };
        let wanted =
            |code: &CodeBook| code.sale == *sale && wave.as_ref().is_none_or(|name| code.terms.name == *name);
        let codes = self.ledger.books.codes.iter().filter(|(_, code)| wanted(code));
        let known: Vec<_> = codes.map(|(hash, _)| *hash).collect();
        let mut listed: Vec<_> = page.items.iter().map(|view| view.hash).collect();
        listed.sort_unstable();
        assert_eq!(listed, known, "codes of {sale}");
        for view in &page.items {
            self.same_code(sale, view, answer.now, answer.rests_on);
        }
    }

    /// The waves of a sale.
    pub fn waves(&mut self, answer: &Answer<Vec<WaveView>>) {
        let Request::ReadWaves { sale } = self.asked.request else { panic!("no waves were read") };
        let views = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(views) => views,
        };
        let (books, at) = (&self.ledger.books, answer.now.engine);
        let known: Vec<_> = books.waves.iter().filter(|(of, _)| *of == sale).map(|(_, it)| &**it).collect();
        let shown: Vec<_> = views.iter().map(|view| &view.wave.terms).collect();
        assert_eq!(shown, known, "the waves of {sale}");
        for view in views {
            let of_wave = |code: &&CodeBook| code.sale == sale && code.terms.name == view.wave.terms.name;
            let codes: Vec<_> = books.codes.values().filter(of_wave).collect();
            let holds =
                |code: &&CodeBook| code.holds(at).iter().map(|(_, units)| u64::from(*units)).sum::<u64>();
            let (revoked, counts) = (codes.iter().filter(|code| code.revoked).count(), view.counts);
            assert_eq!(
                (counts.codes as usize, counts.revoked as usize),
                (codes.len(), revoked),
                "{counts:?}"
            );
            assert_eq!(counts.units_reserved, codes.iter().map(holds).sum::<u64>(), "{counts:?}");
            let all = counts.live + counts.upcoming + counts.in_cart + counts.used + counts.lapsed;
            assert_eq!(all + counts.revoked, counts.codes, "each code is counted once: {counts:?}");
            for code in codes {
                self.rests(answer, code.touched, "a code of the wave");
            }
        }
    }

    fn same_code(&self, sale: &str, view: &CodeView, now: Now, rests_on: Sequence) {
        let (books, at) = (&self.ledger.books, now.engine);
        let book = books.code(sale, view.hash);
        let book = book.unwrap_or_else(|| panic!("{:?} is there, and nobody made it", view.hash));
        assert!(rests_on >= book.touched, "the code changed with fact {}, {rests_on}", book.touched);
        assert_eq!(view.wave.terms, *book.terms, "the terms of {:?}", view.hash);
        assert_eq!(view.until, book.until, "the end of {:?}: {book:?}", view.hash);
        assert_eq!(sums(&view.holds), sums(book.holds(at)), "what {:?} holds at {at}: {book:?}", view.hash);
        let fates = books.fates(book, at);
        let used = fates.iter().filter(|fate| **fate == Use::Ordered).count();
        let in_carts = fates.iter().filter(|fate| matches!(fate, Use::InCart(_))).count();
        assert_eq!(view.used as usize, used, "orders with {:?}: {book:?}", view.hash);
        assert_eq!(view.state == CodeState::Revoked, book.revoked, "{view:?}, {book:?}");
        // Who read the time earlier may meet a cart that was looked at later.
        if at < self.newest {
            return;
        }
        let uses = fates.len();
        assert!(books.uses(view.hash, at) <= uses, "used too often: {book:?}");
        let state = match (used, in_carts) {
            _ if book.revoked => CodeState::Revoked,
            (used, _) if used == uses => CodeState::Used,
            (used, in_carts) if used + in_carts == uses => CodeState::InCart,
            _ if !book.lasts(at) => CodeState::Lapsed,
            _ if book.is_bad(at, now.wall) => CodeState::Upcoming,
            _ => CodeState::Live,
        };
        assert_eq!((view.state, view.in_carts as usize), (state, in_carts), "{book:?} at {at}");
    }
}
