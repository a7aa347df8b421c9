//! A million holds lapse at one instant. A millisecond later somebody asks for each of a thousand of their slots, and others go
//! on buying elsewhere: how long those wait until their answer is durable, before and during.
//!
//! The core with the journal's writer and the ticker on threads of their own and a journal on a disk, `ack = fsync`; the clock
//! is ours, so that all deadlines are one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use onsale_engine::commit::{Ack, Mark, Step, Writer};
use onsale_engine::decide::Core;
use onsale_engine::digest::mix;
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{FileJournal, Options};
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{KeyUse, Notes, OpenCart, Want};
use onsale_engine::sale::SaleRules;
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{Desk, SHOP, START_MS};
use onsale_engine::time::{Millis, Now, Timestamp, WallTime};

use crate::compare::{Record, spread};

const HOLDS: u64 = 1_000_000;
const OF_A_CART: u64 = 50;
const TTL: u64 = 600_000;
const VENUES: u64 = 40;
/// Slots elsewhere, where nothing lapses.
const CALM: u64 = 10_000;
/// Requests for slots whose holds have lapsed.
const ASKED: u64 = 1_000;
/// Other requests before the storm.
const BEFORE: u64 = 4_000;
const ROUNDS: usize = 3;
/// Before anything is measured.
const CALM_DOWN: Duration = Duration::from_secs(1);
/// From one tick to the next, as in the engine.
const TICK: Duration = Duration::from_millis(50);

/// All three kinds.
///
/// # Errors
/// What stood in the way, or who was refused.
pub fn measure(record: &mut Record, folder: &Path) -> Result<(), String> {
    // Room for one request at a time, once the storm has begun.
    let kinds =
        [("storm", HOLDS / 10, None), ("storm, 1", 1, None), ("storm, full", HOLDS / 10, Some(2_000))];
    for (bar, slots, left) in kinds {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let within = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
            rounds.push(storm(slots, left, within.path())?);
            eprintln!("{bar}, round {}: {}", round + 1, rounds[round].words());
        }
        let ratio = spread(rounds.iter().map(|round| round.during / round.before));
        rounds.sort_by(|one, other| (one.during / one.before).total_cmp(&(other.during / other.before)));
        let note = rounds[ROUNDS / 2].words();
        record.figure(bar, ratio.median, Some(ratio), &note);
    }
    Ok(())
}

/// What came of one.
struct Round {
    /// p99 of the others in microseconds.
    before: f64,
    during: f64,
    others: usize,
    /// Until nothing was left to settle.
    lasted: Duration,
    asked_again: u64,
}

impl Round {
    fn words(&self) -> String {
        format!(
            "{ASKED} of {ASKED} got their slot; p99 of others {:.0} us before, {:.0} us during ({} requests); all settled after {:.0} ms; {} asked again",
            self.before,
            self.during,
            self.others,
            self.lasted.as_secs_f64() * 1_000.0,
            self.asked_again
        )
    }
}

/// Wakes who buys when the mark has moved.
struct Buyer(thread::Thread);

impl Wake for Buyer {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

struct Scene<'a> {
    core: &'a Core,
    mark: &'a Mark,
    clock: &'a AtomicU64,
}

impl Scene<'_> {
    fn now(&self) -> Now {
        let at = START_MS + self.clock.load(Ordering::Relaxed);
        Now { engine: Timestamp(at), wall: WallTime(at.cast_signed()) }
    }

    /// Opens a cart and waits until that is durable; how often it was asked again, as clients do when told to.
    fn buy(&self, sale: &str, number: u64, wants: &[Want]) -> Result<u64, String> {
        let mut again = 0;
        loop {
            let request = OpenCart {
                caller: SHOP,
                key: KeyUse::new(1, "", &number.to_string(), number),
                sale,
                customer: CustomerHash(u128::from(number) << 64 | 1),
                wants,
                notes: Notes::default(),
                code: None,
            };
            let answer = self.core.open_cart(self.now(), &request);
            match answer.result {
                Ok(_) => {
                    // Woken by the writer, as a worker is.
                    while self.mark.durable() < answer.rests_on {
                        thread::park_timeout(Duration::from_millis(5));
                    }
                    return Ok(again);
                }
                Err(Refusal::Overloaded) => {
                    again += 1;
                    thread::sleep(Duration::from_micros(50));
                }
                Err(refusal) => return Err(format!("{sale}: {refusal:?}")),
            }
        }
    }

    fn buy_one(&self, sale: &str, number: u64, slot: u64) -> Result<u64, String> {
        self.buy(sale, number, &[Want::Slot { slot: format!("s{slot}"), quantity: 1 }])
    }

    /// Another buyer, elsewhere: how long it took.
    fn other(&self, number: u64, again: &mut u64) -> Result<Duration, String> {
        let begin = Instant::now();
        *again += self.buy_one("calm", number, mix(3, number) % CALM)?;
        Ok(begin.elapsed())
    }
}

type Journal = Writer<FileJournal<FolderDisk>>;

