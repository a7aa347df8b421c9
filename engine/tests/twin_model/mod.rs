//! The naive twin of the core: plain vectors, linear searches, one clock, no shards, no settling. A hold past its deadline
//! simply no longer counts. What it says is meant to be obviously right; nothing of it is meant to be fast.

#![allow(dead_code, reason = "a shared model; not every test looks at every part")]

use std::collections::BTreeMap;

use onsale_engine::ids::CartId;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::{CartState, OrderState};
use onsale_engine::refusal::{Conflict, Missing, Refusal};
use onsale_engine::request::Want;
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::time::WallTime;

/// What either twin says of a request: enough to tell any two answers apart, nothing that only one of them knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Done,
    Cart(CartSeen),
    Order(OrderSeen),
    Slot(SlotSeen),
    /// Added, updated, unchanged, and the places of those rejected: malformed or refused.
    Import(u64, u64, u64, Vec<(usize, bool)>),
    No(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartSeen {
    pub cart: CartId,
    pub state: CartState,
    pub items: Vec<Line>,
    pub expires_at: u64,
    pub hard_deadline: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSeen {
    pub cart: CartId,
    pub state: OrderState,
    pub items: Vec<Line>,
    pub confirmed_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub ordinal: u8,
    pub bundle: u8,
    pub quantity: u32,
    pub slot: String,
    pub cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSeen {
    pub capacity: u64,
    pub held: u64,
    pub sold: u64,
    pub blocked: u64,
}

/// The words of a refusal are not compared, nor who is in the way of a smaller capacity.
pub fn without_words(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Rule { .. } => Refusal::Rule { why: String::new() },
        Refusal::BundleIncomplete { .. } => Refusal::BundleIncomplete { why: String::new(), scope: None },
        Refusal::SoldOut(short) => Refusal::SoldOut(short.conflicts.into()),
        Refusal::AllHeld(short) => Refusal::AllHeld(short.conflicts.into()),
        Refusal::SlotTaken(short) => Refusal::SlotTaken(short.conflicts.into()),
        Refusal::BelowCommitted { .. } => Refusal::BelowCommitted { in_the_way: Vec::new() },
        other => other,
    }
}

fn rule_broken() -> Refusal {
    Refusal::Rule { why: String::new() }
}

fn incomplete() -> Refusal {
    Refusal::BundleIncomplete { why: String::new(), scope: None }
}

#[derive(Clone, Debug)]
pub struct Slot {
    pub sale: String,
    pub spec: SlotSpec,
    pub blocked: u32,
    /// The number of the last fact that this twin knows to have touched it.
    pub touched: u64,
}

impl Slot {
    fn day(&self) -> Option<i64> {
        self.spec.starts_at.map(|starts| starts.0.div_euclid(86_400_000))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Ordered,
    Abandoned,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub slot: usize,
    pub quantity: u32,
    pub bundle: u8,
    pub divisible: bool,
    pub there: bool,
    /// Whether it was there when the cart became an order.
    pub bought: bool,
}

#[derive(Clone, Debug)]
pub struct Cart {
    pub id: CartId,
    pub sale: String,
    pub customer: u128,
    pub items: Vec<Item>,
    pub deadline: u64,
    pub hard: u64,
    pub stage: Stage,
}

impl Cart {
    fn live(&self, now: u64) -> bool {
        self.stage == Stage::Ordered || self.stage == Stage::Open && now < self.deadline
    }

    fn units(&self) -> u32 {
        self.items.iter().filter(|item| item.there).map(|item| item.quantity).sum()
    }
}

/// What a key did, and what was said.
#[derive(Clone, Debug)]
pub struct Kept {
    pub at: u64,
    pub body: u64,
    pub answer: Said,
    pub cart: CartId,
    pub of_order: bool,
    /// The number of the fact.
    pub fact: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub now: u64,
    pub sales: BTreeMap<String, (SaleRules, u64)>,
    pub slots: Vec<Slot>,
    pub carts: Vec<Cart>,
    pub keys: BTreeMap<String, Kept>,
    pub key_keep: u64,
    pub cart_keep: u64,
}

/// An item that would come in.
#[derive(Clone, Debug)]
struct New {
    slot: usize,
    quantity: u32,
    bundle: u8,
    divisible: bool,
}

impl Model {
    pub fn slot(&self, sale: &str, id: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.sale == sale && slot.spec.id == id)
    }

    pub fn cart(&self, id: CartId) -> Option<&Cart> {
        self.carts.iter().find(|cart| cart.id == id)
    }

    fn cart_mut(&mut self, id: CartId) -> &mut Cart {
        self.carts.iter_mut().find(|cart| cart.id == id).expect("the cart was found before")
    }

    fn in_slot(&self, slot: usize, stage: Stage) -> u64 {
        let carts = self.carts.iter().filter(|cart| cart.stage == stage && cart.live(self.now));
        let items = carts.flat_map(|cart| &cart.items).filter(|item| item.there && item.slot == slot);
        items.map(|item| u64::from(item.quantity)).sum()
    }

    pub fn counts(&self, slot: usize) -> SlotSeen {
        SlotSeen {
            capacity: self.slots[slot].spec.capacity.into(),
            held: self.in_slot(slot, Stage::Open),
            sold: self.in_slot(slot, Stage::Ordered),
            blocked: self.slots[slot].blocked.into(),
        }
    }

    fn free(&self, slot: usize) -> u64 {
        let counts = self.counts(slot);
        let gone = counts.held + counts.sold + counts.blocked;
        assert!(gone <= counts.capacity, "the twin sold more than there is: {counts:?}");
        counts.capacity - gone
    }

    // Views.

    pub fn cart_seen(&self, cart: &Cart) -> CartSeen {
        let state = match cart.stage {
            Stage::Open if cart.live(self.now) => CartState::Open,
            Stage::Open => CartState::Expired,
            Stage::Ordered => CartState::Ordered,
            Stage::Abandoned => CartState::Abandoned,
        };
        CartSeen {
            cart: cart.id,
            state,
            items: self.lines(cart, |item| item.there, |_| false),
            expires_at: cart.deadline,
            hard_deadline: cart.hard,
        }
    }

    fn order_seen(&self, cart: &Cart) -> OrderSeen {
        let items = self.lines(cart, |item| item.bought, |item| !item.there);
        let cancelled = items.iter().filter(|line| line.cancelled).count();
        let state = match cancelled {
            0 => OrderState::Confirmed,
            all if all == items.len() => OrderState::Cancelled,
            _ => OrderState::PartlyCancelled,
        };
        OrderSeen { cart: cart.id, state, items, confirmed_at: cart.deadline }
    }

    fn lines(
        &self,
        cart: &Cart,
        which: impl Fn(&Item) -> bool,
        cancelled: impl Fn(&Item) -> bool,
    ) -> Vec<Line> {
        let items = (0_u8..).zip(&cart.items).filter(|(_, item)| which(item));
        let line = |(ordinal, item): (u8, &Item)| Line {
            ordinal,
            bundle: item.bundle,
            quantity: item.quantity,
            slot: self.slots[item.slot].spec.id.clone(),
            cancelled: cancelled(item),
        };
        items.map(line).collect()
    }

    // Sales and slots.

    pub fn put_sale(&mut self, rules: SaleRules) -> Said {
        if rules.check().is_err() {
            return Said::No(rule_broken());
        }
        let revision = self.sales.get(&rules.id).map_or(0, |sale| sale.1) + 1;
        self.sales.insert(rules.id.clone(), (rules, revision));
        Said::Done
    }

    pub fn import(&mut self, sale: &str, specs: &[SlotSpec], atomic: bool) -> Said {
        if !self.sales.contains_key(sale) {
            return Said::No(Refusal::NotFound(Missing::Sale));
        }
        let mut rejected: Vec<(usize, bool)> = Vec::new();
        let malformed: Vec<bool> = specs.iter().map(|spec| spec.check().is_err()).collect();
        rejected
            .extend(malformed.iter().enumerate().filter(|(_, bad)| **bad).map(|(place, _)| (place, true)));
        if atomic && !rejected.is_empty() {
            return Said::Import(0, 0, 0, rejected);
        }
        let before = self.slots.clone();
        let (mut added, mut updated, mut unchanged) = (0, 0, 0);
        let mut seen: Vec<&str> = Vec::new();
        for (place, spec) in specs.iter().enumerate().filter(|(place, _)| !malformed[*place]) {
            if seen.contains(&spec.id.as_str()) {
                rejected.push((place, true));
                continue;
            }
            seen.push(&spec.id);
            let Some(known) = self.slot(sale, &spec.id) else {
                let slot = Slot { sale: sale.to_owned(), spec: spec.clone(), blocked: 0, touched: 0 };
                self.slots.push(slot);
                added += 1;
                continue;
            };
            let standing = &self.slots[known];
            let coming = Slot { spec: spec.clone(), ..standing.clone() };
            let moved = standing.spec.venue != spec.venue
                || standing.spec.section != spec.section
                || standing.spec.product != spec.product
                || standing.day() != coming.day();
            let counts = self.counts(known);
            if standing.spec == *spec {
                unchanged += 1;
            } else if moved {
                rejected.push((place, true));
            } else if counts.held + counts.sold + counts.blocked > u64::from(spec.capacity) {
                rejected.push((place, false));
            } else {
                self.slots[known].spec = spec.clone();
                updated += 1;
            }
        }
        rejected.sort_unstable();
        if atomic && !rejected.is_empty() {
            self.slots = before;
            return Said::Import(0, 0, 0, rejected);
        }
        Said::Import(added, updated, unchanged, rejected)
    }

    pub fn change_slot(&mut self, sale: &str, id: &str, capacity: Option<u32>, blocked: Option<u32>) -> Said {
        let slot = match self.found(sale, id) {
            Ok(slot) => slot,
            Err(refusal) => return Said::No(refusal),
        };
        let counts = self.counts(slot);
        let capacity = capacity.unwrap_or(self.slots[slot].spec.capacity);
        let blocked = blocked.unwrap_or(self.slots[slot].blocked);
        if counts.held + counts.sold + u64::from(blocked) > u64::from(capacity) {
            return Said::No(Refusal::BelowCommitted { in_the_way: Vec::new() });
        }
        self.slots[slot].spec.capacity = capacity;
        self.slots[slot].blocked = blocked;
        Said::Slot(self.counts(slot))
    }

    pub fn read_slot(&self, sale: &str, id: &str) -> Said {
        match self.found(sale, id) {
            Ok(slot) => Said::Slot(self.counts(slot)),
            Err(refusal) => Said::No(refusal),
        }
    }

    fn found(&self, sale: &str, id: &str) -> Result<usize, Refusal> {
        if !self.sales.contains_key(sale) {
            return Err(Refusal::NotFound(Missing::Sale));
        }
        self.slot(sale, id).ok_or_else(|| Refusal::NotFound(Missing::Slot(id.to_owned())))
    }

    // Keys.

    /// The kept answer, if the key was used before.
    pub fn kept(&self, key: &str, body: u64, of_order: bool) -> Option<Result<&Kept, Refusal>> {
        let kept = self.keys.get(key).filter(|kept| self.now < kept.at + self.key_keep)?;
        self.cart(kept.cart)?;
        if kept.body != body || kept.of_order != of_order {
            return Some(Err(Refusal::KeyReused));
        }
        Some(Ok(kept))
    }

    /// The kept answer as it is said again: `expires_at` is of now.
    fn again(&self, kept: &Kept) -> Said {
        let mut answer = kept.answer.clone();
        if let (Said::Cart(seen), Some(cart)) = (&mut answer, self.cart(kept.cart)) {
            seen.expires_at = cart.deadline;
        }
        answer
    }

    fn keep(&mut self, key: Option<(&str, u64)>, fact: u64, cart: CartId, answer: &Said) {
        if let Some((key, body)) = key {
            let of_order = matches!(answer, Said::Order(_));
            let kept = Kept { at: self.now, body, answer: answer.clone(), cart, of_order, fact };
            self.keys.insert(key.to_owned(), kept);
        }
    }

    // Carts.

    /// `hint`: what the core said, for what only it can choose (the id, the parts of a bundle), which is then checked.
    pub fn open(
        &mut self,
        sale: &str,
        customer: u128,
        wants: &[Want],
        key: (&str, u64),
        hint: &Said,
        fact: u64,
    ) -> Said {
        if !self.sales.contains_key(sale) {
            return Said::No(Refusal::NotFound(Missing::Sale));
        }
        match self.kept(key.0, key.1, false) {
            Some(Ok(kept)) => return self.again(kept),
            Some(Err(refusal)) => return Said::No(refusal),
            None => {}
        }
        let chosen = match hint {
            Said::Cart(seen) => seen.items.clone(),
            _ => Vec::new(),
        };
        let rules = self.sales[sale].0.clone();
        let taken = self.take(sale, &rules, customer, wants, (0, 0), &[], &chosen, hint);
        let new = match taken {
            Ok(new) => new,
            Err(refusal) => return Said::No(refusal),
        };
        let Said::Cart(seen) = hint else { return Said::Done };
        assert!(self.cart(seen.cart).is_none(), "{:?} is a cart already", seen.cart);
        let deadline = self.now + rules.hold_ttl.0;
        let cart = Cart {
            id: seen.cart,
            sale: sale.to_owned(),
            customer,
            items: new.iter().map(New::item).collect(),
            deadline,
            hard: self.now + rules.hold_max.0,
            stage: Stage::Open,
        };
        let answer = Said::Cart(self.cart_seen(&cart));
        self.touch(&cart.items, fact);
        self.carts.push(cart);
        self.keep(Some(key), fact, seen.cart, &answer);
        answer
    }

    fn touch(&mut self, items: &[Item], fact: u64) {
        for item in items {
            self.slots[item.slot].touched = fact;
        }
    }

    /// What everything that changes a cart begins with: the cart, then the key, then whether it is open.
    fn begin(
        &self,
        id: CartId,
        key: Option<(&str, u64)>,
        missing: Missing,
        open: bool,
    ) -> Result<Cart, Said> {
        let Some(cart) = self.cart(id) else { return Err(Said::No(Refusal::NotFound(missing))) };
        if let Some((key, body)) = key {
            let of_order = missing == Missing::Order;
            match self.kept(key, body, of_order) {
                Some(Ok(kept)) => return Err(self.again(kept)),
                Some(Err(refusal)) => return Err(Said::No(refusal)),
                None => {}
            }
        }
        if open {
            match cart.stage {
                Stage::Open if cart.live(self.now) => {}
                Stage::Open => return Err(Said::No(Refusal::CartExpired)),
                Stage::Ordered | Stage::Abandoned => return Err(Said::No(Refusal::CartNotOpen)),
            }
        }
        Ok(cart.clone())
    }

    fn done(&mut self, id: CartId, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = self.cart(id).expect("it was changed").clone();
        let answer = Said::Cart(self.cart_seen(&cart));
        self.touch(&cart.items, fact);
        self.keep(key, fact, id, &answer);
        answer
    }

    pub fn add(&mut self, id: CartId, wants: &[Want], key: (&str, u64), hint: &Said, fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let rules = self.sales[&cart.sale].0.clone();
        let bundles = cart.items.iter().map(|item| item.bundle).max().unwrap_or(0);
        let chosen = lines_after(hint, cart.items.len());
        match self.take(&cart.sale, &rules, cart.customer, wants, (bundles, 0), &[], &chosen, hint) {
            Ok(new) => self.cart_mut(id).items.extend(new.iter().map(New::item)),
            Err(refusal) => return Said::No(refusal),
        }
        self.done(id, Some(key), fact)
    }

    pub fn exchange(
        &mut self,
        id: CartId,
        ordinal: u8,
        want: &Want,
        key: (&str, u64),
        hint: &Said,
        fact: u64,
    ) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let wants = std::slice::from_ref(want);
        // What a request names is looked for before what it gives.
        if let Err(refusal) = self.named(&cart.sale, wants) {
            return Said::No(refusal);
        }
        let out = match whole(&cart, ordinal) {
            Ok(out) => out,
            Err(refusal) => return Said::No(refusal),
        };
        let rules = self.sales[&cart.sale].0.clone();
        let leaving: u32 = out.iter().map(|ordinal| cart.items[*ordinal].quantity).sum();
        let back: Vec<(usize, u32)> =
            out.iter().map(|ordinal| (cart.items[*ordinal].slot, cart.items[*ordinal].quantity)).collect();
        let bundles = cart.items.iter().map(|item| item.bundle).max().unwrap_or(0);
        let chosen = lines_after(hint, cart.items.len());
        let taken =
            self.take(&cart.sale, &rules, cart.customer, wants, (bundles, leaving), &back, &chosen, hint);
        match taken {
            Ok(new) => {
                let changed = self.cart_mut(id);
                for ordinal in out {
                    changed.items[ordinal].there = false;
                }
                changed.items.extend(new.iter().map(New::item));
            }
            Err(refusal) => return Said::No(refusal),
        }
        self.done(id, Some(key), fact)
    }

    pub fn release(&mut self, id: CartId, ordinal: Option<u8>, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = match self.begin(id, key, Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let out = match ordinal {
            Some(ordinal) => match whole(&cart, ordinal) {
                Ok(out) => out,
                Err(refusal) => return Said::No(refusal),
            },
            None => (0..cart.items.len()).filter(|place| cart.items[*place].there).collect(),
        };
        let now = self.now;
        let changed = self.cart_mut(id);
        for ordinal in out {
            changed.items[ordinal].there = false;
        }
        if !changed.items.iter().any(|item| item.there) {
            changed.stage = Stage::Abandoned;
            changed.deadline = now;
        }
        self.done(id, key, fact)
    }

    pub fn extend(&mut self, id: CartId, key: (&str, u64), fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let rules = &self.sales[&cart.sale].0;
        if rules.closes_at.is_some_and(|closes| self.now.cast_signed() >= closes.0) {
            return Said::No(Refusal::SaleClosed);
        }
        let deadline = (self.now + rules.hold_ttl.0).min(cart.hard).max(cart.deadline);
        self.cart_mut(id).deadline = deadline;
        self.done(id, Some(key), fact)
    }

    pub fn checkout(&mut self, id: CartId, key: (&str, u64), fact: u64) -> Said {
        // The key of a checkout answers with an order.
        let cart = match self.begin(id, None, Missing::Cart, false) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        match self.kept(key.0, key.1, true) {
            Some(Ok(kept)) => return self.again(kept),
            Some(Err(refusal)) => return Said::No(refusal),
            None => {}
        }
        if let Err(said) = self.begin(id, None, Missing::Cart, true) {
            return said;
        }
        let rules = &self.sales[&cart.sale].0;
        if let Some(limit) = rules.limit_orders
            && self.orders(&cart.sale, cart.customer) >= limit
        {
            return Said::No(Refusal::LimitReached { what: "orders", limit: limit.into() });
        }
        let now = self.now;
        let changed = self.cart_mut(id);
        changed.stage = Stage::Ordered;
        changed.deadline = now;
        for item in &mut changed.items {
            item.bought = item.there;
        }
        self.ordered(id, Some(key), fact)
    }

    fn ordered(&mut self, id: CartId, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = self.cart(id).expect("it was changed").clone();
        let answer = Said::Order(self.order_seen(&cart));
        self.touch(&cart.items, fact);
        self.keep(key, fact, id, &answer);
        answer
    }

    pub fn cancel(&mut self, id: CartId, holds: Option<&[u8]>, key: (&str, u64), fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Order, false) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        if cart.stage != Stage::Ordered {
            return Said::No(Refusal::NotFound(Missing::Order));
        }
        let there = |place: usize| cart.items.get(place).is_some_and(|item| item.there);
        let out: Vec<usize> = match holds {
            None => (0..cart.items.len()).filter(|place| there(*place)).collect(),
            Some(holds) => holds.iter().map(|hold| usize::from(*hold)).collect(),
        };
        if out.iter().any(|place| !there(*place)) {
            return Said::No(Refusal::NotFound(Missing::Hold));
        }
        if out.is_empty() {
            return Said::No(rule_broken());
        }
        for place in &out {
            let item = &cart.items[*place];
            let rest = (0..cart.items.len()).any(|other| {
                there(other) && cart.items[other].bundle == item.bundle && !out.contains(&other)
            });
            if item.bundle != 0 && !item.divisible && rest {
                return Said::No(rule_broken());
            }
        }
        let changed = self.cart_mut(id);
        for place in out {
            changed.items[place].there = false;
        }
        self.ordered(id, Some(key), fact)
    }

    pub fn read_cart(&self, id: CartId) -> Said {
        match self.cart(id) {
            Some(cart) => Said::Cart(self.cart_seen(cart)),
            None => Said::No(Refusal::NotFound(Missing::Cart)),
        }
    }

    pub fn read_order(&self, id: CartId) -> Said {
        match self.cart(id) {
            Some(cart) if cart.stage == Stage::Ordered => Said::Order(self.order_seen(cart)),
            _ => Said::No(Refusal::NotFound(Missing::Order)),
        }
    }

    /// Carts that ended long ago are forgotten, orders are not.
    pub fn forget(&mut self) {
        let by = self.now.saturating_sub(self.cart_keep);
        self.carts.retain(|cart| cart.stage == Stage::Ordered || cart.deadline > by);
    }

    // What can be had.

    fn orders(&self, sale: &str, customer: u128) -> u32 {
        let orders = self.carts.iter().filter(|cart| {
            cart.sale == sale && cart.customer == customer && cart.stage == Stage::Ordered && cart.units() > 0
        });
        u32::try_from(orders.count()).expect("few")
    }

    fn named(&self, sale: &str, wants: &[Want]) -> Result<(), Refusal> {
        for want in wants {
            let slots: Vec<&String> = match want {
                Want::Slot { quantity: 0, .. } => return Err(rule_broken()),
                Want::Slot { slot, .. } => vec![slot],
                Want::Bundle { slots, .. } => slots.iter().collect(),
                Want::AnyBundle { venue, .. } => {
                    if !self.slots.iter().any(|slot| slot.sale == sale && slot.spec.venue == *venue) {
                        return Err(Refusal::NotFound(Missing::Venue(venue.clone())));
                    }
                    Vec::new()
                }
                Want::Best { .. } => return Err(rule_broken()),
            };
            for slot in slots {
                self.found(sale, slot)?;
            }
        }
        let nothing = |want: &Want| matches!(want, Want::Bundle { slots, .. } if slots.is_empty());
        if wants.iter().all(nothing) { Err(rule_broken()) } else { Ok(()) }
    }

    /// Whether all of it can be had, in the order in which the contract says no.
    fn take(
        &self,
        sale: &str,
        rules: &SaleRules,
        customer: u128,
        wants: &[Want],
        (bundles, leaving): (u8, u32),
        back: &[(usize, u32)],
        chosen: &[Line],
        hint: &Said,
    ) -> Result<Vec<New>, Refusal> {
        self.named(sale, wants)?;
        let mut new: Vec<New> = Vec::new();
        let mut bundle = bundles;
        let mut choices: Vec<(u8, &Want)> = Vec::new();
        for want in wants {
            match want {
                Want::Slot { slot, quantity } => {
                    let slot = self.found(sale, slot)?;
                    new.push(New { slot, quantity: *quantity, bundle: 0, divisible: false });
                }
                Want::Bundle { rule, slots } => {
                    bundle += 1;
                    let divisible = rules.bundle(rule).is_some_and(|rule| rule.cancel_parts);
                    for slot in slots {
                        let slot = self.found(sale, slot)?;
                        new.push(New { slot, quantity: 1, bundle, divisible });
                    }
                }
                _ => {
                    bundle += 1;
                    choices.push((bundle, want));
                }
            }
        }
        for want in wants {
            if let Want::Bundle { rule, .. } | Want::AnyBundle { rule, .. } = want
                && rules.bundle(rule).is_none()
            {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())));
            }
        }
        let wall = self.now.cast_signed();
        let opens = rules.opens_at.filter(|opens| wall < opens.0);
        let releases = new.iter().filter_map(|item| self.slots[item.slot].spec.releases_at);
        let releases = releases.filter(|release| wall < release.0).max_by_key(|release| release.0);
        if let Some(next) = opens.into_iter().chain(releases).max_by_key(|next| next.0) {
            return Err(Refusal::NotReleased { next_release_at: Some(next) });
        }
        if rules.closes_at.is_some_and(|closes| wall >= closes.0) {
            return Err(Refusal::SaleClosed);
        }
        for item in new.iter().filter(|item| item.bundle == 0) {
            if let Some(product) = &self.slots[item.slot].spec.product
                && let Some(rule) = rules.sold_only_in(product)
            {
                return Err(Refusal::BundleOnly { rule: rule.to_owned() });
            }
        }
        for want in wants {
            if let Want::Bundle { rule, slots } = want {
                let slots: Vec<usize> =
                    slots.iter().map(|slot| self.found(sale, slot)).collect::<Result<_, _>>()?;
                let rule = rules.bundle(rule).expect("checked above");
                if !self.fits(rule, &slots) {
                    return Err(incomplete());
                }
            }
        }
        let to_come: usize = choices
            .iter()
            .map(|(_, want)| match want {
                Want::AnyBundle { rule, .. } => rules.bundle(rule).map_or(0, |rule| rule.parts.len()),
                _ => 0,
            })
            .sum();
        let units = new.iter().map(|item| item.quantity).sum::<u32>() + u32::try_from(to_come).expect("few");
        self.limits(sale, rules, customer, units, leaving)?;
        if !choices.is_empty() {
            self.choose(sale, rules, &choices, &mut new, back, chosen, hint)?;
        }
        self.stock(&new, back)?;
        Ok(new)
    }

    fn limits(
        &self,
        sale: &str,
        rules: &SaleRules,
        customer: u128,
        units: u32,
        leaving: u32,
    ) -> Result<(), Refusal> {
        if let Some(limit) = rules.limit_orders
            && self.orders(sale, customer) >= limit
        {
            return Err(Refusal::LimitReached { what: "orders", limit: limit.into() });
        }
        let mine = self
            .carts
            .iter()
            .filter(|cart| cart.sale == sale && cart.customer == customer && cart.live(self.now));
        let having: u32 = mine.map(Cart::units).sum();
        if let Some(limit) = rules.limit_units
            && having + units > limit + leaving
        {
            return Err(Refusal::LimitReached { what: "units", limit: limit.into() });
        }
        Ok(())
    }

    fn fits(&self, rule: &BundleRule, slots: &[usize]) -> bool {
        slots.len() == rule.parts.len()
            && slots
                .iter()
                .zip(&rule.parts)
                .all(|(slot, part)| self.slots[*slot].spec.product.as_ref() == Some(part))
            && slots.windows(2).all(|pair| {
                let (one, next) = (&self.slots[pair[0]], &self.slots[pair[1]]);
                let gap = one.day().zip(next.day()).map(|(one, next)| next - one);
                (!rule.same_venue || one.spec.venue == next.spec.venue)
                    && rule.gap_days.is_none_or(|(least, most)| {
                        gap.is_some_and(|gap| (i64::from(least)..=i64::from(most)).contains(&gap))
                    })
            })
    }

    fn asked(new: &[New], slot: usize) -> u64 {
        new.iter().filter(|item| item.slot == slot).map(|item| u64::from(item.quantity)).sum()
    }

    /// Bundles the server chose must be such that can be had; that there are none must be true of all there are.
    fn choose(
        &self,
        sale: &str,
        rules: &SaleRules,
        choices: &[(u8, &Want)],
        new: &mut Vec<New>,
        back: &[(usize, u32)],
        chosen: &[Line],
        hint: &Said,
    ) -> Result<(), Refusal> {
        let wall = WallTime(self.now.cast_signed());
        let asked: Vec<(u8, &BundleRule, Vec<Vec<usize>>)> = choices
            .iter()
            .map(|(bundle, want)| {
                let (rule, all) = self.bundles_of(sale, rules, want, wall);
                (*bundle, rule, all)
            })
            .collect();
        if !matches!(hint, Said::No(_)) {
            for (bundle, rule, all) in &asked {
                let parts: Vec<usize> = chosen
                    .iter()
                    .filter(|line| line.bundle == *bundle)
                    .map(|line| self.slot(sale, &line.slot).expect("the core chose it"))
                    .collect();
                assert!(all.contains(&parts), "the core chose {parts:?} for {}: {chosen:?}", rule.name);
                new.extend(New::parts(&parts, *bundle, rule));
            }
            assert!(self.had(new, back), "the core chose what is not there: {chosen:?}");
            return Ok(());
        }
        let mut with = new.clone();
        if self.all_of(&asked, &mut with, back) {
            // Another part of the request may be what is refused: then the stock of it is short.
            self.stock(&with, back)?;
            panic!("the core said {hint:?}, the twin could hold {with:?}");
        }
        // Of a whole venue "sold out" and "all held" are said, and only if they are true of a part.
        let free = |slot: usize| self.free(slot) + Self::back(back, slot);
        let some_part = |none: &dyn Fn(usize) -> bool| {
            choices.iter().any(|(_, want)| {
                let Want::AnyBundle { rule, venue, .. } = want else { return false };
                rules.bundle(rule).expect("checked before").parts.iter().any(|part| {
                    let there = |slot: &Slot| slot.sale == sale && slot.spec.venue == *venue;
                    let of_part = |slot: &Slot| there(slot) && slot.spec.product.as_ref() == Some(part);
                    (0..self.slots.len()).filter(|place| of_part(&self.slots[*place])).all(none)
                })
            })
        };
        let true_of_some = match hint {
            Said::No(Refusal::SoldOut(_)) => {
                some_part(&|slot| free(slot) == 0 && self.counts(slot).held == 0)
            }
            Said::No(Refusal::AllHeld(_)) => some_part(&|slot| free(slot) == 0),
            Said::No(Refusal::BundleIncomplete { .. }) => true,
            Said::No(Refusal::NotReleased { next_release_at: Some(next) }) => {
                let later: Vec<_> = choices
                    .iter()
                    .map(|(bundle, want)| {
                        let (rule, all) = self.bundles_of(sale, rules, want, *next);
                        (*bundle, rule, all)
                    })
                    .collect();
                // Each alone, at the least: the core names the release of the first that waits for one.
                later.iter().any(|one| self.all_of(std::slice::from_ref(one), &mut new.clone(), back))
            }
            _ => false,
        };
        let Said::No(refusal) = hint else { unreachable!("looked at above") };
        assert!(true_of_some, "the core said {refusal:?} of {choices:?}");
        Err(refusal.clone())
    }

    /// All bundles there are for a want, stock aside.
    fn bundles_of<'a>(
        &self,
        sale: &str,
        rules: &'a SaleRules,
        want: &Want,
        wall: WallTime,
    ) -> (&'a BundleRule, Vec<Vec<usize>>) {
        let Want::AnyBundle { rule, venue, from, to } = want else { unreachable!("nothing else is chosen") };
        let rule = rules.bundle(rule).expect("checked before");
        let mut all: Vec<Vec<usize>> = vec![Vec::new()];
        for part in &rule.parts {
            let good = |slot: &usize| {
                let slot = &self.slots[*slot];
                slot.sale == sale
                    && slot.spec.venue == *venue
                    && slot.spec.product.as_ref() == Some(part)
                    && slot.spec.releases_at.is_none_or(|release| wall >= release)
            };
            let slots: Vec<usize> = (0..self.slots.len()).filter(good).collect();
            all = all
                .iter()
                .flat_map(|some| slots.iter().map(|next| [some.as_slice(), &[*next]].concat()))
                .collect();
        }
        all.retain(|slots| {
            let starts = self.slots[slots[0]].spec.starts_at;
            let inside = starts.map_or(from.is_none() && to.is_none(), |starts| {
                from.is_none_or(|from| starts >= from) && to.is_none_or(|to| starts < to)
            });
            inside && self.fits(rule, slots)
        });
        (rule, all)
    }

    /// Whether all can be had together: every way is tried.
    fn all_of(
        &self,
        asked: &[(u8, &BundleRule, Vec<Vec<usize>>)],
        new: &mut Vec<New>,
        back: &[(usize, u32)],
    ) -> bool {
        let Some(((bundle, rule, all), rest)) = asked.split_first() else { return true };
        let before = new.len();
        for parts in all {
            new.extend(New::parts(parts, *bundle, rule));
            let there = |part: &usize| self.free(*part) + Self::back(back, *part) >= Self::asked(new, *part);
            if parts.iter().all(there) && self.all_of(rest, new, back) {
                return true;
            }
            new.truncate(before);
        }
        false
    }

    fn had(&self, new: &[New], back: &[(usize, u32)]) -> bool {
        new.iter()
            .all(|item| self.free(item.slot) + Self::back(back, item.slot) >= Self::asked(new, item.slot))
    }

    fn back(back: &[(usize, u32)], slot: usize) -> u64 {
        back.iter().filter(|(other, _)| *other == slot).map(|(_, units)| u64::from(*units)).sum()
    }

    fn stock(&self, new: &[New], back: &[(usize, u32)]) -> Result<(), Refusal> {
        let mut order: Vec<usize> = Vec::new();
        for item in new {
            if !order.contains(&item.slot) {
                order.push(item.slot);
            }
        }
        let (mut conflicts, mut sold_out, mut none_free) = (Vec::new(), false, false);
        for slot in order {
            let wanted = Self::asked(new, slot);
            let free = self.free(slot) + Self::back(back, slot);
            if wanted > free {
                sold_out |= free == 0 && self.counts(slot).held == 0;
                none_free |= free == 0;
                let narrow = |units: u64| u32::try_from(units).expect("few");
                conflicts.push(Conflict {
                    slot: self.slots[slot].spec.id.clone(),
                    wanted: narrow(wanted),
                    free: narrow(free),
                });
            }
        }
        match (conflicts.is_empty(), sold_out, none_free) {
            (true, _, _) => Ok(()),
            (_, true, _) => Err(Refusal::SoldOut(conflicts.into())),
            (_, _, true) => Err(Refusal::AllHeld(conflicts.into())),
            _ => Err(Refusal::SlotTaken(conflicts.into())),
        }
    }
}

