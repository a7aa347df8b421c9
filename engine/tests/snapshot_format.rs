//! The bytes of version 1: the header in the docs is what this program writes, and a snapshot written then is read for ever.

#![expect(clippy::disallowed_methods, reason = "fixtures and docs are files of the repository")]

mod follow_support;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use follow_support::head;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::names::Names;
use onsale_engine::outcome::OrderState;
use onsale_engine::request::{KeyUse, Notes, OpenCart};
use onsale_engine::sale::SaleRules;
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::{self, HEADER_BYTES, Head, VERSION, snapshot_name};
use onsale_engine::testing::desk::{self, Desk, SHOP, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::WallTime;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

const AT: Sequence = Sequence(1_000);

fn key(n: u64) -> KeyUse {
    KeyUse::new(1, "fixture", &n.to_string(), n)
}

/// A small day with one of everything: an order, a live cart with notes, an abandoned one, a slot with all it can have.
fn small_day() -> Desk {
    let mut desk = Desk::new(2);
    desk.sale(SaleRules { limit_units: Some(4), ..SaleRules::new("day", "Europe/Berlin") });
    desk.slots(
        "day",
        &[
            SlotSpec {
                section: Some("north".into()),
                starts_at: Some(WallTime(1_616_600_000_000)),
                ends_at: Some(WallTime(1_616_603_600_000)),
                product: Some("first".into()),
                row: Some("B".into()),
                seat: Some("12".into()),
                position: Some(-3),
                price: Some(4_900),
                releases_at: Some(WallTime(5)),
                accessible: true,
                labels: vec![("gate".into(), "7".into())],
                ..SlotSpec::new("seat", "hall", 1)
            },
            SlotSpec::new("field", "park", 500),
        ],
    );
    let paid = desk.open_with("day", 7, &[slot("seat", 1), slot("field", 1)], key(1)).result.unwrap().cart;
    desk.checkout(paid).result.unwrap();
    desk.clock = 1_000;
    let notes = Notes { reference: Some("R-1".into()), ..Notes::default() };
    let wants = [slot("field", 2)];
    let customer = onsale_engine::ids::CustomerHash(8 << 70);
    let request =
        OpenCart { caller: SHOP, key: key(2), sale: "day", customer, wants: &wants, notes, code: None };
    desk.core.open_cart(desk.now(), &request).result.unwrap();
    let left = desk.open_with("day", 9, &[slot("field", 1)], key(3)).result.unwrap().cart;
    let on = desk.on(left);
    desk.core.abandon(desk.now(), on).result.unwrap();
    desk
}

fn write(desk: &mut Desk) -> Vec<u8> {
    let disk = SimDisk::new(1);
    let head = Head { shards: 2, ..head(AT.0) };
    snapshot::write(&disk, head, AT, &mut desk.core.state).unwrap();
    disk.get(&snapshot_name(AT)).unwrap()
}

/// `offset  bytes in hex  |text|`, sixteen a line, as in `hexdump -C`.
fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (line, bytes) in bytes.chunks(16).enumerate() {
        let shown: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String =
            bytes.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        writeln!(out, "{:08x}  {:<47}  |{text}|", line * 16, shown.join(" ")).unwrap();
    }
    out
}

#[test]
fn the_docs_show_the_header_that_is_written() {
    let bytes = write(&mut small_day());
    let docs = std::fs::read_to_string(repository("../docs/snapshot-format.md")).unwrap();
    let shown = hex(&bytes[..HEADER_BYTES]);
    assert!(docs.contains(&shown), "docs/snapshot-format.md does not show:\n{shown}");
}

#[test]
fn a_snapshot_of_version_1_is_read() {
    let path = repository("tests/fixtures/snapshot-v1").join(snapshot_name(AT));
    // Made with ONSALE_WRITE_FIXTURE=1; never again once a release has written this format.
    if std::env::var_os("ONSALE_WRITE_FIXTURE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, write(&mut small_day())).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    if VERSION == 1 {
        assert!(write(&mut small_day()) == bytes, "this program writes version 1 byte for byte");
    }
    let disk = SimDisk::new(1);
    disk.put(&snapshot_name(AT), &bytes);
    let restored = snapshot::read(&disk, AT, Names::new([8, 9])).unwrap();
    assert_eq!((restored.head.sequence, restored.head.shards), (AT, 2));
    let mut desk = small_day();
    desk.core = onsale_engine::decide::Core { state: restored.state, ..desk::core(2, Default::default()) };

    let seat = desk.core.slot(desk.now(), "day", "seat").result.unwrap();
    assert_eq!((seat.counts.sold, seat.slot.seat.as_deref(), seat.slot.position), (1, Some("12"), Some(-3)));
    let field = desk.core.slot(desk.now(), "day", "field").result.unwrap();
    assert_eq!((field.counts.capacity, field.counts.held, field.counts.sold), (500, 2, 1));
    let paid = desk.open_with("day", 7, &[slot("seat", 1), slot("field", 1)], key(1));
    assert!(paid.replayed);
    let order = desk.core.order(desk.now(), SHOP, paid.result.unwrap().cart).result.unwrap();
    assert_eq!((order.state, order.items.len()), (OrderState::Confirmed, 2));
    let live = desk.open_with("day", 8 << 70, &[slot("field", 2)], key(2));
    assert!(live.replayed);
    assert_eq!(live.result.unwrap().notes.unwrap().reference.as_deref(), Some("R-1"));
    desk.clock = 601_000;
    assert!(desk.open_with("day", 10, &[slot("field", 4)], key(4)).result.is_ok());
}
