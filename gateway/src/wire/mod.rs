//! The JSON of the contract, apart from the engine's own types.
//!
//! What comes in is strict: unknown fields are refused, numbers are checked, and the sentence names the place. What
//! goes out is borrowed from the engine's views and written once.

pub mod access_code;
pub mod availability;
pub mod cart;
pub mod draw;
pub mod estimates;
pub mod item;
pub mod json;
pub mod line;
pub mod list;
pub mod merge;
pub mod objects;
pub mod order;
pub mod plain_cart;
pub mod read;
pub mod room;
pub mod sale;
pub mod slot;
pub mod slot_input;
pub mod stock;
pub mod ticket;
pub mod time;
pub mod twins;
