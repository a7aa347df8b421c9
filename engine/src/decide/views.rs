//! What callers see of carts, orders and stock, rendered while the locks are held.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Decision;
use crate::carts::{Item, PRESENT, Stage};
use crate::ids::{CartId, CustomerHash, PublicId, Quantity, SaleIx};
use crate::inventory::Shard;
use crate::keys::{Answered, KeyRecord};
use crate::limits::MAX_PAGE;
use crate::outcome::{
    Answer, CartState, CartView, Counts, ItemView, OrderState, OrderView, SlotView, StockState,
};
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, KeyUse};
use crate::sale::SaleRules;
use crate::time::{Now, WallTime};

use super::Core;
use crate::carts::bundle_number;

/// Which slots to list.
#[derive(Clone, Debug, Default)]
pub struct SlotQuery<'a> {
    /// Of this venue.
    pub venue: Option<&'a str>,
    /// Of this section.
    pub section: Option<&'a str>,
    /// Of this product.
    pub product: Option<&'a str>,
    /// Starting not before.
    pub from: Option<WallTime>,
    /// Starting before.
    pub to: Option<WallTime>,
    /// In this state.
    pub state: Option<StockState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Where the next part begins; none at the end.
    pub next: Option<String>,
}

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
}

/// How stock stood, at most 2 s ago.
#[derive(Clone, Debug)]
pub struct Availability {
    /// When.
    pub as_of: Now,
    /// By venue and day, ascending.
    pub lines: Arc<Vec<AvailabilityLine>>,
}

/// A bundle that could be held.
#[derive(Clone, Debug)]
pub struct BundleOffer {
    /// The venue.
    pub venue: String,
    /// The slots of the parts, in order, with their starts.
    pub slots: Vec<(String, Option<WallTime>)>,
}

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct OrderQuery<'a> {
    /// Of this customer.
    pub customer: Option<CustomerHash>,
    /// With this reference.
    pub reference: Option<&'a str>,
    /// In this state.
    pub state: Option<OrderState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// The state of so many units.
pub(super) fn stock_state(counts: &Counts, rules: &SaleRules) -> StockState {
    match counts.free() {
        0 if counts.held > 0 => StockState::AllHeld,
        0 => StockState::SoldOut,
        free if free <= u64::from(rules.few_units)
            || free * 100 <= counts.capacity * u64::from(rules.few_percent) =>
        {
            StockState::Few
        }
        _ => StockState::Available,
    }
}

/// When the sale or the slot opens, if it has not; `Err` if the sale has closed.
fn opening(rules: &SaleRules, releases_at: Option<WallTime>, wall: WallTime) -> Result<Option<WallTime>, ()> {
    if rules.closes_at.is_some_and(|closes| wall >= closes) {
        return Err(());
    }
    Ok(rules.opens_at.max(releases_at).filter(|opens| wall < *opens))
}

/// A slot as it stands.
pub(super) fn slot_view(shard: &Shard, index: u32, now: Now) -> SlotView {
    let slot = shard.slot(index);
    let spec = shard.spec(index);
    let counts = Counts {
        capacity: slot.capacity.into(),
        held: slot.held.into(),
        sold: slot.sold.into(),
        blocked: slot.blocked.into(),
    };
    let (state, next_release_at) = match shard.rules(slot.sale) {
        None => (StockState::Closed, None),
        Some(rules) => match opening(rules, spec.releases_at, now.wall) {
            Err(()) => (StockState::Closed, None),
            Ok(Some(opens)) => (StockState::NotReleased, Some(opens)),
            Ok(None) => (stock_state(&counts, rules), None),
        },
    };
    let earliest_return_at = if state == StockState::AllHeld { shard.first_deadline(index) } else { None };
    SlotView { slot: spec, counts, state, next_release_at, earliest_return_at }
}

