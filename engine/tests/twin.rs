//! The core beside a naive twin: random commands, the same answers, the same counts, every invariant after each command;
//! then the journal replayed, and the same answers again from what the replay made.
//!
//! `TWIN_SEED=7 TWIN_CASES=2000 cargo test -p onsale-engine --test twin` tries others; a failure prints the shortest list
//! of commands found, and the seed.

mod twin_model;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use onsale_engine::decide::{Core, SlotChange, SlotRejection};
use onsale_engine::ids::{CartId, CustomerHash};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::limits::Limits;
use onsale_engine::outcome::{Answer, CartView, ItemView, OrderView, SlotView};
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{BundleRule, IfMatch, ProductRule, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{SHOP, START_MS, core};
use onsale_engine::testing::follower::Follower;
use onsale_engine::testing::from_env;
use onsale_engine::time::{Millis, Now, Timestamp, WallTime};

use twin_model::{CartSeen, Line, Model, OrderSeen, Said, SlotSeen, Stage, without_words};

const SHARDS: u8 = 3;
const SALES: [&str; 2] = ["one", "two"];
const DAY: i64 = 86_400_000;

/// What the key of a request is.
#[derive(Clone, Debug)]
enum Key {
    Fresh,
    /// One that was used before, counted back; the body is this request's own.
    Used(u8),
}

#[derive(Clone, Debug)]
struct Terms {
    ttl: u64,
    max: u64,
    units: Option<u32>,
    orders: Option<u32>,
    opens: Option<i64>,
    closes: Option<i64>,
    parts: bool,
    only: bool,
}

#[derive(Clone, Debug)]
struct Row {
    slot: u8,
    capacity: u32,
    release: Option<i64>,
    elsewhere: bool,
}

#[derive(Clone, Debug)]
enum Wanted {
    Slot(u8, u32),
    Pair(Vec<u8>),
    Twins(u8, u8),
    Any(u8, u8, bool),
}

#[derive(Clone, Debug)]
enum Command {
    Terms(u8, Terms),
    Import(u8, Vec<Row>, bool),
    Open(u8, u8, Vec<Wanted>, Key),
    Add(u8, Vec<Wanted>, Key),
    Exchange(u8, u8, Wanted, Key),
    Release(u8, u8, Key),
    Abandon(u8, bool),
    Extend(u8, Key),
    Checkout(u8, Key),
    Cancel(u8, Option<Vec<u8>>, Key),
    Change(u8, u8, Option<u32>, Option<u32>),
    ReadSlot(u8, u8),
    ReadCart(u8),
    ReadOrder(u8),
    /// The very same request again, counted back.
    Again(u8),
    Wait(u64),
    /// To the deadline of a cart, or so many milliseconds before it.
    To(u8, u64),
    Tick(u8),
    Forget,
    Digest(u8),
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        8 => (0_u8..10, prop_oneof![20 => 1_u32..4, 1 => Just(0_u32)]).prop_map(|(slot, units)| Wanted::Slot(slot, units)),
        3 => prop::collection::vec(0_u8..10, 2).prop_map(Wanted::Pair),
        1 => prop::collection::vec(0_u8..10, 0..4).prop_map(Wanted::Pair),
        1 => (0_u8..10, 0_u8..10).prop_map(|(one, other)| Wanted::Twins(one, other)),
        4 => (0_u8..3, prop_oneof![5 => Just(0_u8), 3 => 0_u8..4], any::<bool>())
            .prop_map(|(rule, venue, window)| Wanted::Any(rule, venue, window)),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![12 => Just(Key::Fresh), 1 => (0_u8..6).prop_map(Key::Used)]
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        1_000_u64..4_000,
        0_u64..6_000,
        prop::option::weighted(0.4, 1_u32..5),
        prop::option::weighted(0.3, 1_u32..3),
        prop::option::weighted(0.15, 0_i64..4_000),
        prop::option::weighted(0.15, 0_i64..20_000),
        any::<bool>(),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(ttl, more, units, orders, opens, closes, parts, only)| Terms {
            ttl,
            max: ttl + more,
            units,
            orders,
            opens,
            closes,
            parts,
            only,
        })
}

