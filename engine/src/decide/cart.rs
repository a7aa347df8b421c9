//! Reaching a cart that exists: find out what it touches, take all of it in the order of locks, look again.
//!
//! A cart's fate is changed only with *every* shard locked in which it has holds, at the highest of all their times: if
//! any part could already have been sold, all parts are expired.

use super::{Core, Decision, step_bytes};
use crate::carts::{Cart, Stage};
use crate::codes::Coded;
use crate::fact::Kind;
use crate::ids::{CartId, CustomerHash, SaleIx};
use crate::inventory::Shard;
use crate::keys::KeyShard;
use crate::limits::MAX_TRIES;
use crate::outcome::{Answer, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, OnCart};
use crate::sequence::Sequence;
use crate::time::Now;
use crate::visitors::VisitorShard;
use crate::waiting_room::LineShard;

/// What a first look at a cart finds.
struct Glance {
    customer: CustomerHash,
    sale: SaleIx,
    mask: u64,
    /// What it was made with; it never changes.
    coded: Option<Coded>,
}

/// The home shard of a cart id, if the id can be one of this partition.
fn home(core: &Core, cart: CartId) -> Option<u8> {
    let shard = u8::try_from(cart.shard()).ok()?;
    (cart.partition() == core.partition && shard < core.state.shards()).then_some(shard)
}

/// Whether the caller may see the cart. Unknown and foreign are the same to who asks.
fn visible(caller: Caller, cart: &Cart, id: CartId) -> bool {
    cart.generation() == id.generation()
        && cart.stage != Stage::Free
        && caller.may_see(cart.sale, cart.channel, cart.customer())
}

/// What the caller is told of a cart that is not there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Called {
    Cart,
    Checkout,
    Order,
}

impl Called {
    fn missing(self) -> Refusal {
        Refusal::NotFound(match self {
            Self::Cart => Missing::Cart,
            Self::Checkout => Missing::Checkout,
            Self::Order => Missing::Order,
        })
    }
}

/// What a step on a cart needs beside the cart itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// Bytes of facts beyond those of a step without items.
    pub bytes: usize,
    /// Shards, as a mask.
    pub shards: u64,
    /// The line of a sale, which is changed in the same step.
    pub line: Option<SaleIx>,
}

impl Beside {
    /// Nothing.
    pub const NOTHING: Self = Self { bytes: 0, shards: 0, line: None };

    /// Nothing but so many bytes.
    pub const fn bytes(bytes: usize) -> Self {
        Self { bytes, ..Self::NOTHING }
    }
}

impl Core {
    /// Looks at a cart under its home lock alone.
    fn glance(&self, caller: Caller, id: CartId) -> (Option<Glance>, Sequence) {
        let Some(home) = home(self, id) else { return (None, Sequence::ZERO) };
        let shard = self.state.lock_shard(home);
        let cart = shard.carts.get(id.index()).filter(|cart| visible(caller, cart, id));
        let glance = cart.map(|cart| Glance {
            customer: cart.customer(),
            sale: cart.sale,
            // Shards of items that are gone as well: a replayed answer names their slots.
            mask: cart.all_shards() | 1 << home,
            coded: if shard.coded.is_empty() { None } else { shard.coded.get(&id.index()).copied() },
        });
        (glance, shard.stamp.sequence)
    }

