//! The naive twin of the core: plain vectors, linear searches, one clock, no shards, no settling. A hold past its deadline
//! simply no longer counts. What it says is meant to be obviously right; nothing of it is meant to be fast.

#![allow(dead_code, reason = "a shared model; not every test looks at every part")]

mod carts;
mod wants;

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
}
