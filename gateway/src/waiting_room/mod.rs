//! The waiting room's credential: how an admission is named to the outside.
//!
//! A [`pass`] says for a short while that a ticket was admitted. It is signed and not stored: what it names is looked up,
//! what it claims is checked. Who waits, who is called and whether a pass has been used is the engine's to know.

pub mod pass;