    /// Runs `act` on a cart with its visitor, the request's key, all of its shards and what is wanted `beside` locked, at
    /// a fixed time.
    pub(super) fn on_cart<T>(
        &self,
        now: Now,
        on: OnCart,
        called: Called,
        beside: Beside,
        replayed: impl Fn(&mut Decision<'_>, crate::request::KeyUse) -> Option<Answer<T>>,
        mut act: impl FnMut(&mut Decision<'_>) -> Result<T, Refusal>,
    ) -> Answer<T> {
        for attempt in 0.. {
            let (glance, seen) = self.glance(on.caller, on.cart);
            let Some(glance) = glance else {
                return Answer { rests_on: seen, now, replayed: false, result: Err(called.missing()) };
            };
            let mut decision = match Decision::begin(self, now, step_bytes(0) + beside.bytes) {
                Ok(decision) => decision,
                Err(refusal) => return Self::refuse(now, refusal),
            };
            let shards = self.state.shards();
            decision.guards.lock_visitors(VisitorShard::of(glance.customer, shards));
            if let Some(key) = on.key {
                decision.guards.lock_keys(KeyShard::of(key.key, shards));
                // Where the visitor is found is wanted soon: the processor fetches it while it looks for the key.
                std::hint::black_box(decision.guards.look_visitors().touch(glance.customer, glance.sale));
                if let Some(answer) = replayed(&mut decision, key) {
                    return answer;
                }
            }
            let mut of_code = 0;
            if let Some(Coded { code, .. }) = glance.coded {
                decision.guards.lock_codes(code.shard);
                of_code = decision.guards.look_codes(code.shard).code(code.index).shards();
            }
            // After a few lost races all shards are taken: then nothing can be missed.
            let mask = if attempt < MAX_TRIES { glance.mask | beside.shards | of_code } else { all(shards) };
            decision.guards.lock_shards(mask);
            if let Some(sale) = beside.line {
                decision.guards.lock_lines(LineShard::of(sale, shards));
            }
            decision.fix_time();
            let (again, missing) = match decision.cart(on.caller, on.cart) {
                // Items that are gone count as well: an order's view names its cancelled lines.
                Some(cart) => (cart.all_shards() & !mask == 0, false),
                None => (true, true),
            };
            if !again {
                continue;
            }
            let result = if missing { Err(called.missing()) } else { act(&mut decision) };
            return decision.answer(result);
        }
        unreachable!("the last attempt holds every shard")
    }

    /// Reads a cart. Whoever is told that it has expired is told so on a durable fact.
    pub fn cart(&self, now: Now, caller: Caller, id: CartId) -> Answer<CartView> {
        let on = OnCart { caller, key: None, cart: id };
        self.on_cart(
            now,
            on,
            Called::Cart,
            Beside::NOTHING,
            |_, _| None,
            |decision| {
                decision.note_lapse(id);
                Ok(decision.cart_view(id, None))
            },
        )
    }
}

fn all(shards: u8) -> u64 {
    if shards >= 64 { u64::MAX } else { (1 << shards) - 1 }
}

impl Decision<'_> {
    /// The cart, if the caller may see it; its home shard is held.
    pub(super) fn cart(&self, caller: Caller, id: CartId) -> Option<&Cart> {
        let home = home(self.core, id)?;
        self.guards.look(home).carts.get(id.index()).filter(|cart| visible(caller, cart, id))
    }

    /// The cart, which was found before under the same locks.
    #[inline]
    pub(super) fn found(&self, id: CartId) -> &Cart {
        self.found_in(id).1
    }

    /// The same, with its home shard.
    #[inline]
    pub(super) fn found_in(&self, id: CartId) -> (&Shard, &Cart) {
        #[expect(clippy::cast_possible_truncation, reason = "the cart was found, so its shard exists")]
        let home = self.guards.look(id.shard() as u8);
        (home, &home.carts[id.index()])
    }

    /// What an open cart was made with; its home shard is held.
    pub(super) fn coded(&self, id: CartId) -> Option<Coded> {
        let coded = &self.found_in(id).0.coded;
        if coded.is_empty() { None } else { coded.get(&id.index()).copied() }
    }

    /// Writes down that a cart is past its deadline, so that nobody who was told so sees it alive again after a crash
    /// has set engine time back.
    pub(super) fn note_lapse(&mut self, id: CartId) {
        let cart = self.found(id);
        if cart.stage == Stage::Open && !cart.open_at(self.at()) {
            self.commit(Kind::Lapsed { cart: id });
        }
    }

    /// Refuses unless the cart still has its units.
    pub(super) fn demand_open(&mut self, id: CartId) -> Result<(), Refusal> {
        self.note_lapse(id);
        match self.found(id).stage {
            Stage::Open => Ok(()),
            Stage::Lapsed => Err(Refusal::CartExpired),
            Stage::Ordered | Stage::Abandoned | Stage::Free => Err(Refusal::CartNotOpen),
        }
    }
}
