//! A wave: codes that were made together, with one scope. And what a sale says about codes.

use serde::{Deserialize, Serialize};

use crate::ids::{SaleIx, is_id};
use crate::limits::MAX_QUANTITY;
use crate::time::WallTime;

/// The most carts one code may make.
pub const MAX_USES: u16 = 1_000;

/// The most codes one request may make; they are one fact.
pub const MAX_CODES_AT_ONCE: usize = 20_000;

/// The most waves of all sales.
pub const MAX_WAVES: u32 = 10_000;

/// The most venues a scope may name.
const MAX_VENUES: usize = 100;

/// What each code of a wave holds until its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reserve {
    /// So many units of one slot.
    Units {
        /// At this venue.
        venue: String,
        /// Of this product, if given.
        product: Option<String>,
        /// How many, at least 1.
        quantity: u16,
    },
    /// A bundle.
    Bundle {
        /// Its rule.
        rule: String,
        /// At this venue.
        venue: String,
        /// The first part not before, if given.
        from: Option<WallTime>,
        /// The first part before, if given.
        to: Option<WallTime>,
    },
}

impl Reserve {
    /// Its venue.
    #[must_use]
    pub fn venue(&self) -> &str {
        match self {
            Self::Units { venue, .. } | Self::Bundle { venue, .. } => venue,
        }
    }
}

/// What the codes of a wave are good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveTerms {
    /// Its name in the sale.
    pub name: String,
    /// The lane who comes with it joins; any if none is named.
    pub lane: Option<String>,
    /// The channel that may take it; any if none is named.
    pub channel: Option<String>,
    /// The venues it is good for; all if none is named.
    pub venues: Vec<String>,
    /// What the operator calls those who were invited; carried, not looked at.
    pub group: Option<String>,
    /// How many carts each code may make.
    pub uses: u16,
    /// It lets nobody in before.
    pub valid_from: Option<WallTime>,
    /// It lets nobody in from here on, outages apart.
    pub expires_at: Option<WallTime>,
    /// What each code holds.
    pub reserve: Option<Reserve>,
}

impl WaveTerms {
    /// Terms that say nothing but a name: one use each, anywhere, for ever.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lane: None,
            channel: None,
            venues: Vec::new(),
            group: None,
            uses: 1,
            valid_from: None,
            expires_at: None,
            reserve: None,
        }
    }

    /// Whether the terms fit together; the sentence says what does not, and what to do.
    ///
    /// # Errors
    /// The first thing found wrong, as a sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        let named = [Some(&self.name), self.lane.as_ref(), self.channel.as_ref(), self.group.as_ref()];
        if let Some(name) = named.into_iter().flatten().find(|name| !is_id(name)) {
            return Err(format!("`{name}` is no name: 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        if self.venues.len() > MAX_VENUES {
            return Err(format!("`venues` names at most {MAX_VENUES}; leave it out for all of them"));
        }
        if !(1..=MAX_USES).contains(&self.uses) {
            return Err(format!("`uses` is 1 to {MAX_USES}"));
        }
        if let (Some(from), Some(to)) = (self.valid_from, self.expires_at)
            && to <= from
        {
            return Err("`expires_at` is not after `valid_from`".into());
        }
        let Some(reserve) = &self.reserve else { return Ok(()) };
        if self.uses != 1 {
            return Err("codes that reserve have `uses` 1: make a code for each person".into());
        }
        if self.expires_at.is_none() {
            return Err("codes that reserve need `expires_at`: the units go back then".into());
        }
        if !self.venues.is_empty() && !self.venues.iter().any(|venue| venue == reserve.venue()) {
            return Err(format!("`reserve.venue` `{}` is not among `venues`", reserve.venue()));
        }
        match reserve {
            Reserve::Units { quantity, .. } if !(1..=MAX_QUANTITY).contains(&u32::from(*quantity)) => {
                Err(format!("`reserve.quantity` is 1 to {MAX_QUANTITY}"))
            }
            Reserve::Bundle { from: Some(from), to: Some(to), .. } if to <= from => {
                Err("`reserve.to` is not after `reserve.from`".into())
            }
            Reserve::Units { .. } | Reserve::Bundle { .. } => Ok(()),
        }
    }
}

/// A wave of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Of which sale.
    pub sale: SaleIx,
    /// When the first of its codes were made.
    pub made: WallTime,
    /// What its codes are good for.
    pub terms: WaveTerms,
}

/// Where a sale asks for a code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeTerms {
    /// Nobody makes a cart without one.
    pub carts: bool,
    /// Nobody joins the line without one.
    pub line: bool,
    /// Nobody joins these lanes without one.
    pub lanes: Vec<String>,
}

impl CodeTerms {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.carts && !self.line && self.lanes.is_empty()
    }
}
