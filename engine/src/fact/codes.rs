//! What happens to access codes.

use serde::{Deserialize, Serialize};

use super::Opened;
use crate::codes::{CodeHash, CodeRef, WaveTerms};
use crate::ids::{SaleIx, SlotRef};
use crate::request::KeyUse;
use crate::time::{Timestamp, WallTime};

/// A cart was made with a code.
#[derive(Clone, Debug, PartialEq)]
pub struct Redeemed {
    /// The cart. If the code holds units, it stands on these, or on others in exchange for them.
    pub opened: Opened,
    /// The code.
    pub code: CodeRef,
    /// Which of its uses, from 0.
    pub nth: u16,
}

/// A code that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeEntry {
    /// Its hash.
    pub hash: CodeHash,
    /// The units it holds: slot and how many.
    pub units: Vec<(SlotRef, u16)>,
}

/// Codes were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodesMade {
    /// Of which sale.
    pub sale: SaleIx,
    /// The number of their wave.
    pub wave: u32,
    /// The terms of the wave, if it is new.
    pub terms: Option<WaveTerms>,
    /// When they end.
    pub until: Option<Timestamp>,
    /// The codes.
    pub codes: Vec<CodeEntry>,
    /// When.
    pub wall: WallTime,
    /// Which credential it was.
    pub credential: u64,
    /// The request's key and its fingerprint.
    pub key: Option<(u128, u64)>,
}

impl CodesMade {
    /// The request's key.
    #[must_use]
    pub fn key_use(&self) -> Option<KeyUse> {
        self.key.map(|(key, fingerprint)| KeyUse { key, fingerprint })
    }
}

/// Codes were taken back: they let nobody in any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodesRevoked {
    /// Of which sale.
    pub sale: SaleIx,
    /// Which, and until when what they hold stays held: at once, or until the live cart on it has ended.
    pub codes: Vec<(CodeRef, Timestamp)>,
    /// When.
    pub wall: WallTime,
    /// Which credential it was.
    pub credential: u64,
    /// Why.
    pub reason: Option<String>,
}
