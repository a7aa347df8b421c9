//! The checkable draw `onsale-draw-1`: who registered, the seed that was promised, and the key that follows from both.
//!
//! When a room is made, SHA-256 of a secret seed is published: the commitment. Everybody who registers before the opening
//! gets the next number of their lane, and each registration moves a running digest that is published every minute. At
//! the opening the seed is shown, and each lane's places are a [`Permutation`](super::permutation::Permutation) under
//!
//! ```text
//! key(lane) = HMAC-SHA256(seed, "onsale-draw-1" ‖ digest ‖ count ‖ lane ‖ 00 ‖ beacon)
//! ```
//!
//! where digest and count are those of all registrations of the sale. Text is UTF-8, numbers are big-endian (`count` and
//! `number` 32 bits, `joined_ms` 64), `00` is one byte:
//!
//! ```text
//! leaf       = the first 16 bytes of SHA-256(ticket)
//! digest 0   = SHA-256("onsale-draw-1" ‖ 00 ‖ sale ‖ 00 ‖ lane)                of a lane that nobody has joined
//! digest n+1 = SHA-256(digest n ‖ number n ‖ joined_ms ‖ leaf)                 60 bytes
//! digest     = SHA-256(lane ‖ 00 ‖ count ‖ digest of the lane ‖ the next lane …)  in the sale's order of lanes
//! ```
//!
//! Neither a sale's id nor a lane's name has a zero byte, so no two different sales, lanes or rows of lanes give the same
//! bytes. What a check of all this proves, and what not, is told in `docs/fair-draw.md`. Nothing here may ever change; a
//! better draw gets another name.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The name and version of the draw.
pub const ALGORITHM: &str = "onsale-draw-1";

/// The most registrations of one sale, all lanes together: what a lane's permutation can hold.
pub const MOST_REGISTRATIONS: u32 = super::permutation::MOST;

/// The most characters of a lane's name.
pub const LONGEST_LANE: usize = 32;

/// The secret of a draw until the opening.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

/// It must not end up in a log before it is public.
impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    /// What is published when the room is made: SHA-256 of the seed.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The key of a lane's permutation. No beacon is the same as an empty one.
    #[must_use]
    pub fn lane_key(&self, registrations: &Registrations, lane: &str, beacon: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(ALGORITHM.as_bytes());
        mac.update(&registrations.digest);
        mac.update(&registrations.count.to_be_bytes());
        mac.update(lane.as_bytes());
        mac.update(&[0]);
        mac.update(beacon.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// What a registration shows of its ticket: enough to find it by the ticket, too little to find the ticket by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf(pub [u8; 16]);

impl Leaf {
    /// The leaf of a ticket, as its holder sees it (`qt_…`).
    #[must_use]
    pub fn of_ticket(ticket: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(ticket.as_bytes()).into();
        let mut leaf = [0; 16];
        leaf.copy_from_slice(&hash[..16]);
        Self(leaf)
    }
}

/// Whether `text` may be the name of a lane: 1 to [`LONGEST_LANE`] characters, none of them a control character.
#[must_use]
pub fn is_lane(text: &str) -> bool {
    (1..=LONGEST_LANE).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// How many have registered in a lane, and the digest over all of them in order. Copied at a minute's end, kept in
/// snapshots as [`Self::to_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningDigest {
    count: u32,
    digest: [u8; 32],
}

impl RunningDigest {
    /// Bytes of [`Self::to_bytes`].
    pub const BYTES: usize = 36;

    /// Of a lane that nobody has joined.
    #[must_use]
    pub fn new(sale: &str, lane: &str) -> Self {
        let hash = Sha256::new_with_prefix(ALGORITHM).chain_update([0]).chain_update(sale);
        Self { count: 0, digest: hash.chain_update([0]).chain_update(lane).finalize().into() }
    }

    /// Of a lane that is known to stand so.
    #[must_use]
    pub fn new_at(count: u32, digest: [u8; 32]) -> Self {
        Self { count, digest }
    }

    /// Somebody registers: takes the next number, and returns it. `joined_ms` is wall time, milliseconds since the epoch.
    ///
    /// # Panics
    /// At 2^32 registrations; whoever registers refuses at [`MOST_REGISTRATIONS`].
    pub fn add(&mut self, joined_ms: u64, leaf: Leaf) -> u32 {
        let number = self.count;
        let mut message = [0; 60];
        message[..32].copy_from_slice(&self.digest);
        message[32..36].copy_from_slice(&number.to_be_bytes());
        message[36..44].copy_from_slice(&joined_ms.to_be_bytes());
        message[44..].copy_from_slice(&leaf.0);
        self.digest = Sha256::digest(message).into();
        self.count = number.checked_add(1).expect("fewer than 2^32 registrations");
        number
    }

    /// How many have registered: the next number.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The digest over all of them.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Count, big-endian, then digest.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.count.to_be_bytes());
        bytes[4..].copy_from_slice(&self.digest);
        bytes
    }

    /// What [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut count, mut digest) = ([0; 4], [0; 32]);
        count.copy_from_slice(&bytes[..4]);
        digest.copy_from_slice(&bytes[4..]);
        Self::new_at(u32::from_be_bytes(count), digest)
    }
}