impl New {
    fn parts(slots: &[usize], bundle: u8, rule: &BundleRule) -> impl Iterator<Item = Self> {
        let divisible = rule.cancel_parts;
        slots.iter().map(move |slot| Self { slot: *slot, quantity: 1, bundle, divisible })
    }

    fn item(&self) -> Item {
        Item {
            slot: self.slot,
            quantity: self.quantity,
            bundle: self.bundle,
            divisible: self.divisible,
            there: true,
            bought: false,
        }
    }
}

/// A hold and all that belongs to its bundle.
fn whole(cart: &Cart, ordinal: u8) -> Result<Vec<usize>, Refusal> {
    let place = usize::from(ordinal);
    let Some(item) = cart.items.get(place).filter(|item| item.there) else {
        return Err(Refusal::NotFound(Missing::Hold));
    };
    if item.bundle == 0 {
        return Ok(vec![place]);
    }
    let same = |place: &usize| cart.items[*place].there && cart.items[*place].bundle == item.bundle;
    Ok((0..cart.items.len()).filter(same).collect())
}

/// The lines of an answer from an ordinal on: those that this step brought.
fn lines_after(said: &Said, first: usize) -> Vec<Line> {
    match said {
        Said::Cart(seen) => {
            seen.items.iter().filter(|line| usize::from(line.ordinal) >= first).cloned().collect()
        }
        _ => Vec::new(),
    }
}