fn row() -> impl Strategy<Value = Row> {
    (0_u8..10, 0_u32..4, prop::option::weighted(0.15, 0_i64..5_000), prop::bool::weighted(0.05))
        .prop_map(|(slot, capacity, release, elsewhere)| Row { slot, capacity, release, elsewhere })
}

fn command() -> impl Strategy<Value = Command> {
    let sale = || prop_oneof![9 => Just(0_u8), 1 => Just(1_u8)];
    let wants = || prop::collection::vec(wanted(), 1..4);
    let units = || prop::option::of(0_u32..6);
    prop_oneof![
        2 => (sale(), terms()).prop_map(|(sale, terms)| Command::Terms(sale, terms)),
        3 => (sale(), prop::collection::vec(row(), 1..6), any::<bool>())
            .prop_map(|(sale, rows, atomic)| Command::Import(sale, rows, atomic)),
        24 => (sale(), 0_u8..4, wants(), key())
            .prop_map(|(sale, customer, wants, key)| Command::Open(sale, customer, wants, key)),
        8 => (0_u8..8, wants(), key()).prop_map(|(cart, wants, key)| Command::Add(cart, wants, key)),
        8 => (0_u8..8, 0_u8..4, wanted(), key())
            .prop_map(|(cart, hold, want, key)| Command::Exchange(cart, hold, want, key)),
        4 => (0_u8..8, 0_u8..4, key()).prop_map(|(cart, hold, key)| Command::Release(cart, hold, key)),
        2 => (0_u8..8, any::<bool>()).prop_map(|(cart, keyed)| Command::Abandon(cart, keyed)),
        5 => (0_u8..8, key()).prop_map(|(cart, key)| Command::Extend(cart, key)),
        8 => (0_u8..8, key()).prop_map(|(cart, key)| Command::Checkout(cart, key)),
        4 => (0_u8..8, prop::option::of(prop::collection::vec(0_u8..4, 0..3)), key())
            .prop_map(|(cart, holds, key)| Command::Cancel(cart, holds, key)),
        4 => (sale(), 0_u8..10, units(), units())
            .prop_map(|(sale, slot, capacity, blocked)| Command::Change(sale, slot, capacity, blocked)),
        2 => (sale(), 0_u8..10).prop_map(|(sale, slot)| Command::ReadSlot(sale, slot)),
        2 => (0_u8..8).prop_map(Command::ReadCart),
        1 => (0_u8..8).prop_map(Command::ReadOrder),
        5 => (0_u8..12).prop_map(Command::Again),
        6 => (0_u64..900).prop_map(Command::Wait),
        10 => (0_u8..8, prop_oneof![3 => Just(0_u64), 3 => Just(1), 2 => 2_u64..300])
            .prop_map(|(cart, before)| Command::To(cart, before)),
        5 => (0_u8..SHARDS).prop_map(Command::Tick),
        1 => Just(Command::Forget),
        2 => (0_u8..SHARDS).prop_map(Command::Digest),
    ]
}

/// The slots of the world: three venues, two products and none, three days; slot 9 and up are in a section.
fn spec(slot: u8) -> SlotSpec {
    let venues = ["kiel", "husum", "kiel", "plön", "kiel"];
    let venue = if slot % 5 == 3 { "ploen" } else { venues[usize::from(slot % 5)] };
    SlotSpec {
        product: match slot % 4 {
            0 | 1 => Some("dose1".into()),
            2 => Some("dose2".into()),
            _ => None,
        },
        section: (slot >= 8).then(|| "hall".into()),
        starts_at: Some(WallTime(START_MS.cast_signed() + i64::from(slot / 2) * DAY)),
        ..SlotSpec::new(&format!("s{slot}"), venue, 1)
    }
}

