//! Whether what `best` chose was what was asked for, and whether its "no" was true: naively, by trying every place.

use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::request::Want;
use crate::time::Now;

use super::books::{Books, Line, SlotBook};
use super::grounds::Taking;
use super::judge::Judge;

/// The seats of a section in the order people sit. All of a simulated section are in one row, and have numbers.
fn row<'a>(books: &'a Books, sale: &str, section: Option<&str>) -> Vec<&'a SlotBook> {
    let of = |book: &&SlotBook| book.spec.row.is_some() && book.spec.section.as_deref() == section;
    let slots = books.slots.iter().filter(|((known, _), _)| *known == sale).map(|(_, book)| book);
    let mut seats: Vec<_> = slots.filter(of).collect();
    seats.sort_by_key(|book| book.spec.seat.as_ref().and_then(|seat| seat.parse::<u32>().ok()));
    seats
}

/// Whether these are seats side by side.
pub(super) fn are_neighbours(books: &Books, sale: &'static str, slots: &[&str]) -> bool {
    let Some(first) = slots.first().and_then(|slot| books.slot(sale, slot)) else { return false };
    let row = row(books, sale, first.spec.section.as_deref());
    row.windows(slots.len()).any(|seats| seats.iter().all(|book| slots.contains(&book.spec.id.as_str())))
}

/// Demands that the last lines are what the one `best` of a request asked for: the books have them last.
pub(super) fn check_seats(books: &Books, sale: &'static str, wants: &[Want], lines: &[Line]) {
    let best = wants.iter().find(|want| matches!(want, Want::Best { .. }));
    let Some(Want::Best { venue, section, quantity, adjacent, accessible, .. }) = best else { return };
    let mut units = 0;
    let chosen = lines.iter().rev().take_while(|line| {
        let before = units;
        units += line.quantity;
        before < *quantity
    });
    let chosen: Vec<_> = chosen.collect();
    let seats: Vec<_> = chosen.iter().filter_map(|line| books.slot(sale, &line.slot)).collect();
    assert_eq!(chosen.iter().map(|line| line.quantity).sum::<u32>(), *quantity, "{chosen:?}");
    for book in &seats {
        assert_eq!(book.spec.venue, *venue);
        assert!(section.is_none() || book.spec.section == *section, "{chosen:?} for {best:?}");
        assert!(*accessible || !book.spec.accessible, "{chosen:?} for {best:?}");
    }
    // Of neighbours one accessible seat is enough; who sits apart needs one each.
    let slots: Vec<&str> = chosen.iter().map(|line| line.slot.as_str()).collect();
    let some = seats.iter().filter(|book| book.spec.accessible).count();
    let enough = some == seats.len() || some > 0 && (*adjacent || are_neighbours(books, sale, &slots));
    assert!(!accessible || enough, "{chosen:?} for {best:?}");
}

impl Judge<'_> {
    /// Whether the one `best` of a request cannot be had; false if there is none.
    pub fn no_seats(&self, taking: &Taking<'_>, now: Now) -> bool {
        let best = taking.wants.iter().find(|want| matches!(want, Want::Best { .. }));
        best.is_some_and(|best| !self.can_sit(taking, best, now))
    }

    fn can_sit(&self, taking: &Taking<'_>, best: &Want, now: Now) -> bool {
        let Want::Best { quantity, adjacent, accessible, .. } = best else { return false };
        let books = &self.ledger.books;
        let many = *quantity as usize;
        let left = |book: &SlotBook| match book.released(now.wall) {
            true => taking.left(books, &book.spec.id, now.engine),
            false => 0,
        };
        let scope = self.scope_of(taking, best);
        let standing = |book: &&SlotBook| book.spec.row.is_none() && book.spec.accessible == *accessible;
        if scope.iter().copied().filter(standing).any(|book| left(book) >= i64::from(*quantity)) {
            return true;
        }
        let mut sections: Vec<_> = scope.iter().map(|book| book.spec.section.as_deref()).collect();
        sections.sort_unstable();
        sections.dedup();
        let rows: Vec<_> = sections.iter().map(|section| row(books, taking.sale, *section)).collect();
        let together = rows.iter().flat_map(|row| row.windows(many)).any(|seats| {
            let right = |accessible_seat: bool| *accessible || !accessible_seat;
            seats.iter().all(|book| left(book) > 0 && right(book.spec.accessible))
                && (!accessible || seats.iter().any(|book| book.spec.accessible))
        });
        let apart =
            rows.iter().flatten().filter(|book| book.spec.accessible == *accessible && left(book) > 0);
        together || !adjacent && apart.count() >= many
    }

    /// The slots a `best` looks through.
    fn scope_of(&self, taking: &Taking<'_>, best: &Want) -> Vec<&SlotBook> {
        let Want::Best { venue, section, .. } = best else { return Vec::new() };
        let slots = self.ledger.books.slots.iter().filter(|((sale, _), _)| *sale == taking.sale);
        let inside = |book: &&SlotBook| {
            book.spec.venue == *venue && (section.is_none() || book.spec.section == *section)
        };
        slots.map(|(_, book)| book).filter(inside).collect()
    }

    /// Demands that "sold out" and "all held" are true of all that was looked through.
    pub fn check_word<T>(&self, refusal: &Refusal, taking: &Taking<'_>, answer: &Answer<T>) {
        let best = taking.wants.iter().find(|want| matches!(want, Want::Best { .. }));
        let Some(best) = best else { return };
        let (books, at) = (&self.ledger.books, answer.now.engine);
        // What is accessible is nobody's who did not ask for it.
        let asked = matches!(best, Want::Best { accessible: true, .. });
        let (mut free, mut later, mut held) = (0, 0, 0);
        for book in self.scope_of(taking, best) {
            let slot = book.spec.id.as_str();
            let back = taking.back(books, slot, at);
            self.rests(answer, book.touched, "a slot that was looked at");
            if book.spec.accessible && !asked {
                continue;
            }
            let here = books.free(taking.sale, slot, at) + i64::from(back);
            *if book.released(answer.now.wall) { &mut free } else { &mut later } += here;
            held += books.held(taking.sale, slot, at) - back;
        }
        let right = match refusal {
            Refusal::SoldOut(_) => free == 0 && later == 0 && held == 0,
            Refusal::AllHeld(_) => free == 0 && held > 0,
            _ => free + later > 0,
        };
        assert!(right, "{free} free, {later} later, {held} held");
    }
}