impl Decision<'_> {
    fn item_view(&self, ordinal: usize, item: &Item, cancelled: bool) -> ItemView {
        ItemView {
            ordinal: u8::try_from(ordinal).unwrap_or(u8::MAX),
            bundle: bundle_number(item.bundle),
            quantity: Quantity::from(item.quantity),
            cancelled,
            slot: self.guards.look(item.shard).slot_name(item.slot).to_owned(),
        }
    }

    /// A cart as it stands, or as it was at a version of its items.
    pub(super) fn cart_view(&self, id: CartId, version: Option<u8>) -> CartView {
        let cart = self.found(id);
        let present = |item: &&Item| version.map_or(item.present(), |version| item.present_at(version));
        let items = cart.items.iter().enumerate().filter(|(_, item)| present(item));
        let items: smallvec::SmallVec<[ItemView; 4]> =
            items.map(|(ordinal, item)| self.item_view(ordinal, item, false)).collect();
        let state = match (version, cart.stage) {
            // As it was: it was open, unless that change took the last hold.
            (Some(_), _) if items.is_empty() => CartState::Abandoned,
            (Some(_), _) => CartState::Open,
            (None, Stage::Open) if cart.open_at(self.at()) => CartState::Open,
            (None, Stage::Open | Stage::Lapsed) => CartState::Expired,
            (None, Stage::Ordered) => CartState::Ordered,
            (None, Stage::Abandoned | Stage::Free) => CartState::Abandoned,
        };
        CartView {
            cart: id,
            sale: self.core.state.names.listing().sale_id(cart.sale),
            state,
            items,
            expires_at: cart.deadline,
            hard_deadline: cart.hard_deadline,
            customer: cart.customer(),
            notes: self.notes(id),
        }
    }

    fn notes(&self, id: CartId) -> Option<Arc<crate::request::Notes>> {
        #[expect(clippy::cast_possible_truncation, reason = "the cart was found, so its shard exists")]
        let shard = self.guards.look(id.shard() as u8);
        if shard.notes.is_empty() { None } else { shard.notes.get(&id.index()).cloned() }
    }

    /// An order as it stands, or as it was at a version of its items.
    pub(super) fn order_view(&self, id: CartId, version: Option<u8>) -> OrderView {
        let cart = self.found(id);
        let version = version.unwrap_or(cart.version);
        let confirmed = cart.confirmed_version();
        let lines = cart.items.iter().enumerate().filter(|(_, item)| item.present_at(confirmed));
        let items: smallvec::SmallVec<[ItemView; 4]> = lines
            .map(|(ordinal, item)| {
                self.item_view(ordinal, item, item.gone != PRESENT && item.gone <= version)
            })
            .collect();
        let cancelled = items.iter().filter(|item| item.cancelled).count();
        let state = match cancelled {
            0 => OrderState::Confirmed,
            all if all == items.len() => OrderState::Cancelled,
            _ => OrderState::PartlyCancelled,
        };
        OrderView {
            cart: id,
            sale: self.core.state.names.listing().sale_id(cart.sale),
            state,
            items,
            customer: cart.customer(),
            confirmed_at: cart.deadline,
            notes: self.notes(id),
        }
    }

    /// What is remembered of a key; the visitor and key locks are held, inventory is not yet.
    fn remembered(&mut self, key: KeyUse) -> Option<Result<KeyRecord, Refusal>> {
        let at = self.fix_time();
        let record = *self.guards.look_keys()?.find(key.key, at)?;
        if record.fingerprint != key.fingerprint {
            return Some(Err(Refusal::KeyReused));
        }
        // The answer names slots of every item the cart ever had: their shards, and those only, are taken.
        #[expect(clippy::cast_possible_truncation, reason = "the record was made with this cart")]
        let home = record.cart.shard() as u8;
        self.guards.lock_shards(1 << home);
        let cart = self.guards.look(home).carts.get(record.cart.index());
        let mask = cart
            .filter(|cart| cart.generation == record.cart.generation() && cart.stage != Stage::Free)
            .map(|cart| cart.items.iter().fold(1 << home, |mask, item| mask | 1 << item.shard));
        let Some(mask) = mask else {
            self.guards.unlock_shards();
            return None;
        };
        if mask != 1 << home {
            // Items are never removed and the key's cart has not ended long ago, so the set can only have grown by
            // versions this answer does not speak of.
            self.guards.unlock_shards();
            self.guards.lock_shards(mask);
        }
        self.fix_time();
        Some(Ok(record))
    }

    /// The kept answer of a request that changed a cart, if its key was used before.
    pub(super) fn replay_cart(&mut self, key: KeyUse) -> Option<Answer<CartView>> {
        let record = match self.remembered(key)? {
            Ok(record) => record,
            Err(refusal) => return Some(self.answer(Err(refusal))),
        };
        match record.answered() {
            Answered::Confirmed | Answered::Cancelled => Some(self.answer(Err(Refusal::KeyReused))),
            Answered::Opened
            | Answered::Added
            | Answered::Released
            | Answered::Exchanged
            | Answered::Extended => {
                let view = self.cart_view(record.cart, Some(record.version()));
                Some(self.replay(Ok(view)))
            }
        }
    }

    /// The kept answer of a request that made or changed an order, if its key was used before.
    pub(super) fn replay_order(&mut self, key: KeyUse) -> Option<Answer<OrderView>> {
        let record = match self.remembered(key)? {
            Ok(record) => record,
            Err(refusal) => return Some(self.answer(Err(refusal))),
        };
        match record.answered() {
            Answered::Confirmed | Answered::Cancelled => {
                let view = self.order_view(record.cart, Some(record.version()));
                Some(self.replay(Ok(view)))
            }
            _ => Some(self.answer(Err(Refusal::KeyReused))),
        }
    }
}

