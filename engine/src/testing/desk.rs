//! A desk to sell from in tests: a core without threads, a clock one sets, and short words for requests.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::commit::{Buffer, Waking};
use crate::decide::{Core, Costs, Secrets};
use crate::ids::{ChannelIx, CustomerHash};
use crate::inventory::SlotSpec;
use crate::limits::Limits;
use crate::outcome::{Answer, CartView, CheckoutView};
use crate::pulse::Pulse;
use crate::request::{Caller, KeyUse, Notes, OnCart, OpenCart, Want};
use crate::sale::{IfMatch, SaleRules};
use crate::sequence::Sequence;
use crate::state::State;
use crate::time::{Now, Timestamp, WallTime};

/// Where the clocks of a desk begin: 2021-03-23T16:00:00Z.
pub const START_MS: u64 = 1_616_515_200_000;

/// The one caller of a desk.
pub const SHOP: Caller = Caller { credential: 1, channel: ChannelIx(0), operator: false, holder: None };

/// A core and a clock.
#[derive(Debug)]
pub struct Desk {
    /// The core.
    pub core: Core,
    /// Milliseconds since [`START_MS`].
    pub clock: u64,
    keys: u64,
}

/// A core without a past.
#[must_use]
pub fn core(shards: u8, limits: Limits) -> Core {
    Core {
        state: State::new(shards, [1, 2]),
        buffer: Arc::new(Buffer::new(limits.journal_buffer, Sequence::ZERO)),
        limits,
        partition: 0,
        writer: Waking::default(),
        disk_full: AtomicBool::new(false),
        blocked: AtomicBool::new(false),
        costs: Costs::default(),
        secrets: Secrets::of([9; 32]),
        pulse: Pulse::default(),
    }
}

impl Desk {
    /// A founded desk with a channel `web` and no sale.
    ///
    /// # Panics
    /// If the core refuses to be founded.
    #[must_use]
    pub fn new(shards: u8) -> Self {
        let desk = Self { core: core(shards, Limits::default()), clock: 0, keys: 0 };
        let now = desk.now();
        desk.core.found(now, now.wall).expect("founding");
        desk.core.configure(now).expect("configuring");
        desk.core.channel(now, "web").result.expect("a channel");
        desk
    }

    /// Both times of the desk's clock.
    #[must_use]
    pub fn now(&self) -> Now {
        let at = START_MS + self.clock;
        Now { engine: Timestamp(at), wall: WallTime(at.cast_signed()) }
    }

    /// A key nobody has used.
    pub fn key(&mut self) -> KeyUse {
        self.keys += 1;
        KeyUse::new(1, "", &self.keys.to_string(), self.keys)
    }

    /// Makes or replaces a sale.
    ///
    /// # Panics
    /// If the core refuses it.
    pub fn sale(&self, rules: SaleRules) {
        let known = self.core.state.names.listing().sale(&rules.id).is_some();
        let if_match = if known { IfMatch::Any } else { IfMatch::Absent };
        self.core.put_sale(self.now(), rules, if_match).result.expect("a sale");
    }

    /// Adds slots.
    ///
    /// # Panics
    /// If the core refuses any.
    pub fn slots(&self, sale: &str, slots: &[SlotSpec]) {
        let done = self.core.add_slots(self.now(), sale, slots, false).result.expect("slots");
        assert_eq!(done.rejected, [], "slots were rejected");
    }

    /// Opens a cart under a fresh key.
    pub fn open(&mut self, sale: &str, customer: u128, wants: &[Want]) -> Answer<CartView> {
        let key = self.key();
        self.open_with(sale, customer, wants, key)
    }

    /// Opens a cart.
    pub fn open_with(&self, sale: &str, customer: u128, wants: &[Want], key: KeyUse) -> Answer<CartView> {
        let customer = CustomerHash(customer);
        let request =
            OpenCart { caller: SHOP, key, sale, customer, wants, notes: Notes::default(), code: None };
        self.core.open_cart(self.now(), &request)
    }

    /// A change of a cart under a fresh key.
    pub fn on(&mut self, cart: crate::ids::CartId) -> OnCart {
        OnCart { caller: SHOP, key: Some(self.key()), cart }
    }

    /// Checks a cart out.
    pub fn checkout(&mut self, cart: crate::ids::CartId) -> Answer<CheckoutView> {
        let on = self.on(cart);
        self.core.checkout(self.now(), on)
    }
}

/// Units of a named slot.
#[must_use]
pub fn slot(id: &str, quantity: u32) -> Want {
    Want::Slot { slot: id.to_owned(), quantity }
}
