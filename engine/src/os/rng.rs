//! The kernel's random source.

#![expect(clippy::disallowed_types, reason = "os/ is where the engine meets chance")]

use std::fs::File;
use std::io::{self, Read};

use crate::ports::Rng;

/// `/dev/urandom`.
#[derive(Debug)]
pub struct MachineRng(File);

impl MachineRng {
    /// Opens it.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        File::open("/dev/urandom").map(Self)
    }
}

impl Rng for MachineRng {
    fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        // The device is open and never ends; a kernel that cannot read it cannot run a shop.
        self.0.read_exact(&mut bytes).unwrap_or_else(|error| panic!("/dev/urandom: {error}"));
        u64::from_le_bytes(bytes)
    }
}