impl Core {
    /// Slots by venue, start and id, looked at shard by shard.
    pub fn slots(&self, now: Now, sale: &str, query: &SlotQuery<'_>) -> Answer<Page<SlotView>> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let limit = query.limit.clamp(1, MAX_PAGE);
        let mask = query.venue.map_or(u64::MAX, |venue| self.state.names.venue(sale, venue));
        let mut rests_on = crate::sequence::Sequence::ZERO;
        let mut found: BTreeMap<(String, Option<WallTime>, String), SlotView> = BTreeMap::new();
        for number in (0..self.state.shards()).filter(|shard| mask >> shard & 1 == 1) {
            let shard = self.state.lock_shard(number);
            rests_on = rests_on.max(shard.stamp.sequence);
            for group in shard.groups_of_sale(sale) {
                let key = &group.key;
                let venue = shard.names.name(key.venue);
                let named = |number: Option<u32>| number.map(|number| shard.names.name(number));
                if query.venue.is_some_and(|wanted| wanted != venue)
                    || query.section.is_some_and(|wanted| named(key.section) != Some(wanted))
                    || query.product.is_some_and(|wanted| named(key.product) != Some(wanted))
                {
                    continue;
                }
                for index in &group.slots {
                    let starts = shard.info(*index).starts_at;
                    if query.from.is_some_and(|from| starts.is_none_or(|starts| starts < from))
                        || query.to.is_some_and(|to| starts.is_none_or(|starts| starts >= to))
                    {
                        continue;
                    }
                    let order = (venue.to_owned(), starts, shard.slot_name(*index).to_owned());
                    if query.after.is_some_and(|after| cursor(&order).as_str() <= after)
                        || found.len() > limit
                            && found.last_key_value().is_some_and(|(last, _)| *last < order)
                    {
                        continue;
                    }
                    let view = slot_view(&shard, *index, now);
                    if query.state.is_none_or(|state| state == view.state) {
                        found.insert(order, view);
                        if found.len() > limit + 1 {
                            found.pop_last();
                        }
                    }
                }
            }
        }
        let more = found.len() > limit;
        if more {
            found.pop_last();
        }
        let next = if more { found.last_key_value().map(|(order, _)| cursor(order)) } else { None };
        let page = Page { items: found.into_values().collect(), next };
        Answer { rests_on, now, replayed: false, result: Ok(page) }
    }

