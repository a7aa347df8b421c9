//! What a seed decides before the first step: the settings of the engine, the sales and their stock, and how hostile the
//! world is.

use std::sync::Arc;

use crate::codes::CodeTerms;
use crate::commit::Ack;
use crate::ids::ChannelIx;
use crate::inventory::SlotSpec;
use crate::journal::Options as JournalOptions;
use crate::journal::frame::JournalId;
use crate::limits::Limits;
use crate::ports::Rng;
use crate::request::Caller;
use crate::sale::{BundleRule, ProductRule, SaleRules};
use crate::sequence::Sequence;
use crate::start::StartOptions;
use crate::testing::rng::SimRng;
use crate::time::{Millis, WallTime};
use crate::waiting_room::{Dials, Lane, RoomRules};

/// Where the wall clock begins: 2021-03-23T16:00:00Z.
pub(super) const START: WallTime = WallTime(1_616_515_200_000);

/// The sale of two doses a bundle.
pub(super) const DOSES: &str = "doses";
/// The sale of seats, with limits.
pub(super) const SHOW: &str = "show";
/// The sale with a waiting room.
pub(super) const DOOR: &str = "door";
/// The bundle rule of [`DOSES`].
pub(super) const PAIR: &str = "pair";
/// The venues of [`DOSES`].
pub(super) const CENTRES: [&str; 3] = ["kiel", "husum", "plön-not"];
/// The one venue of [`SHOW`].
pub(super) const ARENA: &str = "arena";
/// Its sections.
pub(super) const BLOCKS: [&str; 3] = ["a", "b", "c"];

/// The slots of [`DOOR`], all in one venue.
pub(super) const GATES: [&str; 4] = ["g0", "g1", "g2", "g3"];
/// The lanes of its waiting room.
pub(super) const LANES: [&str; 2] = ["general", "phone"];

/// A sale by its id.
pub(super) fn known(id: &str) -> &'static str {
    [DOSES, SHOW, DOOR].into_iter().find(|known| *known == id).unwrap_or(SHOW)
}

/// A shop on the web.
pub(super) const WEB: Caller = Caller { credential: 1, channel: ChannelIx(0), operator: false, holder: None };
/// A phone desk.
pub(super) const PHONE: Caller =
    Caller { credential: 2, channel: ChannelIx(1), operator: false, holder: None };
/// Who sees everything.
pub(super) const OPERATOR: Caller =
    Caller { credential: 3, channel: ChannelIx(0), operator: true, holder: None };

/// What a seed decides at the beginning.
#[derive(Debug)]
pub(super) struct Plan {
    pub options: StartOptions,
    /// How likely each kind of step is; see `run`.
    pub requests: u64,
    pub writing: u64,
    pub following: u64,
    pub ticking: u64,
    pub clocks: u64,
    pub faults: u64,
    pub crashes: u64,
    /// How many customers there are: few meet their limits, many meet each other.
    pub customers: u64,
    /// How many of a hundred requests are made at the waiting room.
    pub waiting: u64,
    /// How many of a hundred requests are about access codes.
    pub codes: u64,
}

