//! What a request says that makes sense only together stands in one frame, whenever the writer comes: a power cut leaves
//! all of it or nothing. The writer is a thread that takes what there is as fast as it can.

#![expect(clippy::disallowed_methods, reason = "a writer that comes between two facts needs a thread")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onsale_engine::commit::{Batch, Buffer};
use onsale_engine::decide::{AdmitNow, JoinLine, Proof};
use onsale_engine::fact::{Cold, Kind, LineFact, decode};
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::records::Records;
use onsale_engine::request::{Caller, Holder, Notes, OnCart, OpenCart};
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, SHOP, slot};
use onsale_engine::waiting_room::{Dials, RoomRules};

/// Without the ticker nobody is called but by an operator.
fn desk() -> Desk {
    let desk = Desk::new(2);
    let dials = Dials { admit_per_minute: 0, max_active: 100_000 };
    desk.sale(SaleRules {
        room: Some(Arc::new(RoomRules { dials, ..RoomRules::default() })),
        ..SaleRules::new("day", "UTC")
    });
    desk.slots("day", &[SlotSpec::new("one", "hall", 100_000)]);
    desk.core.tick_lines(desk.now());
    desk
}

/// Takes frames until it is told to stop, and counts those with a fact and those that begin with the end of a request.
fn write(buffer: &Buffer, stop: &AtomicBool, ends: fn(&Kind) -> bool) -> (u32, u32) {
    let (mut batch, mut frames, mut parted) = (Batch::default(), 0, 0);
    while !stop.load(Ordering::Acquire) {
        buffer.take(&mut batch);
        if let Some(record) = Records::of(&batch.records).next() {
            frames += 1;
            parted += u32::from(ends(&decode(record).expect("a fact").kind));
        }
        buffer.written(batch.records.len());
    }
    (frames, parted)
}

/// Asks while a writer writes, and sees that no frame begins with what ends a request.
fn ask(desk: &mut Desk, ends: fn(&Kind) -> bool, requests: impl FnOnce(&mut Desk)) {
    let (buffer, stop) = (Arc::clone(&desk.core.buffer), Arc::new(AtomicBool::new(false)));
    let halt = Arc::clone(&stop);
    let writer = std::thread::spawn(move || write(&buffer, &halt, ends));
    requests(desk);
    stop.store(true, Ordering::Release);
    let (frames, parted) = writer.join().unwrap();
    assert!(frames > 0, "the writer slept through it");
    assert_eq!(parted, 0, "requests of which a frame has only the end, in {frames} frames");
}

fn line_fact(kind: &Kind) -> Option<&LineFact> {
    match kind {
        Kind::Cold(cold) => match &**cold {
            Cold::Line { fact, .. } => Some(fact),
            _ => None,
        },
        _ => None,
    }
}

fn person(number: u128) -> Proof<'static> {
    Proof::Person(number << 64)
}

fn join(desk: &Desk, proof: Proof<'_>) -> onsale_engine::waiting_room::Ticket {
    let join = JoinLine { sale: "day", proof, lane: None };
    desk.core.join_line(desk.now(), &join).result.unwrap().ticket.ticket
}

/// Otherwise the same request, asked again after a power cut, would call others beside them.
#[test]
fn who_is_called_and_under_which_key() {
    let mut desk = desk();
    for number in 1..=10_000 {
        join(&desk, person(number));
    }
    let ends = |kind: &Kind| matches!(line_fact(kind), Some(LineFact::AdmittedOnce { .. }));
    ask(&mut desk, ends, |desk| {
        for _ in 0..3_000 {
            let wish = AdmitNow { count: 2, key: Some(desk.key()), ..AdmitNow::default() };
            assert_eq!(desk.core.admit(desk.now(), "day", wish).result, Ok(2));
        }
    });
}

/// Otherwise somebody else could join with the same paper.
#[test]
fn a_place_and_the_paper_it_was_given_for() {
    let ends = |kind: &Kind| matches!(line_fact(kind), Some(LineFact::Bound { .. }));
    ask(&mut desk(), ends, |desk| {
        for number in 1..=10_000 {
            join(desk, Proof::Paper { person: number << 64, paper: number });
        }
    });
}

/// Otherwise a session could be over, and its holder have no order.
#[test]
fn an_order_and_the_end_of_its_session() {
    let mut desk = desk();
    let mut carts = Vec::new();
    for number in 1..=2_000_u32 {
        let ticket = join(&desk, person(number.into()));
        let called = desk.core.admit(desk.now(), "day", AdmitNow { count: 1, ..AdmitNow::default() });
        assert_eq!(called.result, Ok(1));
        let customer = CustomerHash(number.into());
        let caller = Caller { holder: Some(Holder { ticket, customer }), ..SHOP };
        let (key, wants, notes) = (desk.key(), &[slot("one", 1)], Notes::default());
        let request = OpenCart { caller, key, sale: "day", customer, wants, notes, code: None };
        carts.push((caller, desk.core.open_cart(desk.now(), &request).result.unwrap().cart));
        desk.core.buffer.discard();
    }
    let ends = |kind: &Kind| matches!(kind, Kind::Confirmed { .. });
    ask(&mut desk, ends, |desk| {
        for (caller, cart) in carts {
            let on = OnCart { caller, ..desk.on(cart) };
            desk.core.checkout(desk.now(), on).result.unwrap();
        }
    });
}
