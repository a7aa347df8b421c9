//! Simulated outsides for tests and rehearsals: same traits as `os/`, one seed decides everything.

pub mod clock;
pub mod desk;
pub mod disk;
pub mod follower;
pub mod rng;
pub mod simulator;