fn want(wanted: &Wanted) -> Want {
    let name = |slot: &u8| format!("s{slot}");
    match wanted {
        Wanted::Slot(slot, quantity) => Want::Slot { slot: name(slot), quantity: *quantity },
        Wanted::Pair(slots) => Want::Bundle { rule: "pair".into(), slots: slots.iter().map(name).collect() },
        Wanted::Twins(one, other) => {
            Want::Bundle { rule: "twins".into(), slots: vec![name(one), name(other)] }
        }
        Wanted::Any(rule, venue, window) => Want::AnyBundle {
            rule: ["pair", "twins", "course"][usize::from(*rule)].into(),
            venue: ["kiel", "husum", "ploen", "nowhere"][usize::from(*venue)].into(),
            from: window.then(|| WallTime(START_MS.cast_signed() + DAY)),
            to: window.then(|| WallTime(START_MS.cast_signed() + 3 * DAY)),
        },
    }
}

fn rules(sale: &str, terms: &Terms, now: u64) -> SaleRules {
    let at = |offset: i64| WallTime(now.cast_signed() + offset);
    let rule = |name: &str, rest: &[&str], gap| BundleRule {
        name: name.into(),
        parts: std::iter::once(&"dose1").chain(rest).map(|part| (*part).to_owned()).collect(),
        same_venue: true,
        gap_days: gap,
        cancel_parts: terms.parts,
    };
    let opens_at = terms.opens.map(at);
    let only = ProductRule { name: "dose2".into(), sold_only_in: Some("pair".into()) };
    SaleRules {
        hold_ttl: Millis(terms.ttl),
        hold_max: Millis(terms.max),
        limit_units: terms.units,
        limit_orders: terms.orders,
        opens_at,
        closes_at: terms.closes.map(at),
        bundles: vec![
            rule("course", &["dose1", "dose2"], Some((0, 2))),
            rule("pair", &["dose2"], Some((1, 3))),
            rule("twins", &["dose1"], None),
        ],
        products: if terms.only { vec![only] } else { Vec::new() },
        ..SaleRules::new(sale, "UTC")
    }
}

fn line(item: &ItemView) -> Line {
    Line {
        ordinal: item.ordinal,
        bundle: item.bundle,
        quantity: item.quantity,
        slot: item.slot.to_string(),
        cancelled: item.cancelled,
    }
}

fn cart_said(view: CartView) -> Said {
    Said::Cart(CartSeen {
        cart: view.cart,
        state: view.state,
        items: view.items.iter().map(line).collect(),
        expires_at: view.expires_at.0,
        hard_deadline: view.hard_deadline.0,
    })
}

fn order_said(view: OrderView) -> Said {
    Said::Order(OrderSeen {
        cart: view.cart,
        state: view.state,
        items: view.items.iter().map(line).collect(),
        confirmed_at: view.confirmed_at.0.cast_unsigned(),
    })
}

fn slot_said(view: SlotView) -> Said {
    let counts = view.counts;
    Said::Slot(SlotSeen {
        capacity: counts.capacity,
        held: counts.held,
        sold: counts.sold,
        blocked: counts.blocked,
    })
}

/// What the core said, and what it rests on.
#[derive(Clone, Debug)]
struct Heard {
    said: Said,
    rests_on: Sequence,
    replayed: bool,
}

fn heard<T>(answer: Answer<T>, said: impl FnOnce(T) -> Said) -> Heard {
    let Answer { rests_on, replayed, result, .. } = answer;
    let said = match result {
        Ok(view) => said(view),
        Err(refusal) => Said::No(without_words(refusal)),
    };
    Heard { said, rests_on, replayed }
}

/// A request with everything in it, so that it can be made again.
#[derive(Clone, Debug)]
struct Request {
    act: Act,
    key: String,
    body: u64,
}