    /// Units by venue and/or day, from the counters of the groups.
    pub fn availability(
        &self,
        now: Now,
        sale: &str,
        by_venue: bool,
        by_day: bool,
        product: Option<&str>,
    ) -> Answer<Availability> {
        let listing = self.state.names.listing();
        let Some(index) = listing.sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let rules = Arc::clone(&listing.sales[usize::from(index.0)].rules);
        let mut rests_on = crate::sequence::Sequence::ZERO;
        let mut sums: BTreeMap<(Option<String>, Option<i32>), Counts> = BTreeMap::new();
        for number in 0..self.state.shards() {
            let shard = self.state.lock_shard(number);
            rests_on = rests_on.max(shard.stamp.sequence);
            for group in shard.groups_of_sale(index) {
                let name = group.key.product.map(|product| shard.names.name(product));
                if product.is_some_and(|wanted| name != Some(wanted)) {
                    continue;
                }
                let venue = by_venue.then(|| shard.names.name(group.key.venue).to_owned());
                let sum = sums.entry((venue, group.key.day.filter(|_| by_day))).or_default();
                sum.capacity += group.counts.capacity;
                sum.held += group.counts.held;
                sum.sold += group.counts.sold;
                sum.blocked += group.counts.blocked;
            }
        }
        let state = |counts: &Counts| match opening(&rules, None, now.wall) {
            Err(()) => StockState::Closed,
            Ok(Some(_)) => StockState::NotReleased,
            Ok(None) => stock_state(counts, &rules),
        };
        let lines = sums.into_iter().map(|((venue, day), counts)| {
            let state = state(&counts);
            AvailabilityLine { venue, day, counts, state }
        });
        let lines = Arc::new(lines.collect());
        Answer { rests_on, now, replayed: false, result: Ok(Availability { as_of: now, lines }) }
    }

