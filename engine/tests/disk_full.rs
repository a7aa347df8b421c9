//! The disk fills up while we sell: new holds are refused, and releases, confirms and expiry go on from the reserve. When
//! space is back, everything is, and nobody restarts anything.

mod follow_support;

use std::sync::Arc;

use follow_support::{image, options};
use onsale_engine::commit::{Ack, Mark, Step, Writer};
use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::{FileJournal, Options, Space};
use onsale_engine::outcome::OrderState;
use onsale_engine::recovery;
use onsale_engine::refusal::Refusal;
use onsale_engine::sale::SaleRules;
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{Desk, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::Millis;
use onsale_engine::waiting_room::{Dials, RoomRules, TicketState};

struct Till {
    desk: Desk,
    disk: SimDisk,
    writer: Writer<FileJournal<SimDisk>>,
    mark: Arc<Mark>,
}

impl Till {
    fn new() -> Self {
        Self::with(options())
    }

    fn with(options: Options) -> Self {
        let desk = Desk::new(2);
        desk.sale(SaleRules { hold_ttl: Millis(600_000), ..SaleRules::new("day", "UTC") });
        desk.slots("day", &[SlotSpec::new("a", "kiel", 1_000_000)]);
        let disk = SimDisk::new(1);
        let (journal, _) = FileJournal::open(disk.clone(), options).unwrap();
        let mark = Arc::new(Mark::new(Sequence::ZERO));
        let writer = Writer::new(Arc::clone(&desk.core.buffer), Arc::clone(&mark), journal, Ack::Fsync);
        let mut till = Self { desk, disk, writer, mark };
        assert_eq!(till.write(), Step::Wrote);
        while till.writer.prepare() {}
        till
    }

    /// What the writer's thread does in one round.
    fn write(&mut self) -> Step {
        let step = self.writer.step();
        self.desk.core.note_space(self.writer.space());
        self.desk.core.note_blocked(step == Step::Blocked);
        step
    }

    fn durable(&self) -> bool {
        self.mark.durable() == self.desk.core.buffer.last()
    }
}

#[test]
fn holds_are_refused_first_and_come_back_without_a_restart() {
    let mut till = Till::new();
    let mut carts = Vec::new();
    for customer in 0..300 {
        carts.push(till.desk.open("day", customer, &[slot("a", 1)]).result.unwrap().cart);
        till.write();
    }
    while till.writer.prepare() {}
    till.disk.set_capacity(till.disk.used() + 100);

    let mut customer = 1_000;
    let refused = loop {
        customer += 1;
        assert!(customer < 5_000, "the disk never got full");
        match till.desk.open("day", customer, &[slot("a", 1)]).result {
            Ok(cart) => carts.push(cart.cart),
            Err(refusal) => break refusal,
        }
        assert_eq!(till.write(), Step::Wrote);
    };
    assert_eq!(refused, Refusal::DiskFull);
    assert!(till.durable(), "everything acknowledged so far is on disk");

    // New stock is refused as well; what is known already is no change, and is said to be so.
    let known = SlotSpec::new("a", "kiel", 1_000_000);
    let stock = |specs: &[SlotSpec]| till.desk.core.add_slots(till.desk.now(), "day", specs, false).result;
    let (last, new) = (till.desk.core.buffer.last(), SlotSpec::new("b", "kiel", 1));
    assert_eq!(stock(std::slice::from_ref(&new)).err(), Some(Refusal::DiskFull));
    assert_eq!(stock(std::slice::from_ref(&known)).unwrap().unchanged, 1);
    assert_eq!(till.desk.core.buffer.last(), last, "a refusal changes nothing");

    // From the reserve: payments, releases, and what runs past its deadline.
    for cart in carts.iter().take(40) {
        assert_eq!(till.desk.checkout(*cart).result.unwrap().order.state, OrderState::Confirmed);
        let on = till.desk.on(carts[carts.len() - 1]);
        let _ = till.desk.core.abandon(till.desk.now(), on);
        assert_eq!(till.write(), Step::Wrote);
        assert!(till.durable());
    }
    till.desk.clock += 600_000;
    while till.desk.core.settle_shard(till.desk.now(), 0).unwrap().more {}
    while till.desk.core.settle_shard(till.desk.now(), 1).unwrap().more {}
    assert_eq!(till.write(), Step::Wrote);
    assert!(till.durable());
    assert!(!till.desk.core.anything_runs(till.desk.now().engine));
    let still = till.desk.open("day", 9_999, &[slot("a", 1)]).result;
    assert_eq!(still.err(), Some(Refusal::DiskFull));

    // Space comes back.
    till.disk.set_capacity(u64::MAX);
    while till.writer.prepare() {}
    till.write();
    assert_eq!(till.writer.space(), Space::Ok);
    let cart = till.desk.open("day", 10_000, &[slot("a", 1)]).result.unwrap().cart;
    till.desk.checkout(cart).result.unwrap();
    assert_eq!(till.write(), Step::Wrote);
    assert!(till.durable());

    // And all of it was kept.
    let Till { mut desk, disk, writer, .. } = till;
    drop(writer);
    let found = recovery::start(&disk, options(), [5, 6], |_| {}).unwrap();
    assert!(image(&mut desk.core.state) == image(&mut found.recovered.unwrap().state));
}

#[test]
fn when_nothing_fits_the_facts_wait_and_nothing_is_acknowledged() {
    let mut till = Till::new();
    till.disk.set_capacity(till.disk.used());
    let mut blocked = false;
    for customer in 0..20_000 {
        // Whoever ignores the refusals of a full disk gets here.
        till.desk.core.note_space(Space::Ok);
        let Ok(cart) = till.desk.open("day", customer, &[slot("a", 1)]).result else { break };
        let on = till.desk.on(cart.cart);
        till.desk.core.abandon(till.desk.now(), on).result.unwrap();
        if till.writer.step() == Step::Blocked {
            blocked = true;
            break;
        }
    }
    assert!(blocked);
    assert!(!till.durable());
    let mark = till.mark.durable();
    for _ in 0..5 {
        assert_eq!(till.writer.step(), Step::Blocked);
    }
    assert_eq!(till.mark.durable(), mark);
    assert!(!till.mark.has_failed(), "full is not poisoned");
    // What comes meanwhile goes with it: nobody else may come to have it written.
    till.desk.core.note_space(Space::Ok);
    let waits = till.desk.open("day", 30_000, &[slot("a", 1)]);
    assert!(waits.result.is_ok());
    till.disk.set_capacity(u64::MAX);
    assert_eq!(till.write(), Step::Wrote, "the same frame, when there is room");
    assert!(till.durable());
}

/// Anybody can join a waiting room as often as they like. They took the reserve that is there for payments and releases, until
/// nothing could be written at all and nobody was answered.
#[test]
fn places_in_a_line_do_not_take_the_last_of_the_disk() {
    let mut till = Till::new();
    let dials = Dials { admit_per_minute: 6_000, max_active: 1_000 };
    let room = Some(Arc::new(RoomRules { dials, ..RoomRules::default() }));
    till.desk.sale(SaleRules { room, ..SaleRules::new("rush", "UTC") });
    till.desk.slots("rush", &[SlotSpec::new("r", "hall", 1_000)]);
    let join = |till: &Till| {
        let join = JoinLine { sale: "rush", proof: Proof::Nobody, lane: None };
        till.desk.core.join_line(till.desk.now(), &join).result.map(|joined| joined.ticket.text)
    };
    let (first, left) = (join(&till).unwrap(), join(&till).unwrap());
    till.desk.core.leave_line(till.desk.now(), &left).result.unwrap();
    till.write();
    while till.writer.prepare() {}
    till.disk.set_capacity(till.disk.used() + 100);
    let mut joined = 0;
    let refused = loop {
        match join(&till) {
            Ok(_) => joined += 1,
            Err(refusal) => break refusal,
        }
        assert_eq!(till.write(), Step::Wrote);
        assert!(joined < 20_000, "the disk never got full");
    };
    assert_eq!(refused, Refusal::DiskFull);
    let back = JoinLine { sale: "rush", proof: Proof::Ticket(&left), lane: None };
    assert_eq!(till.desk.core.join_line(till.desk.now(), &back).result.err(), Some(Refusal::DiskFull));
    // Nobody is called to find that nothing can be held.
    till.desk.clock += 10_000;
    let state = |till: &Till| till.desk.core.ticket(till.desk.now(), &first).result.unwrap().state;
    state(&till);
    till.desk.core.tick_lines(till.desk.now());
    assert_eq!(state(&till), TicketState::Waiting);
    assert_eq!(till.write(), Step::Wrote);
    assert!(till.durable());

    till.disk.set_capacity(u64::MAX);
    while till.writer.prepare() {}
    till.write();
    till.desk.core.tick_lines(till.desk.now());
    assert_eq!(state(&till), TicketState::Called);
    assert!(join(&till).is_ok());
}

/// While nothing can be written nothing is decided, so that nobody waits for an answer that may never come. A little room is
/// enough to go on: not a whole segment of the usual size.
#[test]
fn who_comes_while_nothing_can_be_written_is_refused_at_once() {
    let segment = 2 << 20;
    let mut till =
        Till::with(Options { segment_bytes: segment, smallest_segment_bytes: segment, ..options() });
    let kept = till.desk.open("day", 50_000, &[slot("a", 1)]).result.unwrap().cart;
    till.write();
    till.disk.set_capacity(till.disk.used());
    let mut customer = 0;
    loop {
        till.desk.core.note_space(Space::Ok);
        customer += 1;
        till.desk.open("day", customer, &[slot("a", 1)]).result.unwrap();
        if till.write() == Step::Blocked {
            break;
        }
        assert!(customer < 200_000, "there was room for all");
    }
    let last = till.desk.core.buffer.last();
    assert_eq!(till.desk.checkout(kept).result.err(), Some(Refusal::DiskFull));
    let on = till.desk.on(kept);
    assert_eq!(till.desk.core.abandon(till.desk.now(), on).result.err(), Some(Refusal::DiskFull));
    assert_eq!(till.desk.core.buffer.last(), last, "nothing was decided");

    // Room for one small segment.
    till.disk.set_capacity(till.disk.used() + (1 << 20) + 4_096);
    assert_eq!(till.write(), Step::Wrote);
    assert_eq!(till.writer.space(), Space::Low, "enough to pay, not to sell");
    assert!(till.durable());
    assert_eq!(till.desk.checkout(kept).result.unwrap().order.state, OrderState::Confirmed);
    assert_eq!(till.write(), Step::Wrote);
    assert!(till.durable());
}
