//! Benchmarks of onsale: in process with criterion (`benches/`), and over HTTP against its peers in alternating runs.
//!
//! [`stall`] is what the in-process benches sell: a sale of many venues, and a counter that opens and confirms carts.
//! [`plain`] is what a straightforward program makes of the same, as a yardstick for the machine.
//! [`compare`] starts our server and its peers and runs them in turn;
//! [`machine`] says what a thread has had of it; [`footprint`] counts bytes and what many slots cost.

pub mod compare;
pub mod footprint;
pub mod machine;
pub mod plain;
pub mod stall;
