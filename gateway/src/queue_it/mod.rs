//! What shops that already use Queue-it's connectors send and accept, read and written by our own code.
//!
//! A connector in the shop sends visitors without a valid token to our domain ([`paths`], [`query`]); they come back to a
//! page of the shop that is on a list ([`target`]), with a [`link_token`]. Which pages are guarded is in a document that
//! the connector fetches ([`integration`], [`trigger`]). The other way round a shop can prove who is coming
//! ([`enqueue_token`]). [`secret`] is what both sides share, [`ids`] are the names both use.
//!
//! The formats have no escaping: a value with `_` or `~` in it falls apart silently on the other side. No type of this
//! room can hold such a value where it matters. Nothing here looks at a clock or keeps anything.

pub mod enqueue_token;
pub mod ids;
pub mod integration;
pub mod link_token;
pub mod paths;
pub mod query;
pub mod secret;
pub mod target;
pub mod trigger;
