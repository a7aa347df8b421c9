//! The waiting room's credentials: how a place in the line and an admission are named to the outside.
//!
//! A [`ticket`] is a number in a lane and never changes; a [`pass`] says for a short while that somebody was admitted.
//! Both are signed and neither is stored: what they name is looked up, what they claim is checked. Who waits, who is
//! called and whether a pass has been used is the engine's to know.

pub mod pass;
pub mod ticket;
