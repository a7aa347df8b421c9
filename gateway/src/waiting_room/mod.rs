//! What the gateway has of waiting rooms: how an admission is named to the outside, and what hangs out for everybody.
//!
//! A [`pass`] says for a short while that a ticket was admitted. It is signed and not stored: what it names is looked up,
//! what it claims is checked. Who waits, who is called and whether a pass has been used is the engine's to know. The
//! [`board`] has the public documents.

pub mod board;
pub mod pass;