impl Plan {
    pub fn new(dice: &mut SimRng) -> Self {
        let ack = *dice.pick(&[Ack::Fsync, Ack::Fsync, Ack::Fsync, Ack::Interval(Millis(50)), Ack::None]);
        let keep = dice.between(20, 200) * 1_000;
        let limits = Limits {
            idempotency_keys: *dice.pick(&[100_000, 100_000, 40]),
            idempotency_keep: Millis(keep),
            cart_keep: Millis(keep + dice.between(0, 60_000)),
            // A step of a waiting room reserves 36 KiB: in a smaller buffer nobody is ever called. Taking codes back reserves
            // 321 KiB, for as many as one fact may name.
            journal_buffer: *dice.pick(&[8_192, 65_536, 1 << 20, 1 << 20]),
            max_away: Millis(*dice.pick(&[20_000, 120_000, 86_400_000])),
        };
        let largest = *dice.pick(&[4_096, 16_384, 65_536]);
        let journal = JournalOptions {
            segment_bytes: largest,
            smallest_segment_bytes: largest.min(8_192),
            largest_frame_bytes: largest.min(8_192) / 2,
            spares: usize::try_from(dice.between(1, 2)).unwrap_or(1),
            ..JournalOptions::new(JournalId(dice.next()), Sequence::ZERO)
        };
        let shards = *dice.pick(&[1, 2, 3, 8, 64]);
        let snapshot_every = Millis(*dice.pick(&[0, 500, 5_000, 60_000]));
        Self {
            options: StartOptions { shards, ack, limits, journal, snapshot_every },
            requests: 60,
            writing: *dice.pick(&[5, 20, 40]),
            following: *dice.pick(&[2, 15]),
            ticking: *dice.pick(&[1, 10]),
            clocks: *dice.pick(&[5, 15, 40]),
            faults: *dice.pick(&[0, 1, 3]),
            crashes: *dice.pick(&[0, 1, 3, 6]),
            customers: *dice.pick(&[2, 6, 30]),
            waiting: *dice.pick(&[0, 15, 40, 75]),
            codes: *dice.pick(&[0, 10, 35, 60]),
        }
    }
}

/// The terms of a sale; `dice` makes each reading a little different.
pub(super) fn rules(dice: &mut SimRng, sale: &str, wall: WallTime) -> SaleRules {
    let ttl = dice.between(1, 30) * 1_000;
    let soon = WallTime(wall.0.saturating_add_unsigned(dice.below(20_000)));
    let later = WallTime(soon.0.saturating_add_unsigned(1 + dice.below(600_000)));
    let base = SaleRules {
        opens_at: dice.chance(15).then_some(soon),
        closes_at: dice.chance(15).then_some(later),
        hold_ttl: Millis(ttl),
        hold_max: Millis(ttl + dice.below(60_000)),
        keep_customer: dice.chance(50),
        ..SaleRules::new(sale, "Europe/Berlin")
    };
    let few = u32::try_from(dice.between(1, 3)).unwrap_or(1);
    let many = u32::try_from(dice.between(2, 6)).unwrap_or(2);
    if sale == DOSES {
        let rule = BundleRule {
            name: PAIR.to_owned(),
            parts: vec!["first".to_owned(), "second".to_owned()],
            same_venue: true,
            gap_days: dice.chance(80).then_some((1, 3)),
            cancel_parts: dice.chance(40),
        };
        let only = |name: &str| ProductRule { name: name.to_owned(), sold_only_in: Some(PAIR.to_owned()) };
        let products = if dice.chance(60) { vec![only("first"), only("second")] } else { Vec::new() };
        return SaleRules {
            limit_orders: dice.chance(40).then_some(few),
            codes: codes(dice, false),
            bundles: vec![rule],
            products,
            ..base
        };
    }
    if sale == DOOR {
        let room = Some(Arc::new(room(dice)));
        let opens_at = dice.chance(60).then_some(soon);
        let codes = codes(dice, true);
        return SaleRules { opens_at, room, limit_orders: dice.chance(20).then_some(few), codes, ..base };
    }
    SaleRules {
        limit_units: dice.chance(60).then_some(many),
        limit_orders: dice.chance(30).then_some(few),
        codes: codes(dice, false),
        ..base
    }
}

/// Where a sale asks for a code; most do not.
fn codes(dice: &mut SimRng, has_room: bool) -> Option<Arc<CodeTerms>> {
    if !dice.chance(if has_room { 12 } else { 6 }) {
        return None;
    }
    let lanes = vec![LANES[1].to_owned()];
    Some(Arc::new(match dice.below(4) {
        0 | 1 if has_room => CodeTerms { lanes, ..CodeTerms::default() },
        2 if has_room => CodeTerms { line: true, ..CodeTerms::default() },
        _ => CodeTerms { carts: true, ..CodeTerms::default() },
    }))
}

