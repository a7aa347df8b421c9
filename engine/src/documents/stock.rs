//! How the stock of a sale stands: the counters of its groups, summed by venue, day and product.
//!
//! Taking it walks the groups, not the slots: 15 venues with 90 days and two products are 2,700 groups, whether they have
//! 3,000 slots or 680,000.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Standing, Taken, word};
use crate::decide::Core;
use crate::ids::SaleIx;
use crate::names::Listing;
use crate::outcome::{Answer, Counts, StockState};
use crate::refusal::{Missing, Refusal, Scope};
use crate::sale::{BundleRule, SaleRules};
use crate::sequence::Sequence;
use crate::state::State;
use crate::sync::Mutex;
use crate::time::{Now, Timestamp, WallTime};

/// A line of the availability document.
#[derive(Clone, Debug)]
pub struct AvailabilityLine {
    /// The venue, if asked by venue.
    pub venue: Option<String>,
    /// The local day as days since 1970-01-01, if asked by day.
    pub day: Option<i32>,
    /// The units.
    pub counts: Counts,
    /// Their state.
    pub state: StockState,
    /// When more of it will be for sale, if some is not yet.
    pub next_release_at: Option<WallTime>,
    /// If all is held: when the first of it would come back, if nobody pays before.
    pub earliest_return_at: Option<Timestamp>,
}

/// How stock stood, at most 2 s ago.
#[derive(Clone, Debug)]
pub struct Availability {
    /// When.
    pub as_of: Now,
    /// By venue and day, ascending.
    pub lines: Arc<Vec<AvailabilityLine>>,
}

/// What some groups have together.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    standing: Standing,
    first_return: Option<Timestamp>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.standing.add(&other.standing);
        self.first_return = match (self.first_return, other.first_return) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Venue, day, product.
type Key = (Arc<str>, Option<i32>, Option<Arc<str>>);

/// Free units by product.
type Products = BTreeMap<Option<Arc<str>>, u64>;

/// What a reader asks for: by venue, by day, of one product.
type View = (bool, bool, Option<Arc<str>>);

/// The counters of a sale.
#[derive(Debug)]
pub struct StockDocument {
    rules: Arc<SaleRules>,
    wall: WallTime,
    sums: BTreeMap<Key, Sum>,
    /// Free units by venue and product, of venues that have some for sale.
    open: Vec<(Arc<str>, Products)>,
    /// Lines that were asked for, rendered once.
    rendered: Mutex<BTreeMap<View, Arc<Vec<AvailabilityLine>>>>,
    /// The venues of `open` that make a bundle, by its rule, found once: a crowd is refused more often than stock is counted.
    makers: Mutex<BTreeMap<String, Arc<[Arc<str>]>>>,
}

impl StockDocument {
    /// Takes it: one shard after the other, each locked while its groups are walked.
    #[must_use]
    pub fn take(state: &State, listing: &Listing, sale: SaleIx, now: Now) -> Taken<Self> {
        let rules = Arc::clone(&listing.sales[usize::from(sale.0)].rules);
        let mut rests_on = Sequence::ZERO;
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        for number in 0..state.shards() {
            let mut shard = state.lock_shard(number);
            rests_on = rests_on.max(shard.stamp.sequence);
            shard.release_to(sale, now.wall);
            // Names are shared by many groups; each is copied once a shard.
            let mut names: BTreeMap<u32, Arc<str>> = BTreeMap::new();
            for group in shard.groups_of_sale(sale) {
                let mut name = |number: u32| {
                    Arc::clone(names.entry(number).or_insert_with(|| shard.names.name(number).into()))
                };
                let (venue, product) = (name(group.key.venue), group.key.product.map(&mut name));
                let (free_later, held_later, next_release) = group.unreleased();
                let standing = Standing { counts: group.counts, free_later, held_later, next_release };
                let sum = Sum { standing, first_return: shard.first_return(group) };
                sums.entry((venue, group.key.day, product)).or_default().add(&sum);
            }
        }
        let mut open: BTreeMap<Arc<str>, Products> = BTreeMap::new();
        for ((venue, _, product), sum) in &sums {
            let (state, _) = word(&sum.standing, &rules, now.wall);
            if matches!(state, StockState::Available | StockState::Few) {
                let products = open.entry(Arc::clone(venue)).or_default();
                *products.entry(product.clone()).or_default() += sum.standing.free_now();
            }
        }
        let mut open: Vec<_> = open.into_iter().collect();
        open.sort_by_key(|(_, products)| std::cmp::Reverse(products.values().sum::<u64>()));
        let rendered = Mutex::new(BTreeMap::new());
        let makers = Mutex::new(BTreeMap::new());
        let content = Self { rules, wall: now.wall, sums, open, rendered, makers };
        Taken { content, as_of: now, rests_on }
    }

