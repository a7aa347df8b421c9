//! Whether answers about stock and sales were right: what operators set, and what everybody may look at.

use crate::decide::{Availability, BundleOffer, Page, SalePut, SlotRejection, SlotsAdded};
use crate::ids::{ChannelIx, is_id};
use crate::inventory::{MAX_CAPACITY, SlotSpec};
use crate::outcome::{Answer, Counts, OrderView, SlotView};
use crate::refusal::Refusal;
use crate::sale::SaleView;
use crate::sequence::Sequence;
use crate::time::Millis;

use super::books::{Kept, Stage};
use super::entries::{Entry, Numbered};
use super::judge::Judge;
use super::legal::is_bundle;
use super::plan;
use super::request::Request;

impl Judge<'_> {
    fn set<T>(&mut self, entry: Entry, answer: &Answer<T>) {
        let (number, at) = (answer.rests_on, answer.now.engine);
        self.ledger.note(Numbered { number, at, entry, key: None });
    }

    /// A sale was made or changed.
    pub fn sale(&mut self, answer: &Answer<SalePut>) {
        let Request::PutSale { rules, .. } = &self.asked.request else { panic!("no sale was put") };
        match &answer.result {
            Err(refusal) => self.justify(refusal, answer),
            Ok(put) => {
                let known = self.ledger.books.sales.get(rules.id.as_str());
                assert_eq!(put.created, known.is_none());
                assert_eq!(put.sale.revision, known.map_or(0, |book| book.revision) + 1, "the revision");
                assert_eq!(*put.sale.rules, **rules);
                let sale = plan::known(&rules.id);
                let (rules, revision) = (rules.clone(), put.sale.revision);
                self.set(Entry::Sale { sale, rules, revision }, answer);
            }
        }
    }

    /// A sale was read.
    pub fn sale_read(&mut self, answer: &Answer<SaleView>) {
        let Request::ReadSale { sale } = self.asked.request else { panic!("no sale was read") };
        match &answer.result {
            Err(refusal) => self.justify(refusal, answer),
            Ok(view) => {
                let book = &self.ledger.books.sales[sale];
                assert_eq!((&*view.rules, view.revision), (&book.rules, book.revision));
                self.rests(answer, book.touched, "the sale");
            }
        }
    }

    /// A channel got its index, or had it.
    pub fn channel(&mut self, answer: &Answer<ChannelIx>) {
        let Request::NameChannel { name } = &self.asked.request else { panic!("no channel was named") };
        let index = match &answer.result {
            Err(Refusal::Rule { .. }) => return assert!(!is_id(name), "{name} is a good name"),
            Err(refusal) => return self.justify(refusal, answer),
            Ok(index) => usize::from(index.0),
        };
        let channels = &self.ledger.books.channels;
        match channels.iter().position(|known| known == name) {
            Some(known) => assert_eq!(index, known, "channel {name}"),
            None => {
                assert_eq!(index, channels.len(), "channel {name}");
                self.set(Entry::Channel { name: name.clone() }, answer);
            }
        }
    }

    /// Slots were imported.
    pub fn slots_added(&mut self, answer: &Answer<SlotsAdded>) {
        let Request::AddSlots { sale, slots, atomic } = &self.asked.request else { panic!("no import") };
        if let Some(known) = self.kept(answer) {
            let Ok(done) = &answer.result else { panic!("a replay that refuses") };
            let told = Kept::Slots([done.added, done.updated, done.unchanged]);
            return assert_eq!(told, known.kept, "the replay is not what was answered");
        }
        let done = match &answer.result {
            Err(Refusal::KeyReused) => return,
            Err(refusal) => return self.justify(refusal, answer),
            Ok(done) => done,
        };
        let rejected = |place: usize| done.rejected.iter().any(|(other, _)| *other == place);
        let taken: Vec<SlotSpec> = if *atomic && !done.rejected.is_empty() {
            Vec::new()
        } else {
            let good = slots.iter().enumerate().filter(|(place, _)| !rejected(*place));
            good.map(|(_, spec)| spec.clone()).collect()
        };
        let (mut added, mut updated, mut unchanged) = (0, 0, 0);
        for spec in &taken {
            match self.ledger.books.slot(sale, &spec.id) {
                None => added += 1,
                Some(book) if book.spec == *spec => unchanged += 1,
                Some(_) => updated += 1,
            }
        }
        if !*atomic || done.rejected.is_empty() {
            assert_eq!((done.added, done.updated, done.unchanged), (added, updated, unchanged), "{done:?}");
        }
        for (place, why) in &done.rejected {
            let spec = &slots[*place];
            match why {
                SlotRejection::Malformed(_) => {
                    let twice = slots[..*place].iter().any(|other| other.id == spec.id);
                    let known = self.ledger.books.slot(sale, &spec.id).map(|book| &book.spec);
                    let moved = known.is_some_and(|known| {
                        (&known.venue, &known.section, &known.product)
                            != (&spec.venue, &spec.section, &spec.product)
                            || known.starts_at != spec.starts_at
                    });
                    assert!(twice || moved || spec.check().is_err(), "{spec:?} was rejected: {why:?}");
                }
                SlotRejection::Refused(Refusal::BelowCommitted { .. }) => {
                    let (books, at) = (&self.ledger.books, answer.now.engine);
                    let blocked = books.slot(sale, &spec.id).map_or(0, |book| book.blocked);
                    let taken = books.held(sale, &spec.id, at) + books.sold(sale, &spec.id) + blocked;
                    assert!(taken > spec.capacity, "{taken} units fit into {spec:?}");
                }
                SlotRejection::Refused(Refusal::TooLarge { .. }) => assert!(spec.capacity > MAX_CAPACITY),
                SlotRejection::Refused(refusal) => assert_eq!(*refusal, Refusal::Overloaded),
            }
        }
        if added + updated > 0 {
            let kept = Kept::Slots([done.added, done.updated, done.unchanged]);
            self.enter(Entry::Slots { sale, specs: taken }, kept, answer);
        }
    }

    /// One slot, read or changed.
    pub fn slot(&mut self, answer: &Answer<SlotView>) {
        let view = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(view) => view,
        };
        let (sale, slot) = match &self.asked.request {
            Request::ReadSlot { sale, slot } => (*sale, slot.clone()),
            Request::ChangeSlot { sale, slot, change } => {
                let book = &self.ledger.books.slots[&(*sale, slot.clone())];
                let capacity = change.capacity.unwrap_or(book.spec.capacity);
                let blocked = change.blocked.unwrap_or(book.blocked);
                if (capacity, blocked) != (book.spec.capacity, book.blocked) {
                    let entry = Entry::Units { sale, slot: slot.clone(), capacity, blocked };
                    self.set(entry, answer);
                }
                (*sale, slot.clone())
            }
            other => panic!("{other:?} shows no slot"),
        };
        let (books, at) = (&self.ledger.books, answer.now.engine);
        let book = &books.slots[&(sale, slot.clone())];
        let expected = Counts {
            capacity: book.spec.capacity.into(),
            held: books.held(sale, &slot, at).into(),
            sold: books.sold(sale, &slot).into(),
            blocked: book.blocked.into(),
        };
        assert_eq!(view.counts, expected, "the units of {slot} at {at}");
        assert_eq!(view.slot, book.spec);
        self.rests(answer, book.touched, "the slot");
    }

    /// All slots of a sale. A list may count holds that are past their deadline and not yet settled.
    pub fn slot_list(&mut self, answer: &Answer<Page<SlotView>>) {
        let Request::ListSlots { sale, .. } = self.asked.request else { panic!("no list of slots") };
        let page = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(page) => page,
        };
        let books = &self.ledger.books;
        let known = books.slots.keys().filter(|(of, _)| *of == sale).count();
        assert_eq!(page.items.len(), known, "slots of {sale}");
        for view in &page.items {
            let slot = view.slot.id.as_str();
            let book = &books.slots[&(sale, slot.to_owned())];
            assert_eq!(view.slot, book.spec);
            let sold = u64::from(books.sold(sale, slot));
            assert_eq!((view.counts.sold, view.counts.blocked), (sold, book.blocked.into()), "{slot}");
            let live = books.held(sale, slot, self.newest);
            assert!(view.counts.held >= u64::from(live), "{slot}: {live} held, {:?}", view.counts);
            self.rests(answer, book.touched, "a slot of the list");
        }
    }

    /// Whether a public document has seen the last change of a sale's terms, slots and carts. Until it has, it may be up to 2 s
    /// behind and nothing more is demanded of it.
    fn is_current(&self, sale: &str, rests_on: Sequence) -> bool {
        let books = &self.ledger.books;
        let slots = books.slots.iter().filter(|((of, _), _)| *of == sale).map(|(_, book)| book.touched);
        let carts = books.carts.values().filter(|book| book.sale == sale).map(|book| book.touched);
        let terms = books.sales.get(sale).map(|book| book.touched);
        slots.chain(carts).chain(terms).all(|touched| touched <= rests_on)
    }

    /// Sums over a sale.
    pub fn totals(&mut self, answer: &Answer<Availability>) {
        let Request::Totals { sale } = self.asked.request else { panic!("no totals") };
        let totals = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(totals) => totals,
        };
        let age = answer.now.engine.since(totals.as_of.engine);
        assert!(age <= Millis(2_000), "totals of {sale} are {age:?} old");
        if !self.is_current(sale, answer.rests_on) {
            return;
        }
        let books = &self.ledger.books;
        let (mut capacity, mut sold) = (0, 0);
        for ((_, slot), book) in books.slots.iter().filter(|((of, _), _)| *of == sale) {
            capacity += u64::from(book.spec.capacity);
            sold += u64::from(books.sold(sale, slot));
        }
        let sum = |of: fn(&Counts) -> u64| totals.lines.iter().map(|line| of(&line.counts)).sum::<u64>();
        assert_eq!((sum(|c| c.capacity), sum(|c| c.sold)), (capacity, sold), "totals of {sale}");
    }

    /// All orders the caller may see.
    pub fn order_list(&mut self, answer: &Answer<Page<OrderView>>) {
        let Request::ListOrders { sale, .. } = self.asked.request else { panic!("no list of orders") };
        let page = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(page) => page,
        };
        let caller = self.asked.caller;
        let known = self.ledger.books.carts.iter().filter(|(_, book)| {
            book.sale == sale
                && book.stage == Stage::Ordered
                && (caller.operator || caller.channel == book.channel)
        });
        let mut touched = Sequence::ZERO;
        let known: Vec<_> = known
            .map(|(cart, book)| {
                touched = touched.max(book.touched);
                *cart
            })
            .collect();
        let mut listed: Vec<_> = page.items.iter().map(|order| order.cart).collect();
        listed.sort_unstable();
        assert_eq!(listed, known, "orders of {sale}");
        for order in &page.items {
            self.same_order(order);
        }
        self.rests(answer, touched, "an order of the list");
    }

    /// Bundles that are offered can be held.
    pub fn offers(&mut self, answer: &Answer<Vec<BundleOffer>>) {
        let Request::Bundles { sale } = self.asked.request else { panic!("no bundles") };
        let offers = match &answer.result {
            Err(refusal) => return self.justify(refusal, answer),
            Ok(offers) => offers,
        };
        if !self.is_current(sale, answer.rests_on) {
            return;
        }
        let books = &self.ledger.books;
        for offer in offers {
            let slots: Vec<_> = offer.slots.iter().map(|(slot, _)| slot.as_str()).collect();
            assert!(is_bundle(books, sale, &books.sales[sale].rules, &slots), "{offer:?}");
            for slot in slots {
                assert!(books.free(sale, slot, self.newest) > 0, "{slot} of {offer:?} is not free");
            }
        }
    }
}
