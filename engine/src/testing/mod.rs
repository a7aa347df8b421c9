//! Simulated outsides for tests and rehearsals: same traits as `os/`, one seed decides everything.

pub mod clock;
pub mod desk;
pub mod disk;
pub mod follower;
pub mod rng;
pub mod simulator;

/// The number that a variable of the environment asks for, if it is set.
///
/// # Panics
/// If it is no number: a campaign that was asked for and did not happen would look like one that passed.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

/// The same, or what is usual.
///
/// # Panics
/// As [`number`].
#[must_use]
pub fn from_env(name: &str, usual: u64) -> u64 {
    number(name).unwrap_or(usual)
}