    /// Its lines by venue and/or day, of one product or all.
    fn lines(&self, by_venue: bool, by_day: bool, product: Option<&str>) -> Arc<Vec<AvailabilityLine>> {
        let view = (by_venue, by_day, product.map(Arc::from));
        if let Some(known) = self.rendered.lock().get(&view) {
            return Arc::clone(known);
        }
        let mut sums: BTreeMap<(Option<&str>, Option<i32>), Sum> = BTreeMap::new();
        for ((venue, day, name), sum) in &self.sums {
            if product.is_none() || name.as_deref() == product {
                let key = (by_venue.then_some(&**venue), day.filter(|_| by_day));
                sums.entry(key).or_default().add(sum);
            }
        }
        let line = |((venue, day), sum): ((Option<&str>, Option<i32>), Sum)| {
            let (state, next_release_at) = word(&sum.standing, &self.rules, self.wall);
            let earliest_return_at = sum.first_return.filter(|_| state == StockState::AllHeld);
            let (venue, counts) = (venue.map(str::to_owned), sum.standing.counts);
            AvailabilityLine { venue, day, counts, state, next_release_at, earliest_return_at }
        };
        let lines: Arc<Vec<_>> = Arc::new(sums.into_iter().map(line).collect());
        // Products nobody knows have no lines; keeping that would let anybody fill the memory.
        if !lines.is_empty() {
            self.rendered.lock().insert(view, Arc::clone(&lines));
        }
        lines
    }

    /// Other venues that had enough for what was looked for, at most `most`, the fullest first.
    fn elsewhere(&self, scope: &Scope, most: usize) -> Vec<String> {
        let other = |venue: &Arc<str>| (**venue != *scope.venue).then(|| venue.to_string());
        if let Some(rule) = &scope.rule {
            return self.makers(rule).iter().filter_map(other).take(most).collect();
        }
        let enough = |products: &Products| products.values().sum::<u64>() >= u64::from(scope.quantity);
        let others = self.open.iter().filter(|(_, products)| enough(products));
        others.filter_map(|(venue, _)| other(venue)).take(most).collect()
    }

    /// The venues that had what makes a bundle, the fullest first.
    fn makers(&self, rule: &str) -> Arc<[Arc<str>]> {
        if let Some(known) = self.makers.lock().get(rule) {
            return Arc::clone(known);
        }
        let Some(terms) = self.rules.bundle(rule) else { return Arc::from([]) };
        let venues = self.open.iter().map(|(venue, _)| venue).filter(|venue| self.makes(venue, terms));
        let makers: Arc<[Arc<str>]> = venues.cloned().collect();
        self.makers.lock().insert(rule.to_owned(), Arc::clone(&makers));
        makers
    }

    /// Whether a venue had the parts of a bundle on days that fit together.
    fn makes(&self, venue: &Arc<str>, rule: &BundleRule) -> bool {
        let here =
            || self.sums.range((Arc::clone(venue), None, None)..).take_while(|(key, _)| key.0 == *venue);
        // The days that the parts so far can end on.
        let mut ends: Option<BTreeSet<i32>> = None;
        rule.parts.iter().all(|part| {
            let of_part = |key: &Key| key.2.as_deref() == Some(part.as_str());
            let free = here().filter(|(key, sum)| of_part(key) && sum.standing.free_now() > 0);
            let mut days = free.map(|(key, _)| key.1);
            let Some((least, most)) = rule.gap_days else { return days.next().is_some() };
            let fits = |day: &i32| {
                let before = day.saturating_sub(most.into())..=day.saturating_sub(least.into());
                ends.as_ref().is_none_or(|ends| ends.range(before).next().is_some())
            };
            let reached: BTreeSet<i32> = days.flatten().filter(fits).collect();
            let some = !reached.is_empty();
            ends = Some(reached);
            some
        })
    }
}

/// The most other venues a refusal names.
const MAX_ELSEWHERE: usize = 5;

impl Core {
    /// The stock document of a sale, at most 2 s old. No lock may be held.
    pub(crate) fn stock_document(&self, now: Now, sale: SaleIx) -> Arc<Taken<StockDocument>> {
        let document = self.state.documents.stock(sale);
        document.read(now, || self.take_stock(now, sale))
    }

    fn take_stock(&self, now: Now, sale: SaleIx) -> Taken<StockDocument> {
        // Holds past their deadline go back first, in one bounded step a shard; a crowd of them is the ticker's work.
        for shard in 0..self.state.shards() {
            if self.state.lock_shard(shard).may_be_due(now.engine) {
                // No room in the buffer: then they still count as held, as for whoever asked a moment ago.
                let _ = self.settle_shard(now, shard);
            }
        }
        StockDocument::take(&self.state, &self.state.names.listing(), sale, now)
    }

    /// Takes anew what is read and due. For the ticker, every tick.
    pub fn refresh_documents(&self, now: Now) {
        for (sale, document) in self.state.documents.all_stock() {
            document.refresh(now, || self.take_stock(now, sale));
        }
        for (key, document) in self.state.documents.all_offers(now) {
            document.refresh(now, || self.take_offers(now, &key));
        }
    }

    /// Units by venue and/or day, of one product or all.
    pub fn availability(
        &self,
        now: Now,
        sale: &str,
        by_venue: bool,
        by_day: bool,
        product: Option<&str>,
    ) -> Answer<Availability> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let document = self.stock_document(now, sale);
        let lines = document.content.lines(by_venue, by_day, product);
        let result = Ok(Availability { as_of: document.as_of, lines });
        Answer { rests_on: document.rests_on, now, replayed: false, result }
    }

    /// Names other venues in a refusal that nothing is left in its scope. No lock may be held.
    pub(crate) fn name_elsewhere<T>(&self, sale: SaleIx, answer: &mut Answer<T>) {
        let Err(refusal) = &mut answer.result else { return };
        let Some(scope) = refusal.scope_mut() else { return };
        let document = self.stock_document(answer.now, sale);
        scope.elsewhere = document.content.elsewhere(scope, MAX_ELSEWHERE);
        answer.rests_on = answer.rests_on.max(document.rests_on);
    }
}
