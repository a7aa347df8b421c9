//! Bundles that could be held, the earliest days first: one document for each question that is asked.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Taken;
use crate::decide::Core;
use crate::decide::bundle::{Search, Window};
use crate::ids::SaleIx;
use crate::limits::MAX_PAGE;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::sale::BundleRule;
use crate::sequence::Sequence;
use crate::time::{Now, WallTime};

/// A bundle that could be held.
#[derive(Clone, Debug)]
pub struct BundleOffer {
    /// The venue.
    pub venue: String,
    /// The slots of the parts, in order, with their starts.
    pub slots: Vec<(String, Option<WallTime>)>,
}

/// Some of them.
pub type Offers = Vec<BundleOffer>;

/// Which are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffersKey {
    /// Of this sale.
    pub sale: SaleIx,
    /// Of this rule.
    pub rule: String,
    /// At this venue; none for all.
    pub venue: Option<String>,
    /// The first part starts not before.
    pub from: Option<WallTime>,
    /// At most so many.
    pub limit: usize,
}

impl Core {
    /// Bundles that could be held, at most `limit`, the earliest days first. The answer's time is that of its document.
    pub fn bundles(
        &self,
        now: Now,
        sale: &str,
        rule: &str,
        venue: Option<&str>,
        from: Option<WallTime>,
        limit: usize,
    ) -> Answer<Offers> {
        let listing = self.state.names.listing();
        let Some(index) = listing.sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        if listing.sales[usize::from(index.0)].rules.bundle(rule).is_none() {
            return Self::refuse(now, Refusal::NotFound(Missing::Rule(rule.to_owned())));
        }
        if let Some(venue) = venue
            && self.state.names.venue(index, venue) == 0
        {
            return Answer { rests_on: Sequence::ZERO, now, replayed: false, result: Ok(Vec::new()) };
        }
        let key = OffersKey {
            sale: index,
            rule: rule.to_owned(),
            venue: venue.map(str::to_owned),
            from,
            limit: limit.min(MAX_PAGE),
        };
        let take = || self.take_offers(now, &key);
        let taken = match self.state.documents.offers(&key) {
            Some(document) => document.read(now, take),
            None => Arc::new(take()),
        };
        let result = Ok(taken.content.clone());
        Answer { rests_on: taken.rests_on, now: taken.as_of, replayed: false, result }
    }

    /// Looks for them, venue by venue, each with its shards locked.
    pub(crate) fn take_offers(&self, now: Now, key: &OffersKey) -> Taken<Offers> {
        let listing = self.state.names.listing();
        let rules = Arc::clone(&listing.sales[usize::from(key.sale.0)].rules);
        let mut taken = Taken { content: Vec::new(), as_of: now, rests_on: Sequence::ZERO };
        let Some(rule) = rules.bundle(&key.rule) else { return taken };
        let (opens, closes) = (rules.opens_at, rules.closes_at);
        if opens.is_some_and(|opens| now.wall < opens) || closes.is_some_and(|closes| now.wall >= closes) {
            return taken;
        }
        for venue in self.venues(key.sale, key.venue.as_deref()) {
            if taken.content.len() >= key.limit {
                break;
            }
            self.offers_at(now, key, rule, &venue, &mut taken);
        }
        taken
    }

    fn offers_at(
        &self,
        now: Now,
        key: &OffersKey,
        rule: &BundleRule,
        venue: &str,
        taken: &mut Taken<Offers>,
    ) {
        let mask = self.state.names.venue(key.sale, venue);
        let numbers = (0..self.state.shards()).filter(|shard| mask >> shard & 1 == 1);
        let held: SmallVec<[_; 4]> = numbers.map(|shard| (shard, self.state.lock_shard(shard))).collect();
        for (_, shard) in &held {
            taken.rests_on = taken.rests_on.max(shard.stamp.sequence);
        }
        let search = Search {
            sale: key.sale,
            rule,
            venue,
            window: Window { from: key.from, to: None, wall: now.wall, at: now.engine },
            shards: held.iter().map(|(number, shard)| (*number, &**shard)).collect(),
            taken: SmallVec::new(),
            back: &[],
            count_due: false,
        };
        for parts in search.each_first(key.limit - taken.content.len()) {
            let slots = parts.iter().filter_map(|part| {
                let (_, shard) = held.iter().find(|(number, _)| *number == part.shard)?;
                Some((shard.slot_name(part.index).to_owned(), shard.info(part.index).starts_at))
            });
            taken.content.push(BundleOffer { venue: venue.to_owned(), slots: slots.collect() });
        }
    }

    /// The venues of a sale by name, or the one asked for.
    fn venues(&self, sale: SaleIx, venue: Option<&str>) -> Vec<String> {
        if let Some(venue) = venue {
            return vec![venue.to_owned()];
        }
        let catalog = self.state.lock_catalog();
        let first = (sale, String::new(), None);
        let places = catalog.places.range(first..).take_while(|(place, _)| place.0 == sale);
        let mut venues: Vec<_> = places.map(|(place, _)| place.1.clone()).collect();
        venues.dedup();
        venues
    }
}
