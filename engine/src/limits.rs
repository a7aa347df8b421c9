//! The bounds of requests and of steps, by name; those of sales, slots, codes and lines stand with their rules. At a bound the answer is
//! a refusal, never growth and never silence.

use crate::time::Millis;

/// The most units one item may ask for; a hold's quantity is 16 bits.
pub const MAX_QUANTITY: u32 = 1_000;

/// The most items one request may ask for.
pub const MAX_WANTS: usize = 64;

/// The most holds a cart may ever have had; ordinals are one byte.
pub const MAX_HOLDS: usize = 250;

/// The most bundles a cart may ever have had; the mark has seven bits.
pub const MAX_BUNDLES: u8 = 120;

/// The most parts of a bundle, so of a want.
pub const MAX_PARTS: usize = crate::sale::MAX_BUNDLE_PARTS;

/// The most seats that `best` looks for at a time; a row's runs are told apart up to here.
pub const MAX_BEST: u32 = 64;

/// The most parts that are tried in a search for several bundles of one request that need each other's units. A look is well
/// under a microsecond, so this is some milliseconds with the venue's shards held, and far above what families need.
pub const MAX_BUNDLE_LOOKS: u32 = 20_000;

/// The most access codes under one lock; there are as many locks as shards.
pub const MAX_CODES_IN_SHARD: u32 = 250_000;

/// The most carts and orders of one customer in one sale, cancelled ones included: a snapshot has them in one piece.
pub const MAX_OF_CUSTOMER: usize = 1_000_000;

/// The most places of carts that are looked at while their shard is held.
pub const MAX_LOOKED: u32 = 4_096;

/// How often a request goes on with another candidate after a lost race.
pub const MAX_TRIES: usize = 8;

/// The most holds the ticker settles while it has a shard.
pub const SETTLE_BUDGET: u32 = 256;

/// The most slots of one import step, one fact.
pub const MAX_IMPORT_STEP: usize = 1_000;

/// The most lines a list gives at a time.
pub const MAX_PAGE: usize = 1_000;

/// What an operator can set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The newest idempotency keys remembered.
    pub idempotency_keys: u32,
    /// How long an idempotency key is remembered.
    pub idempotency_keep: Millis,
    /// How long an ended cart stays readable. Longer than keys, so that a key's answer can be rebuilt.
    pub cart_keep: Millis,
    /// Bytes of facts that may wait for the disk.
    pub journal_buffer: usize,
    /// The most that engine time stands still for one outage.
    pub max_away: Millis,
}

impl Limits {
    /// Whether the limits fit together; the sentence says what does not.
    ///
    /// # Errors
    /// The first thing found wrong, as a sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        // A key's answer is rebuilt from its cart, so the cart must be there as long as the key is.
        if self.cart_keep < self.idempotency_keep {
            return Err(format!(
                "ended carts are kept for {} ms, idempotency keys for {} ms: carts must be kept at least as long",
                self.cart_keep.0, self.idempotency_keep.0
            ));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idempotency_keys: 5_000_000,
            idempotency_keep: Millis(24 * 3_600_000),
            cart_keep: Millis(25 * 3_600_000),
            journal_buffer: 8 << 20,
            max_away: Millis(24 * 3_600_000),
        }
    }
}
