//! What can be asked of the engine, already parsed: names are text, everything else is a type.

use crate::codes::CodeHash;
use crate::ids::{CartId, ChannelIx, CustomerHash, Quantity, SaleIx};
use crate::time::WallTime;
use crate::waiting_room::Ticket;

/// Who asks, as far as the engine must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Tells callers' idempotency keys apart; stable across restarts.
    pub credential: u64,
    /// The channel whose carts it may see and change.
    pub channel: ChannelIx,
    /// Operators see and may change everything.
    pub operator: bool,
    /// Who shows a pass: sees and changes what is theirs, and has one live cart at a time.
    pub holder: Option<Holder>,
}

/// Who shows a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The ticket of the pass.
    pub ticket: Ticket,
    /// Whose carts the pass makes.
    pub customer: CustomerHash,
}

impl Caller {
    /// Whether a cart of this sale, channel and customer is one the caller may see. A pass is good in its own sale.
    #[must_use]
    pub fn may_see(self, sale: SaleIx, channel: ChannelIx, customer: CustomerHash) -> bool {
        let own = |holder: Holder| holder.ticket.sale == sale && holder.customer == customer;
        self.operator || channel == self.channel && self.holder.is_none_or(own)
    }
}

/// The idempotency key of a request, hashed with caller and sale by [`KeyUse::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// 128 bits of hash over credential and key text.
    pub key: u128,
    /// 64 bits of hash over method, path and body.
    pub fingerprint: u64,
}

impl KeyUse {
    /// Hashes a key under its credential and sale, so that callers cannot meet each other's; and the request it stands
    /// for. blake3, truncated: the key is client-chosen, and a collision would answer one request with another's answer.
    #[must_use]
    pub fn new(credential: u64, scope: &str, key: &str, fingerprint: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&credential.to_le_bytes());
        hasher.update(&(scope.len() as u64).to_le_bytes());
        hasher.update(scope.as_bytes());
        hasher.update(key.as_bytes());
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self { key: u128::from_le_bytes(bytes), fingerprint }
    }
}

/// One thing a cart asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Units of a named slot.
    Slot {
        /// Its public id.
        slot: String,
        /// How many, at least 1.
        quantity: Quantity,
    },
    /// A bundle whose parts are named, in the order of the rule's parts.
    Bundle {
        /// The rule's name.
        rule: String,
        /// A slot for each part.
        slots: Vec<String>,
    },
    /// A bundle the server chooses.
    AnyBundle {
        /// The rule's name.
        rule: String,
        /// Only of this venue.
        venue: String,
        /// First part not before, if given.
        from: Option<WallTime>,
        /// First part before, if given.
        to: Option<WallTime>,
    },
    /// Seats the server chooses.
    Best {
        /// Only of this venue.
        venue: String,
        /// Only of this section, if given.
        section: Option<String>,
        /// How many seats, at least 1.
        quantity: Quantity,
        /// In one row without a gap.
        adjacent: bool,
        /// Leave no single free seat behind where that can be had.
        avoid_orphans: bool,
        /// Ask for accessible seats; without it they are never chosen.
        accessible: bool,
    },
}

/// What a client may attach to a cart: kept and given back, never interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notes {
    /// The shop's own reference, at most 100 bytes; orders can be looked up by it.
    pub reference: Option<String>,
    /// At most 10 pairs of at most 100 bytes each.
    pub metadata: Vec<(String, String)>,
    /// The customer in clear, only if the sale says `keep_customer`.
    pub customer: Option<String>,
}

impl Notes {
    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reference.is_none() && self.metadata.is_empty() && self.customer.is_none()
    }
}

/// `POST /v1/sales/{sale}/carts`
#[derive(Clone, Debug)]
pub struct OpenCart<'a> {
    /// Who asks.
    pub caller: Caller,
    /// The key of the request.
    pub key: KeyUse,
    /// The sale's public id.
    pub sale: &'a str,
    /// Whose cart it will be.
    pub customer: CustomerHash,
    /// At least one.
    pub wants: &'a [Want],
    /// What to keep with it.
    pub notes: Notes,
    /// The access code that was given.
    pub code: Option<CodeHash>,
}

/// A change of a cart: which, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct OnCart {
    /// Who asks.
    pub caller: Caller,
    /// The key of the request; `DELETE` needs none.
    pub key: Option<KeyUse>,
    /// The cart.
    pub cart: CartId,
}
