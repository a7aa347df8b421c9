//! Benchmarks of onsale: in process with criterion (`benches/`), and over HTTP against its peers in alternating runs.
//!
//! `stall` is what the in-process benches sell: a sale of many venues, and a counter that opens and confirms carts.

pub mod stall;