/// All registrations of a sale in one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registrations {
    /// How many, over all lanes.
    pub count: u32,
    /// See the module.
    pub digest: [u8; 32],
}

impl Registrations {
    /// Sums up the lanes, in the sale's order of lanes, those without anybody included.
    ///
    /// # Panics
    /// At 2^32 registrations; whoever registers refuses at [`MOST_REGISTRATIONS`].
    pub fn of_lanes<'a>(lanes: impl IntoIterator<Item = (&'a str, RunningDigest)>) -> Self {
        let (mut count, mut hash) = (0_u32, Sha256::new());
        for (lane, running) in lanes {
            count = count.checked_add(running.count).expect("fewer than 2^32 registrations");
            hash.update(lane);
            hash.update([0]);
            hash.update(running.to_bytes());
        }
        Self { count, digest: hash.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_every_part_of_every_registration() {
        let digest = |sale, lane, entries: &[(u64, &str)]| {
            let mut running = RunningDigest::new(sale, lane);
            for (joined_ms, ticket) in entries {
                running.add(*joined_ms, Leaf::of_ticket(ticket));
            }
            running.digest()
        };
        let base = digest("sh", "general", &[(1_000, "qt_a"), (1_000, "qt_b")]);
        for other in [
            digest("sh", "general", &[(1_000, "qt_b"), (1_000, "qt_a")]),
            digest("sh", "general", &[(1_000, "qt_a"), (1_001, "qt_b")]),
            digest("sh", "general", &[(1_000, "qt_a")]),
            digest("sh", "phone", &[(1_000, "qt_a"), (1_000, "qt_b")]),
            digest("shg", "eneral", &[(1_000, "qt_a"), (1_000, "qt_b")]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn numbers_count_from_0_and_survive_as_bytes() {
        let mut running = RunningDigest::new("sh", "general");
        for number in 0..300 {
            assert_eq!((running.count(), running.add(1_616_512_800_000, Leaf([7; 16]))), (number, number));
            assert_eq!(RunningDigest::from_bytes(&running.to_bytes()), running);
        }
    }

    #[test]
    fn the_order_of_lanes_counts_and_so_do_empty_ones() {
        let (general, phone) = (RunningDigest::new("sh", "general"), RunningDigest::new("sh", "phone"));
        let base = Registrations::of_lanes([("general", general), ("phone", phone)]);
        assert_ne!(base, Registrations::of_lanes([("phone", phone), ("general", general)]));
        assert_ne!(base, Registrations::of_lanes([("general", general)]));
        assert_eq!(base.count, 0);
    }

    #[test]
    fn the_key_rests_on_seed_registrations_lane_and_beacon() {
        let registrations = Registrations { count: 3, digest: [1; 32] };
        let base = Seed([9; 32]).lane_key(&registrations, "general", "");
        for other in [
            Seed([8; 32]).lane_key(&registrations, "general", ""),
            Seed([9; 32]).lane_key(&Registrations { count: 4, ..registrations }, "general", ""),
            Seed([9; 32]).lane_key(&Registrations { digest: [2; 32], ..registrations }, "general", ""),
            Seed([9; 32]).lane_key(&registrations, "phone", ""),
            Seed([9; 32]).lane_key(&registrations, "general", "6 aus 49: 3 7 12 31 40 44"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_seed_does_not_show_itself() {
        assert_eq!(format!("{:?}", Seed([0xab; 32])), "Seed");
    }

    #[test]
    fn a_lane_has_a_name_that_can_be_hashed_and_shown() {
        for good in ["general", "Telefon & Schalter", "é", &"x".repeat(32), &"ü".repeat(32)] {
            assert!(is_lane(good), "{good}");
        }
        for bad in ["", "a\0b", "a\nb", &"x".repeat(33)] {
            assert!(!is_lane(bad), "{bad:?}");
        }
    }
}