#[derive(Clone, Debug)]
enum Act {
    Open(&'static str, u128, Vec<Want>),
    Add(CartId, Vec<Want>),
    Exchange(CartId, u8, Want),
    Release(CartId, u8),
    Extend(CartId),
    Checkout(CartId),
    Cancel(CartId, Option<Vec<u8>>),
}

fn ask(core: &Core, now: Now, request: &Request) -> Heard {
    let key = KeyUse::new(1, "", &request.key, request.body);
    let on = |cart: &CartId| OnCart { caller: SHOP, key: Some(key), cart: *cart };
    match &request.act {
        Act::Open(sale, customer, wants) => {
            let customer = CustomerHash(*customer);
            let open =
                OpenCart { caller: SHOP, key, sale, customer, wants, notes: Notes::default(), code: None };
            heard(core.open_cart(now, &open), cart_said)
        }
        Act::Add(cart, wants) => heard(core.add_holds(now, on(cart), wants), cart_said),
        Act::Exchange(cart, hold, want) => heard(core.exchange_hold(now, on(cart), *hold, want), cart_said),
        Act::Release(cart, hold) => heard(core.release_hold(now, on(cart), *hold), cart_said),
        Act::Extend(cart) => heard(core.extend(now, on(cart)), cart_said),
        Act::Checkout(cart) => heard(core.checkout(now, on(cart)), |view| order_said(view.order)),
        Act::Cancel(cart, holds) => heard(core.cancel_order(now, on(cart), holds.as_deref()), order_said),
    }
}

struct Pair {
    core: Core,
    model: Model,
    follower: Follower,
    requests: Vec<Request>,
    carts: Vec<CartId>,
}

type Checked = Result<(), TestCaseError>;

macro_rules! same {
    ($core:expr, $twin:expr, $what:expr) => {
        let (core, twin) = (&$core, &$twin);
        if core != twin {
            let what = &$what;
            return Err(TestCaseError::fail(format!("{what:?}\n  core: {core:?}\n  twin: {twin:?}")));
        }
    };
}

impl Pair {
    fn new() -> Self {
        let limits =
            Limits { idempotency_keep: Millis(8_000), cart_keep: Millis(9_000), ..Limits::default() };
        let model = Model {
            now: START_MS,
            key_keep: limits.idempotency_keep.0,
            cart_keep: limits.cart_keep.0,
            ..Model::default()
        };
        let core = core(SHARDS, limits);
        let mut pair =
            Self { core, model, follower: Follower::default(), requests: Vec::new(), carts: Vec::new() };
        let now = pair.now();
        pair.core.found(now, now.wall).expect("founding");
        pair.core.configure(now).expect("configuring");
        pair.core.channel(now, "web").result.expect("a channel");
        let terms = Terms {
            ttl: 2_000,
            max: 5_000,
            units: None,
            orders: None,
            opens: None,
            closes: None,
            parts: false,
            only: false,
        };
        for sale in SALES {
            let rules = rules(sale, &terms, pair.model.now);
            pair.core.put_sale(now, rules.clone(), IfMatch::Absent).result.expect("a sale");
            pair.model.put_sale(rules);
        }
        let specs: Vec<_> =
            (0..9).map(|slot| SlotSpec { capacity: u32::from(slot % 3) + 1, ..spec(slot) }).collect();
        pair.core.add_slots(now, "one", &specs, true).result.expect("slots");
        pair.model.import("one", &specs, true);
        pair
    }

    fn now(&self) -> Now {
        Now { engine: Timestamp(self.model.now), wall: WallTime(self.model.now.cast_signed()) }
    }

    fn cart(&self, back: u8) -> CartId {
        let carts = &self.carts;
        if carts.is_empty() { CartId(77) } else { carts[carts.len() - 1 - usize::from(back) % carts.len()] }
    }

    fn request(&mut self, act: Act, key: &Key) -> Request {
        let number = self.requests.len() as u64;
        let key = match key {
            Key::Used(back) if !self.requests.is_empty() => {
                let place = self.requests.len() - 1 - usize::from(*back) % self.requests.len();
                self.requests[place].key.clone()
            }
            _ => format!("k{number}"),
        };
        Request { act, key, body: number }
    }

