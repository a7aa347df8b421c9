//! How a use of a code stands, read from the cart that was made with it; and what must be true of the codes under one lock.

use std::collections::BTreeSet;

use super::shard::CodeShard;
use crate::carts::{Cart, Item, Stage};
use crate::digest::Digest;
use crate::ids::CartId;
use crate::time::Timestamp;

/// How a use of a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be begun.
    Free,
    /// A live cart has it, until its deadline at the latest.
    InCart(Timestamp),
    /// An order has it.
    Ordered,
}

/// How a use stands whose last cart is `id`, which is this in its shard.
#[must_use]
pub fn stands(cart: Option<&Cart>, id: CartId, at: Timestamp) -> Standing {
    let Some(cart) = cart.filter(|cart| cart.generation() == id.generation()) else { return Standing::Free };
    match cart.stage {
        Stage::Open if at < cart.deadline => Standing::InCart(cart.deadline),
        Stage::Ordered if cart.items.iter().any(Item::present) => Standing::Ordered,
        Stage::Open | Stage::Ordered | Stage::Free | Stage::Lapsed | Stage::Abandoned => Standing::Free,
    }
}

impl CodeShard {
    /// Whether what is derived is what it is derived from.
    ///
    /// # Errors
    /// What is not, with the values.
    pub fn sound(&self) -> Result<(), String> {
        let (mut digest, mut holding) = (Digest::default(), vec![0_u32; self.waves().len()]);
        let mut again = Self::default();
        for wave in self.waves() {
            again.add_wave(wave);
        }
        digest.add(again.digest.0);
        for index in 0..self.len() {
            let code = self.code(index);
            digest.add(code.digest(index));
            let Some(wave) = usize::try_from(code.wave).ok().and_then(|wave| self.waves().get(wave)) else {
                return Err(format!("code {index} is of wave {}, which is not there", code.wave));
            };
            if code.carts.len() > usize::from(wave.terms.uses) {
                return Err(format!(
                    "code {index} has {} carts for {} uses",
                    code.carts.len(),
                    wave.terms.uses
                ));
            }
            if !code.reserved.is_empty() {
                holding[usize::try_from(code.wave).unwrap_or(0)] += 1;
                if wave.terms.reserve.is_none() {
                    return Err(format!("code {index} holds units of a wave that reserves none"));
                }
            }
            let ordinals: BTreeSet<u8> = code.reserved.iter().map(|units| units.ordinal).collect();
            if ordinals.len() != code.reserved.len() {
                return Err(format!("two holds of code {index} have one ordinal"));
            }
            if self.find(code.hash()) != Some(index) {
                return Err(format!("code {index} is not found by its hash"));
            }
        }
        if digest != self.digest || holding != self.holders() {
            return Err(format!(
                "{:016x} {:?}, summed {:016x} {holding:?}",
                self.digest.0,
                self.holders(),
                digest.0
            ));
        }
        Ok(())
    }
}
