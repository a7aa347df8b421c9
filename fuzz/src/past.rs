//! A good past to start from: some business at a desk, as records and as a segment on a disk. The same on every machine.

use std::sync::{Arc, OnceLock};

use onsale_engine::commit::{Ack, Mark, Step, Writer};
use onsale_engine::decide::SlotChange;
use onsale_engine::ids::CartId;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{FileJournal, Journal, Options};
use onsale_engine::request::{OnCart, Want};
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{Desk, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::Millis;

/// The one segment of the past.
pub const SEGMENT: &str = "journal-00000001.seg";

/// Bytes of the segment: all of the past has room in it.
const BYTES: u64 = 16 << 10;

/// How the journal of the past is opened: without spares, which a changed segment does not need.
pub fn options() -> Options {
    Options {
        segment_bytes: BYTES,
        smallest_segment_bytes: BYTES,
        largest_frame_bytes: 4 << 10,
        spares: 0,
        ..Options::new(JournalId(42), Sequence::ZERO)
    }
}

/// The past.
pub struct Past {
    /// Every record, fact 1 first.
    pub records: Vec<Vec<u8>>,
    /// The segment they are in.
    pub segment: Vec<u8>,
}

/// The past, made once.
pub fn past() -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(make)
}

fn make() -> Past {
    let disk = SimDisk::new(1);
    let (journal, _) = FileJournal::open(disk.clone(), options()).expect("an empty disk");
    let mut desk = Desk::new(2);
    let mark = Arc::new(Mark::new(Sequence::ZERO));
    let mut writer = Writer::new(Arc::clone(&desk.core.buffer), mark, journal, Ack::Fsync);
    desk.sale(SaleRules {
        hold_ttl: Millis(20_000),
        hold_max: Millis(60_000),
        limit_units: Some(12),
        bundles: vec![BundleRule {
            name: "both".into(),
            parts: vec!["first".into(), "second".into()],
            same_venue: true,
            gap_days: None,
            cancel_parts: true,
        }],
        ..SaleRules::new("day", "Europe/Berlin")
    });
    let specs: Vec<_> = (0..8_u32)
        .map(|n| SlotSpec {
            product: Some(if n % 2 == 0 { "first" } else { "second" }.into()),
            ..SlotSpec::new(&format!("slot-{n}"), &format!("venue-{}", n / 4), 1 + n)
        })
        .collect();
    desk.slots("day", &specs);
    let mut carts = Vec::new();
    for round in 0..24 {
        business(&mut desk, round, &mut carts);
        assert_eq!(writer.step(), Step::Wrote);
    }
    let mut records = Vec::new();
    let mut reader = writer.journal().reader(Sequence(1)).expect("it begins with fact 1");
    while let Some(frame) = reader.next_frame().expect("the simulated disk works") {
        records.extend(frame.records().map(|(_, record)| record.to_vec()));
    }
    Past { records, segment: disk.get(SEGMENT).expect("it is there") }
}

/// A little of everything that leaves a fact.
fn business(desk: &mut Desk, round: u32, carts: &mut Vec<CartId>) {
    desk.clock += 1_700;
    let now = desk.now();
    let wants = match round % 3 {
        0 => vec![slot(&format!("slot-{}", round % 8), 1)],
        1 => vec![slot("slot-6", 1), slot("slot-7", 2)],
        _ => vec![Want::Bundle { rule: "both".into(), slots: vec!["slot-2".into(), "slot-3".into()] }],
    };
    if let Ok(view) = desk.open("day", u128::from(round % 7), &wants).result {
        carts.push(view.cart);
    }
    desk.core.heartbeat(now, 77, 5).expect("room");
    let Some(cart) = carts.get(round as usize / 2).copied() else { return };
    let on: OnCart = desk.on(cart);
    let core = &desk.core;
    match round % 8 {
        0 => drop(core.add_holds(now, on, &[slot("slot-5", 1)])),
        1 => drop(core.extend(now, on)),
        2 => drop(core.exchange_hold(now, on, 0, &slot("slot-7", 1))),
        3 => drop(core.release_hold(now, on, 0)),
        4 => drop(core.checkout(now, on)),
        5 => drop(core.cancel_order(now, on, None)),
        6 => drop(core.abandon(now, on)),
        _ => {
            let change = SlotChange { capacity: Some(12), ..SlotChange::default() };
            drop(core.change_slot(now, "day", "slot-1", &change));
            core.settle_shard(now, 0).expect("room");
            core.note_digest(now, 0, 0).expect("room");
        }
    }
}