    /// Asks both twins; the core first, because only it can choose ids and bundles.
    fn both(&mut self, request: Request) -> Checked {
        let now = self.now();
        let before = self.core.buffer.last();
        let heard = ask(&self.core, now, &request);
        let (hint, fact) = (&heard.said, self.core.buffer.last().0);
        let kept = self.model.keys.get(&request.key).cloned();
        let key = (request.key.as_str(), request.body);
        let model = &mut self.model;
        let twin = match &request.act {
            Act::Open(sale, customer, wants) => model.open(sale, *customer, wants, key, hint, fact),
            Act::Add(cart, wants) => model.add(*cart, wants, key, hint, fact),
            Act::Exchange(cart, hold, want) => model.exchange(*cart, *hold, want, key, hint, fact),
            Act::Release(cart, hold) => model.release(*cart, Some(*hold), Some(key), fact),
            Act::Extend(cart) => model.extend(*cart, key, fact),
            Act::Checkout(cart) => model.checkout(*cart, key, fact),
            Act::Cancel(cart, holds) => model.cancel(*cart, holds.as_deref(), key, fact),
        };
        same!(heard.said, twin, request);
        if heard.replayed {
            same!(before, self.core.buffer.last(), ("a replayed answer wrote a fact", &request));
        }
        match (&heard.said, kept) {
            (Said::No(Refusal::KeyReused), Some(kept)) => self.rests(&heard, kept.fact, &request)?,
            (_, Some(kept)) if heard.replayed => self.rests(&heard, kept.fact, &request)?,
            (Said::No(refusal), _) => {
                for slot in self.short(&request.act, refusal) {
                    self.rests(&heard, self.model.slots[slot].touched, &request)?;
                }
            }
            _ => self.rests(&heard, fact, &request)?,
        }
        if let Said::Cart(seen) = &heard.said
            && matches!(request.act, Act::Open(..))
            && !self.carts.contains(&seen.cart)
        {
            self.carts.push(seen.cart);
        }
        self.requests.push(request);
        Ok(())
    }

    /// An answer must not leave before the fact it depends on is on disk.
    fn rests(&self, heard: &Heard, fact: u64, what: &Request) -> Checked {
        if heard.rests_on.0 >= fact {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("{what:?}: {heard:?} rests on less than fact {fact}")))
    }