    /// Bundles that could be held now, at most `limit`, the earliest days first.
    pub fn bundles(
        &self,
        now: Now,
        sale: &str,
        rule: &str,
        venue: Option<&str>,
        from: Option<WallTime>,
        limit: usize,
    ) -> Answer<Vec<BundleOffer>> {
        let listing = self.state.names.listing();
        let Some(index) = listing.sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let rules = Arc::clone(&listing.sales[usize::from(index.0)].rules);
        let Some(rule) = rules.bundle(rule) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Rule(rule.to_owned())));
        };
        let mut offers = Vec::new();
        let mut rests_on = crate::sequence::Sequence::ZERO;
        if !matches!(opening(&rules, None, now.wall), Ok(None)) {
            return Answer { rests_on, now, replayed: false, result: Ok(offers) };
        }
        for venue in self.venues(index, venue) {
            if offers.len() >= limit.min(MAX_PAGE) {
                break;
            }
            let mask = self.state.names.venue(index, &venue);
            let held: Vec<_> = (0..self.state.shards())
                .filter(|shard| mask >> shard & 1 == 1)
                .map(|shard| (shard, self.state.lock_shard(shard)))
                .collect();
            for (_, shard) in &held {
                rests_on = rests_on.max(shard.stamp.sequence);
            }
            let window = super::bundle::Window { from, to: None, wall: now.wall, at: now.engine };
            let mut search = super::bundle::Search {
                sale: index,
                rule,
                venue: &venue,
                window,
                shards: held.iter().map(|(number, shard)| (*number, &**shard)).collect(),
                taken: smallvec::SmallVec::new(),
                count_due: false,
            };
            // Each offer takes its first part out of the search, so that the next begins with another slot.
            while offers.len() < limit.min(MAX_PAGE) {
                let Some(parts) = search.first() else { break };
                search.taken.push((parts[0], Quantity::MAX));
                let slots = parts.iter().map(|part| {
                    let shard = held.iter().find(|(number, _)| *number == part.shard);
                    shard.map_or((String::new(), None), |(_, shard)| {
                        (shard.slot_name(part.index).to_owned(), shard.info(part.index).starts_at)
                    })
                });
                offers.push(BundleOffer { venue: venue.clone(), slots: slots.collect() });
            }
        }
        Answer { rests_on, now, replayed: false, result: Ok(offers) }
    }

    /// The venues of a sale by name, or the one asked for.
    fn venues(&self, sale: SaleIx, venue: Option<&str>) -> Vec<String> {
        if let Some(venue) = venue {
            return vec![venue.to_owned()];
        }
        let catalog = self.state.lock_catalog();
        let mut venues: Vec<_> =
            catalog.places.keys().filter(|place| place.0 == sale).map(|place| place.1.clone()).collect();
        venues.dedup();
        venues
    }

    /// Orders in the order of their ids, looked at shard by shard.
    pub fn orders(
        &self,
        now: Now,
        caller: Caller,
        sale: &str,
        query: &OrderQuery<'_>,
    ) -> Answer<Page<OrderView>> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let limit = query.limit.clamp(1, MAX_PAGE);
        let after = query.after.and_then(|after| PublicId::parse(crate::ids::IdKind::Order, after));
        let mut answer: Answer<Page<OrderView>> = Answer {
            rests_on: crate::sequence::Sequence::ZERO,
            now,
            replayed: false,
            result: Ok(Page { items: Vec::new(), next: None }),
        };
        let mut items = Vec::new();
        let (mut number, mut from) = match after {
            Some(after) => (after.cart.shard(), after.cart.index() + 1),
            None => (0, 0),
        };
        while let Some(shard) = u8::try_from(number).ok().filter(|shard| *shard < self.state.shards()) {
            let found = self.orders_of_shard(shard, from, caller, sale, query, limit + 1 - items.len());
            for id in found {
                let order = self.order(now, caller, id);
                answer.rests_on = answer.rests_on.max(order.rests_on);
                if let Ok(order) = order.result
                    && query.state.is_none_or(|state| state == order.state)
                {
                    items.push(order);
                }
            }
            if items.len() > limit {
                break;
            }
            (number, from) = (number + 1, 0);
        }
        items.sort_by_key(|order: &OrderView| (order.cart.shard(), order.cart.index()));
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items.last().map(|order| PublicId::order(order.cart).to_string())
        });
        answer.result = Ok(Page { items, next: next.flatten() });
        answer
    }

    fn orders_of_shard(
        &self,
        number: u8,
        from: u32,
        caller: Caller,
        sale: SaleIx,
        query: &OrderQuery<'_>,
        most: usize,
    ) -> Vec<CartId> {
        let shard = self.state.lock_shard(number);
        let wanted = |index: &u32| {
            let cart = &shard.carts[*index];
            let cancelled = || !cart.items.iter().any(Item::present);
            cart.stage == Stage::Ordered
                && cart.sale == sale
                && (caller.operator || cart.channel == caller.channel)
                && query.customer.is_none_or(|customer| customer == cart.customer())
                && match query.state {
                    Some(OrderState::Cancelled) => cancelled(),
                    Some(OrderState::Confirmed) => cart.version == cart.confirmed_version(),
                    Some(OrderState::PartlyCancelled) => {
                        cart.version != cart.confirmed_version() && !cancelled()
                    }
                    None => true,
                }
        };
        let id = |index: u32| CartId::new(self.partition, number, shard.carts[index].generation, index);
        if let Some(reference) = query.reference {
            let places = shard.references.get(&(sale, reference.into())).map_or(&[][..], Vec::as_slice);
            let mut places: Vec<u32> = places.iter().copied().filter(|index| *index >= from).collect();
            places.sort_unstable();
            return places.into_iter().filter(wanted).take(most).map(id).collect();
        }
        (from..shard.carts.places()).filter(wanted).take(most).map(id).collect()
    }
}

/// Where a page of slots ends: venue, start and id, which order the list.
fn cursor((venue, starts, slot): &(String, Option<WallTime>, String)) -> String {
    // Offset so that times before 1970 sort first; none sorts before all.
    let starts = starts.map_or(0, |starts| starts.0.wrapping_sub(i64::MIN).cast_unsigned());
    format!("{venue}~{starts:020}~{slot}")
}