fn stock(desk: &Desk, writer: &mut Journal, sale: &str, slots: u64, capacity: u64) {
    desk.sale(SaleRules { hold_ttl: Millis(TTL), ..SaleRules::new(sale, "UTC") });
    let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
    let specs: Vec<_> = (0..slots)
        .map(|slot| SlotSpec::new(&format!("s{slot}"), &format!("v{}", slot % VENUES), capacity))
        .collect();
    for part in specs.chunks(1_000) {
        desk.slots(sale, part);
        writer.step();
    }
}

fn storm(slots: u64, left: Option<usize>, folder: &Path) -> Result<Round, String> {
    let desk = Desk::new(64);
    let clock = AtomicU64::new(0);
    let mark = Arc::new(Mark::new(Sequence::ZERO));
    let disk = FolderDisk::open(folder).map_err(|error| error.to_string())?;
    let options = Options::new(JournalId(1), Sequence::ZERO);
    let (file, _) = FileJournal::open(disk, options).map_err(|error| error.to_string())?;
    let mut writer = Writer::new(Arc::clone(&desk.core.buffer), Arc::clone(&mark), file, Ack::Fsync);
    stock(&desk, &mut writer, "day", slots, HOLDS / slots);
    stock(&desk, &mut writer, "calm", CALM, 10_000_000);
    while writer.prepare() {}
    let over = AtomicBool::new(false);
    let settled_at = AtomicU64::new(0);
    let began = Instant::now();
    mark.listen(Waker::from(Arc::new(Buyer(thread::current()))));
    let core = &desk.core;
    let scene = Scene { core, mark: &mark, clock: &clock };
    thread::scope(|scope| {
        scope.spawn(|| write(core, writer, &over));
        scope.spawn(|| tick(&scene, &over, &settled_at, began));
        let done = play(&scene, slots, left, &settled_at, began);
        over.store(true, Ordering::Relaxed);
        core.writer.wake();
        done
    })
}

fn write(core: &Core, mut writer: Journal, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if writer.step() == Step::Idle && !writer.prepare() {
            core.writer.sleep(TICK);
        }
    }
}

/// The ticker's settling, and when it found nothing more to do after the clock had moved.
fn tick(scene: &Scene<'_>, over: &AtomicBool, settled_at: &AtomicU64, began: Instant) {
    while !over.load(Ordering::Relaxed) {
        let lapsed = scene.clock.load(Ordering::Relaxed) > TTL;
        let mut clear = true;
        for shard in 0..scene.core.state.shards() {
            loop {
                match scene.core.settle_shard(scene.now(), shard) {
                    Ok(ticked) if ticked.more => {}
                    Ok(_) => break,
                    Err(_) => {
                        clear = false;
                        break;
                    }
                }
            }
        }
        if lapsed && clear && settled_at.load(Ordering::Relaxed) == 0 {
            settled_at
                .store(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        thread::sleep(TICK);
    }
}

fn play(
    scene: &Scene<'_>,
    slots: u64,
    left: Option<usize>,
    settled_at: &AtomicU64,
    began: Instant,
) -> Result<Round, String> {
    let mut number = 0;
    let mut next = 0;
    while next < HOLDS {
        number += 1;
        let want = |hold: u64| Want::Slot { slot: format!("s{}", hold % slots), quantity: 1 };
        let wants: Vec<Want> = (next..next + OF_A_CART).map(want).collect();
        scene.buy("day", number, &wants)?;
        next += OF_A_CART;
    }
    // What the writer prepares for later is not part of it.
    thread::sleep(CALM_DOWN);
    let mut again = 0;
    let mut before = Vec::new();
    for _ in 0..BEFORE {
        number += 1;
        before.push(scene.other(number, &mut again)?);
    }
    let buffer = Arc::clone(&scene.core.buffer);
    let elsewhere = left.map(|left| {
        let room = scene.core.limits.journal_buffer - left;
        loop {
            match buffer.reserve(room) {
                Ok(taken) => break taken,
                Err(_) => thread::yield_now(),
            }
        }
    });
    // One millisecond after all of them have lapsed.
    scene.clock.store(TTL + 1, Ordering::Relaxed);
    let from = began.elapsed();
    let (mut during, mut asked) = (Vec::new(), 0);
    // Until all have asked, and as long as there is something to settle.
    while asked < ASKED || settled_at.load(Ordering::Relaxed) == 0 {
        number += 1;
        if asked < ASKED {
            again += scene.buy_one("day", number, mix(7, asked) % slots)?;
            asked += 1;
            number += 1;
        }
        during.push(scene.other(number, &mut again)?);
        if left.is_some() && asked == ASKED {
            // The ticker finds no room as long as it is so; who asks has had what was asked for.
            break;
        }
    }
    drop(elsewhere);
    while settled_at.load(Ordering::Relaxed) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let settled = Duration::from_micros(settled_at.load(Ordering::Relaxed));
    Ok(Round {
        before: p99(&mut before),
        during: p99(&mut during),
        others: during.len(),
        lasted: settled.saturating_sub(from),
        asked_again: again,
    })
}

/// In microseconds.
fn p99(spans: &mut [Duration]) -> f64 {
    spans.sort();
    spans.get(spans.len() * 99 / 100).map_or(0.0, |span| span.as_secs_f64() * 1e6)
}
