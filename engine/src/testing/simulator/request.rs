//! What can be asked: a request as a value, so that it can be asked again, under its key or with another body.

use crate::codes::{CodeHash, WaveTerms};
use crate::decide::{LineChange, SlotChange};
use crate::digest::mix;
use crate::ids::{CartId, CustomerHash};
use crate::inventory::SlotSpec;
use crate::request::{Caller, KeyUse, Notes, OnCart, Want};
use crate::sale::{IfMatch, SaleRules};
use crate::waiting_room::Ticket;

/// What somebody who joins proves.
#[derive(Clone, Debug)]
pub(super) enum Proved {
    Nobody,
    Person(u128),
    Ticket(String),
    Code(CodeHash),
}

/// Which codes are taken back.
#[derive(Clone, Debug)]
pub(super) enum Taken {
    Wave(String),
    Codes(Vec<CodeHash>),
}

/// The public id of a sale, or the name of a lane.
type Name = &'static str;

/// Everything a client or an operator asks.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Open { sale: Name, customer: CustomerHash, wants: Vec<Want>, notes: Notes, code: Option<CodeHash> },
    Add { cart: CartId, wants: Vec<Want> },
    Release { cart: CartId, ordinal: u8 },
    Exchange { cart: CartId, ordinal: u8, want: Want },
    Extend { cart: CartId },
    Abandon { cart: CartId },
    Checkout { cart: CartId },
    Cancel { cart: CartId, holds: Option<Vec<u8>> },
    ReadCart { cart: CartId },
    ReadOrder { cart: CartId },
    ReadCheckout { cart: CartId, attempt: u8 },
    ReadSlot { sale: Name, slot: String },
    ListSlots { sale: Name, page: usize },
    ListOrders { sale: Name, page: usize },
    Totals { sale: Name },
    Bundles { sale: Name },
    NameChannel { name: String },
    ReadSale { sale: Name },
    PutSale { rules: Box<SaleRules>, if_match: IfMatch },
    AddSlots { sale: Name, slots: Vec<SlotSpec>, atomic: bool },
    ChangeSlot { sale: Name, slot: String, change: SlotChange },
    Join { proof: Proved, lane: Option<Name> },
    Stand { ticket: String },
    Leave { ticket: String },
    UsePass { ticket: Ticket },
    Turn { change: LineChange, dry_run: bool },
    Admit { count: u32 },
    ReadLine,
    ReadDraw,
    ReadRegistered { lane: u8, from: u32, most: u32 },
    ReadChanges,
    MakeCodes { sale: Name, terms: Box<WaveTerms>, codes: Vec<CodeHash> },
    RevokeCodes { sale: Name, which: Taken, reason: Option<String> },
    ReadCode { sale: Name, code: CodeHash },
    ListCodes { sale: Name, wave: Option<String>, page: usize },
    ReadWaves { sale: Name },
}

/// A request, who asks it, and under which key.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub caller: Caller,
    pub key: Option<KeyUse>,
    pub request: Request,
}

impl Request {
    /// Whether it is asked of the waiting room.
    pub const fn is_of_the_line(&self) -> bool {
        matches!(
            self,
            Self::Join { .. }
                | Self::Stand { .. }
                | Self::Leave { .. }
                | Self::UsePass { .. }
                | Self::Turn { .. }
                | Self::Admit { .. }
                | Self::ReadLine
                | Self::ReadDraw
                | Self::ReadRegistered { .. }
                | Self::ReadChanges
        )
    }
}

impl Asked {
    /// The number of the key's text; none for requests that are not keyed.
    pub fn new(caller: Caller, key: Option<u64>, request: Request) -> Self {
        let key =
            key.map(|text| KeyUse::new(caller.credential, "", &text.to_string(), fingerprint(&request)));
        Self { caller, key, request }
    }

    /// The same key for another request.
    pub fn with_body(&self, request: Request) -> Self {
        let key = self.key.map(|key| KeyUse { fingerprint: fingerprint(&request), ..key });
        Self { caller: self.caller, key, request }
    }

    /// The cart it is about, of those that change or read one.
    pub fn cart(&self) -> Option<CartId> {
        match &self.request {
            Request::Add { cart, .. }
            | Request::Release { cart, .. }
            | Request::Exchange { cart, .. }
            | Request::Extend { cart }
            | Request::Abandon { cart }
            | Request::Checkout { cart }
            | Request::Cancel { cart, .. }
            | Request::ReadCart { cart }
            | Request::ReadOrder { cart }
            | Request::ReadCheckout { cart, .. } => Some(*cart),
            _ => None,
        }
    }

    /// The request on its cart.
    pub fn on(&self, cart: CartId) -> OnCart {
        OnCart { caller: self.caller, key: self.key, cart }
    }
}

/// What tells two bodies apart: method, path and body are all in the request's words.
fn fingerprint(request: &Request) -> u64 {
    format!("{request:?}").bytes().fold(7, |hash, byte| mix(hash, u64::from(byte)))
}