fn room(dice: &mut SimRng) -> RoomRules {
    let mut weight = || u16::try_from(dice.between(1, 3)).unwrap_or(1);
    let mut lanes = LANES.map(|name| Lane { name: name.to_owned(), weight: weight() }).to_vec();
    if dice.chance(5) {
        lanes.swap(0, 1);
    }
    let opens_before = dice.below(60_000);
    RoomRules {
        opens_before: Millis(opens_before),
        closes_before: Millis(if dice.chance(50) { 0 } else { dice.below(opens_before + 1) }),
        dials: Dials {
            admit_per_minute: *dice.pick(&[60, 6_000, 60_000, 600_000]),
            max_active: *dice.pick(&[1, 3, 3, 8, 50]),
        },
        claim: Millis(dice.between(5_000, 20_000)),
        session: Millis(dice.between(10_000, 60_000)),
        units_per_visitor: u32::try_from(dice.between(1, 2)).unwrap_or(1),
        lanes,
        open_channels: if dice.chance(20) { vec!["phone".to_owned()] } else { Vec::new() },
        ..RoomRules::default()
    }
}

/// Slots as somebody may import them. Repeating an import gives known ones, some of them changed.
pub(super) fn slots(dice: &mut SimRng, sale: &str, wall: WallTime) -> Vec<SlotSpec> {
    let count = dice.between(1, 20);
    let slot = |dice: &mut SimRng| match sale {
        DOSES => dose(dice),
        DOOR => gate(dice, wall),
        _ => seat(dice, wall),
    };
    (0..count).map(|_| slot(dice)).collect()
}

fn dose(dice: &mut SimRng) -> SlotSpec {
    let (centre, day, second) = (*dice.pick(&CENTRES[..2]), dice.below(5), dice.chance(50));
    let product = if second { "second" } else { "first" };
    let capacity = u32::try_from(dice.between(0, 3)).unwrap_or(0);
    let starts = WallTime(START.0.saturating_add_unsigned((day + 1) * 86_400_000));
    // Some walk in at any time: no start, so no day, so no part of a bundle with a gap.
    let walk_in = dice.chance(8);
    let when = if walk_in { "any".to_owned() } else { day.to_string() };
    SlotSpec {
        starts_at: (!walk_in).then_some(starts),
        product: Some(product.to_owned()),
        section: dice.chance(2).then(|| "annex".to_owned()),
        ..SlotSpec::new(&format!("{centre}-{product}-{when}"), centre, capacity)
    }
}

fn seat(dice: &mut SimRng, wall: WallTime) -> SlotSpec {
    let (block, number) = (*dice.pick(&BLOCKS), dice.below(5));
    let releases = WallTime(wall.0.saturating_add_unsigned(dice.below(30_000)));
    let standing = number == 4;
    let capacity = if standing { dice.between(0, 12) } else { 1 };
    SlotSpec {
        section: Some(block.to_owned()),
        row: (!standing).then(|| "1".to_owned()),
        seat: (!standing).then(|| number.to_string()),
        price: Some(4_500),
        releases_at: dice.chance(20).then_some(releases),
        accessible: dice.chance(10),
        labels: vec![("gate".to_owned(), "north".to_owned())],
        ..SlotSpec::new(&format!("{block}{number}"), ARENA, u32::try_from(capacity).unwrap_or(1))
    }
}

fn gate(dice: &mut SimRng, wall: WallTime) -> SlotSpec {
    let releases = WallTime(wall.0.saturating_add_unsigned(dice.below(30_000)));
    let capacity = u32::try_from(dice.between(0, 12)).unwrap_or(0);
    let (releases_at, gate) = (dice.chance(10).then_some(releases), *dice.pick(&GATES));
    SlotSpec { releases_at, ..SlotSpec::new(gate, "gate", capacity) }
}
