//! The real world behind the traits of `ports.rs`. Files, clocks, sockets and threads are opened here and nowhere else in the
//! engine (`clippy.toml` bans them).

pub mod clock;
pub mod disk;
pub mod rng;
pub mod threads;