    /// The slots of which a refusal says that they are short.
    fn short(&self, act: &Act, refusal: &Refusal) -> Vec<usize> {
        let sale = match act {
            Act::Open(sale, ..) => (*sale).to_owned(),
            Act::Add(cart, _) | Act::Exchange(cart, ..) => match self.model.cart(*cart) {
                Some(cart) => cart.sale.clone(),
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let (Refusal::SoldOut(short) | Refusal::AllHeld(short) | Refusal::SlotTaken(short)) = refusal else {
            return Vec::new();
        };
        short.conflicts.iter().filter_map(|conflict| self.model.slot(&sale, &conflict.slot)).collect()
    }

    fn run(&mut self, command: &Command) -> Checked {
        let now = self.now();
        match command {
            Command::Terms(sale, terms) => {
                let rules = rules(SALES[usize::from(*sale)], terms, self.model.now);
                let answer = self.core.put_sale(now, rules.clone(), IfMatch::Any);
                same!(heard(answer, |_| Said::Done).said, self.model.put_sale(rules), command);
            }
            Command::Import(sale, rows, atomic) => {
                let specs: Vec<_> = rows
                    .iter()
                    .map(|row| {
                        let mut spec = SlotSpec { capacity: row.capacity, ..spec(row.slot) };
                        spec.releases_at =
                            row.release.map(|offset| WallTime(self.model.now.cast_signed() + offset));
                        if row.elsewhere {
                            spec.venue = "elsewhere".into();
                        }
                        spec
                    })
                    .collect();
                let sale = SALES[usize::from(*sale)];
                let answer = self.core.add_slots(now, sale, &specs, *atomic);
                let heard = heard(answer, |done| {
                    let malformed = |why: &SlotRejection| matches!(why, SlotRejection::Malformed(_));
                    let rejected = done.rejected.iter().map(|(place, why)| (*place, malformed(why)));
                    Said::Import(done.added, done.updated, done.unchanged, rejected.collect())
                });
                same!(heard.said, self.model.import(sale, &specs, *atomic), command);
            }
            Command::Open(sale, customer, wanted, key) => {
                let wants = wanted.iter().map(want).collect();
                let act = Act::Open(SALES[usize::from(*sale)], (*customer).into(), wants);
                let request = self.request(act, key);
                self.both(request)?;
            }
            Command::Add(cart, wanted, key) => {
                let act = Act::Add(self.cart(*cart), wanted.iter().map(want).collect());
                let request = self.request(act, key);
                self.both(request)?;
            }
            Command::Exchange(cart, hold, wanted, key) => {
                let act = Act::Exchange(self.cart(*cart), *hold, want(wanted));
                let request = self.request(act, key);
                self.both(request)?;
            }
            Command::Release(cart, hold, key) => {
                let act = Act::Release(self.cart(*cart), *hold);
                let request = self.request(act, key);
                self.both(request)?;
            }
            Command::Abandon(cart, keyed) => {
                let cart = self.cart(*cart);
                let number = self.requests.len() as u64;
                let name = format!("a{number}");
                let key = keyed.then(|| KeyUse::new(1, "", &name, number));
                let heard = heard(self.core.abandon(now, OnCart { caller: SHOP, key, cart }), cart_said);
                let fact = self.core.buffer.last().0;
                let twin = self.model.release(cart, None, keyed.then_some((name.as_str(), number)), fact);
                same!(heard.said, twin, command);
            }
            Command::Extend(cart, key) => {
                let request = self.request(Act::Extend(self.cart(*cart)), key);
                self.both(request)?;
            }
            Command::Checkout(cart, key) => {
                let request = self.request(Act::Checkout(self.cart(*cart)), key);
                self.both(request)?;
            }
            Command::Cancel(cart, holds, key) => {
                let request = self.request(Act::Cancel(self.cart(*cart), holds.clone()), key);
                self.both(request)?;
            }
            Command::Change(sale, slot, capacity, blocked) => {
                let (sale, id) = (SALES[usize::from(*sale)], format!("s{slot}"));
                let change = SlotChange { capacity: *capacity, blocked: *blocked, reason: None };
                let heard = heard(self.core.change_slot(now, sale, &id, &change), slot_said);
                same!(heard.said, self.model.change_slot(sale, &id, *capacity, *blocked), command);
            }
            Command::ReadSlot(sale, slot) => {
                let (sale, id) = (SALES[usize::from(*sale)], format!("s{slot}"));
                let heard = heard(self.core.slot(now, sale, &id), slot_said);
                same!(heard.said, self.model.read_slot(sale, &id), command);
            }
            Command::ReadCart(cart) => {
                let cart = self.cart(*cart);
                let heard = heard(self.core.cart(now, SHOP, cart), cart_said);
                same!(heard.said, self.model.read_cart(cart), command);
            }
            Command::ReadOrder(cart) => {
                let cart = self.cart(*cart);
                let heard = heard(self.core.order(now, SHOP, cart), order_said);
                same!(heard.said, self.model.read_order(cart), command);
            }
            Command::Again(back) => {
                if !self.requests.is_empty() {
                    let place = self.requests.len() - 1 - usize::from(*back) % self.requests.len();
                    let request = self.requests[place].clone();
                    self.both(request)?;
                }
            }
            Command::Wait(span) => self.model.now += span,
            Command::To(cart, before) => {
                if let Some(cart) = self.model.cart(self.cart(*cart)).filter(|cart| cart.stage == Stage::Open)
                {
                    self.model.now = self.model.now.max(cart.deadline.saturating_sub(*before));
                }
            }
            Command::Tick(shard) => {
                let ticked = self.core.settle_shard(now, *shard).expect("there is room");
                assert!(!ticked.more || ticked.settled > 0, "the ticker goes round in circles");
            }
            Command::Forget => {
                for shard in 0..SHARDS {
                    let next = self.core.forget_carts(now, shard, 0).expect("there is room");
                    assert_eq!(next, 0, "a small shard takes one step");
                }
                self.model.forget();
            }
            Command::Digest(shard) => {
                self.core.note_digest(now, *shard, 0).expect("there is room");
            }
        }
        Ok(())
    }

    /// Counts of every slot as they are without what is due, and every invariant.
    fn compare(&self, command: &Command) -> Checked {
        let at = Timestamp(self.model.now);
        if let Err(broken) = invariants::check(&self.core.state, at) {
            return Err(TestCaseError::fail(format!("{command:?}: {broken}")));
        }
        for (place, slot) in self.model.slots.iter().enumerate() {
            let sale = self.core.state.names.listing().sale(&slot.sale).expect("a sale");
            let here = self.core.state.names.slot(sale, &slot.spec.id).expect("a slot");
            let shard = self.core.state.lock_shard(here.shard);
            let due = shard.holds_of(here.index).filter(|hold| hold.deadline <= at);
            let due: u64 = due.map(|hold| u64::from(hold.quantity)).sum();
            let units = shard.slot(here.index);
            let seen = SlotSeen {
                capacity: units.capacity.into(),
                held: u64::from(units.held) - due,
                sold: units.sold.into(),
                blocked: units.blocked.into(),
            };
            same!(seen, self.model.counts(place), (command, &slot.spec.id));
            same!(shard.spec(here.index), slot.spec, command);
        }
        Ok(())
    }

    /// The journal's facts make the same state, and what goes on from there gives the same answers.
    fn replay(mut self) -> Checked {
        let fail = |why: String| TestCaseError::fail(why);
        let follower = &mut self.follower;
        follower.drain(&self.core.buffer).map_err(|error| fail(error.to_string()))?;
        let at = Timestamp(self.model.now);
        invariants::check(follower.state(), at).map_err(|broken| fail(format!("replayed: {broken}")))?;
        let live = invariants::digests_of(&self.core.state);
        same!(live, invariants::digests_of(follower.state()), "digests");
        let (state, last) = std::mem::take(&mut self.follower).finish();
        let again = Core {
            state,
            buffer: std::sync::Arc::new(onsale_engine::commit::Buffer::new(1 << 20, last.sequence)),
            ..core(SHARDS, self.core.limits.clone())
        };
        let now = self.now();
        // Every key, with its own body and with another, and every cart and order.
        for request in &self.requests {
            for body in [request.body, u64::MAX] {
                let request = Request { body, ..request.clone() };
                let known = self.model.keys.get(&request.key).is_some_and(|kept| {
                    self.model.now < kept.at + self.model.key_keep && self.model.cart(kept.cart).is_some()
                });
                if known {
                    let (one, other) = (ask(&self.core, now, &request), ask(&again, now, &request));
                    same!((&one.said, one.replayed), (&other.said, other.replayed), request);
                    if one.replayed && other.rests_on < Sequence(1) {
                        return Err(fail(format!("{request:?} rests on nothing")));
                    }
                }
            }
        }
        for cart in &self.carts {
            let reads = |core: &Core| {
                (
                    heard(core.cart(now, SHOP, *cart), cart_said).said,
                    heard(core.order(now, SHOP, *cart), order_said).said,
                )
            };
            same!(reads(&self.core), reads(&again), cart);
        }
        for slot in &self.model.slots {
            let read = |core: &Core| heard(core.slot(now, &slot.sale, &slot.spec.id), slot_said).said;
            same!(read(&self.core), read(&again), slot);
        }
        invariants::check(&again.state, at).map_err(|broken| fail(format!("gone on: {broken}")))?;
        Ok(())
    }
}

fn play(commands: &[Command]) -> Checked {
    let mut pair = Pair::new();
    for command in commands {
        pair.run(command)?;
        pair.compare(command)?;
    }
    pair.replay()
}

#[test]
fn the_core_and_its_naive_twin_say_the_same() {
    let seed = from_env("TWIN_SEED", 1);
    let cases = u32::try_from(from_env("TWIN_CASES", 300)).expect("a number of cases");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let commands = prop::collection::vec(command(), 1..120);
    let result = TestRunner::new_with_rng(config, rng).run(&commands, |commands| play(&commands));
    if let Err(TestError::Fail(why, commands)) = &result {
        let list: Vec<_> = commands.iter().map(|command| format!("    {command:?}")).collect();
        panic!("seed {seed}: {why}\n  after:\n{}", list.join("\n"));
    }
    result.expect("the runner works");
}
