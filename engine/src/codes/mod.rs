//! Access codes: who may come in, into which lane, for what, how often, until when; and the units that are set aside for
//! who was invited.
//!
//! A code is known by a keyed hash only. Whether it is used is not written down anywhere: it is read from the cart that was
//! made with it. A cart that lapses, is given back, or whose order is cancelled gives the code back by that alone, at that
//! instant, and two carts of one use cannot be, because the code's lock is held while the first one is looked for.
//!
//! Units that are set aside are held, not by a cart but by the code ([`OWNER`] marks such a hold), until the code's deadline.
//! So everything that counts stock counts them already, and from the instant of the deadline they can be sold like those of
//! any other hold. The cart of who was invited stands on the same holds: when it lapses they stay with the code.

mod code;
mod shard;
mod sound;
mod wave;

pub use code::{Code, CodeHash, CodeRef, Coded, NO_END, OWNER, Reserved, owner_of};
pub use shard::{CodeShard, Holding};
pub use sound::{Standing, stands};
pub use wave::{CodeTerms, MAX_CODES_AT_ONCE, MAX_USES, MAX_WAVES, Reserve, Wave, WaveTerms};
