//! Public documents: how stock stands and which bundles could be held, for a crowd that only looks.
//!
//! A document is an immutable snapshot with the time it was taken at and the highest number it rests on. The ticker takes
//! it anew every [`REBUILD_EVERY`] as long as somebody reads it; a reader who finds it older than [`REBUILD_AT`], because
//! nobody has read for a while, takes it himself, and one at a time: the others go on with the old one until it is
//! [`TOO_OLD`]. So a read costs no lock of the stock, and shows nothing older than two seconds.
//!
//! Nothing here is state, and nothing is decided by it.

mod offers;
mod stock;
mod words;

pub use offers::{BundleOffer, Offers, OffersKey};
pub use stock::{Availability, AvailabilityLine, StockDocument};
pub use words::{Standing, word};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use dashmap::DashMap;

use crate::ids::SaleIx;
use crate::sequence::Sequence;
use crate::sync::Mutex;
use crate::time::{Millis, Now, Timestamp};

/// The ticker takes a document anew when it is so old.
pub const REBUILD_EVERY: Millis = Millis(250);

/// A reader takes it anew when it is so old.
pub const REBUILD_AT: Millis = Millis(1_000);

/// Nothing so old is shown.
pub const TOO_OLD: Millis = Millis(2_000);

/// Documents nobody has read for so long are left alone.
const FORGOTTEN: Millis = Millis(10_000);

/// The most different questions about bundles that are kept answered; the others are answered one by one.
const MAX_OFFERS: usize = 256;

/// A snapshot.
#[derive(Debug)]
pub struct Taken<T> {
    /// What was seen.
    pub content: T,
    /// When it began to be taken.
    pub as_of: Now,
    /// The highest number seen by any lock it took.
    pub rests_on: Sequence,
}

impl<T> Taken<T> {
    fn age(&self, now: Now) -> Millis {
        now.engine.since(self.as_of.engine)
    }
}

/// A document that is taken again and again.
#[derive(Debug)]
pub struct Document<T> {
    last: ArcSwapOption<Taken<T>>,
    read_at: AtomicU64,
    taking: Mutex<()>,
}

impl<T> Default for Document<T> {
    fn default() -> Self {
        Self { last: ArcSwapOption::empty(), read_at: AtomicU64::new(0), taking: Mutex::new(()) }
    }
}

impl<T> Document<T> {
    fn younger_than(&self, age: Millis, now: Now) -> Option<Arc<Taken<T>>> {
        self.last.load_full().filter(|taken| taken.age(now) < age)
    }

    /// The document for a reader; `take` takes it. Nobody who holds a lock of the stock may come here.
    pub fn read(&self, now: Now, take: impl FnOnce() -> Taken<T>) -> Arc<Taken<T>> {
        self.read_at.store(now.engine.0, Ordering::Relaxed);
        if let Some(taken) = self.younger_than(REBUILD_AT, now) {
            return taken;
        }
        let one_at_a_time = match (self.taking.try_lock(), self.younger_than(TOO_OLD, now)) {
            (Some(lock), _) => lock,
            (None, Some(taken)) => return taken,
            (None, None) => self.taking.lock(),
        };
        // Somebody else may have taken it while we waited.
        let taken = self.younger_than(REBUILD_AT, now).unwrap_or_else(|| self.put(take()));
        drop(one_at_a_time);
        taken
    }

    /// Takes it anew if it is due and somebody reads it. For the ticker.
    pub fn refresh(&self, now: Now, take: impl FnOnce() -> Taken<T>) {
        if self.forgotten(now) || self.younger_than(REBUILD_EVERY, now).is_some() {
            return;
        }
        if let Some(_lock) = self.taking.try_lock() {
            self.put(take());
        }
    }

    fn put(&self, taken: Taken<T>) -> Arc<Taken<T>> {
        let taken = Arc::new(taken);
        self.last.store(Some(Arc::clone(&taken)));
        taken
    }

    fn forgotten(&self, now: Now) -> bool {
        now.engine.since(Timestamp(self.read_at.load(Ordering::Relaxed))) > FORGOTTEN
    }
}

/// All documents of a partition.
#[derive(Debug, Default)]
pub struct Documents {
    stock: DashMap<SaleIx, Arc<Document<StockDocument>>>,
    offers: DashMap<OffersKey, Arc<Document<Offers>>>,
}

impl Documents {
    /// How the stock of a sale stands.
    pub fn stock(&self, sale: SaleIx) -> Arc<Document<StockDocument>> {
        Arc::clone(&self.stock.entry(sale).or_default())
    }

    /// The answer to one question about bundles. None when too many different ones are asked.
    pub fn offers(&self, key: &OffersKey) -> Option<Arc<Document<Offers>>> {
        if let Some(known) = self.offers.get(key) {
            return Some(Arc::clone(&known));
        }
        if self.offers.len() >= MAX_OFFERS {
            return None;
        }
        Some(Arc::clone(&self.offers.entry(key.clone()).or_default()))
    }

    /// All stock documents, to take anew.
    pub fn all_stock(&self) -> Vec<(SaleIx, Arc<Document<StockDocument>>)> {
        self.stock.iter().map(|entry| (*entry.key(), Arc::clone(entry.value()))).collect()
    }

    /// All answers about bundles, to take anew; those nobody has read for a while are dropped.
    pub fn all_offers(&self, now: Now) -> Vec<(OffersKey, Arc<Document<Offers>>)> {
        self.offers.retain(|_, document| !document.forgotten(now));
        self.offers.iter().map(|entry| (entry.key().clone(), Arc::clone(entry.value()))).collect()
    }
}
