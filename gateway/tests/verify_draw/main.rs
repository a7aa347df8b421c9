//! A draw checked from its document: as a function, and as people type it.

mod check;
mod command;
mod common;
