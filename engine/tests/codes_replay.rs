//! Random days with access codes beside the plainest model of them: single codes, each holding one unit until its end. After
//! every step the desk has refused and granted what the model says, what must always be true holds, and at the end a replay of
//! the facts and a snapshot have come to the same state.

mod codes_desk;
mod follow_support;

use std::collections::BTreeMap;

use codes_desk::{Booth, HOUR, code, units};
use follow_support::{Dice, head, image};
use onsale_engine::apply::{apply, fits};
use onsale_engine::commit::Batch;
use onsale_engine::decide::{CodeState, Which};
use onsale_engine::fact::{Kind, decode};
use onsale_engine::ids::CartId;
use onsale_engine::journal::records::Records;
use onsale_engine::names::Names;
use onsale_engine::refusal::Refusal;
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot;
use onsale_engine::state::State;
use onsale_engine::testing::desk::{START_MS, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::WallTime;

const CAPACITY: u64 = 6;
const TTL: u64 = 600_000;

/// What a code of the model has: its end, and the cart made with it, if that stands on the unit.
#[derive(Clone, Copy, Debug)]
struct Twin {
    until: u64,
    revoked: bool,
    /// Which of the two slots of the hall its unit is of.
    slot: &'static str,
    cart: Option<Booked>,
}

#[derive(Clone, Copy, Debug)]
struct Booked {
    id: CartId,
    deadline: u64,
    ordered: bool,
}

impl Twin {
    fn in_cart(&self, at: u64) -> bool {
        self.cart.is_some_and(|cart| !cart.ordered && at < cart.deadline)
    }

    fn ordered(&self) -> bool {
        self.cart.is_some_and(|cart| cart.ordered)
    }

    fn holds(&self, at: u64) -> bool {
        at < self.until && !self.ordered()
    }
}

struct Day {
    booth: Booth,
    dice: Dice,
    copy: State,
    codes: BTreeMap<u64, Twin>,
    /// Carts without a code: slot, deadline.
    others: Vec<(CartId, &'static str, u64, bool)>,
    made: u64,
    redeemed: u64,
    refused: u64,
}

impl Day {
    fn new(seed: u64) -> Self {
        let (booth, copy) =
            (Booth::new(u32::try_from(CAPACITY).unwrap()), State::new(codes_desk::SHARDS, [5, 6]));
        let (codes, others) = (BTreeMap::new(), Vec::new());
        Self { booth, dice: Dice(seed), copy, codes, others, made: 0, redeemed: 0, refused: 0 }
    }

    fn now(&self) -> u64 {
        self.booth.desk.clock
    }

    /// Units of a slot that are free by the model.
    fn free(&self, name: &str) -> u64 {
        let at = self.now();
        let codes =
            self.codes.values().filter(|code| code.slot == name && (code.holds(at) || code.ordered()));
        let others = self.others.iter().filter(|(_, slot, end, sold)| *slot == name && (*sold || at < *end));
        CAPACITY - codes.count() as u64 - others.count() as u64
    }

    fn follow(&mut self) {
        let mut batch = Batch::default();
        self.booth.desk.core.buffer.take(&mut batch);
        for record in Records::of(&batch.records) {
            let fact = decode(record).expect("a fact");
            let mut alone = self.copy.alone();
            fits(&mut alone, &fact).unwrap_or_else(|misfit| panic!("{fact:?}: {misfit}"));
            apply(&mut alone, &fact);
            self.redeemed += u64::from(matches!(fact.kind, Kind::Redeemed(_)));
        }
        self.booth.desk.core.buffer.written(batch.records.len());
    }

    fn some_code(&mut self) -> Option<u64> {
        let count = self.codes.len() as u64;
        let nth = usize::try_from(self.dice.roll(count.max(1))).unwrap();
        self.codes.keys().nth(nth).copied()
    }

    fn make(&mut self) {
        let (at, count) = (self.now(), self.dice.roll(3) + 1);
        let until = at + 1 + self.dice.roll(2 * HOUR);
        let numbers: Vec<u64> = (0..count).map(|nth| self.made + nth).collect();
        let mut terms = self.booth.reserving(&format!("w{}", self.made), units("hall", None, 1));
        terms.expires_at = Some(WallTime((START_MS + until).cast_signed()));
        let hashes: Vec<_> = numbers.iter().map(|number| code(*number)).collect();
        let possible = self.free("a") + self.free("c");
        match self.booth.make(&terms, &hashes).result {
            Ok(_) => {
                assert!(count <= possible, "{count} codes on {possible} units");
                for number in numbers {
                    let view = self.booth.view(code(number));
                    let slot = if view.holds[0].0 == "a" { "a" } else { "c" };
                    self.codes.insert(number, Twin { until, revoked: false, slot, cart: None });
                }
                self.made += count;
            }
            Err(Refusal::AllotmentExhausted { wanted, possible: said, .. }) => {
                assert!(count > possible, "{count} codes on {possible} units refused");
                assert_eq!((wanted, said), (count, possible));
                self.refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn redeem(&mut self) {
        let Some(number) = self.some_code() else { return };
        let (at, name) = (self.now(), if self.dice.roll(2) == 0 { "a" } else { "c" });
        let twin = self.codes[&number];
        let free = self.free(name) + u64::from(twin.holds(at) && twin.slot == name);
        let answer = self.booth.open(code(number), &[slot(name, 1)]);
        match answer.result {
            Ok(cart) => {
                assert!(
                    !twin.revoked && at < twin.until && !twin.in_cart(at) && !twin.ordered() && free > 0,
                    "{twin:?}"
                );
                let deadline = (at + TTL).min(twin.until);
                assert_eq!(cart.expires_at.0, START_MS + deadline);
                let twin = self.codes.get_mut(&number).unwrap();
                twin.slot = name;
                twin.cart = Some(Booked { id: cart.cart, deadline, ordered: false });
            }
            Err(refusal) => {
                let good = match refusal {
                    Refusal::CodeScope { .. } => twin.revoked || at >= twin.until,
                    Refusal::CodeUsed { .. } => twin.in_cart(at) || twin.ordered(),
                    Refusal::AllHeld(_) | Refusal::SlotTaken(_) | Refusal::SoldOut(_) => free == 0,
                    _ => false,
                };
                assert!(good, "{refusal:?} at {at} with {free} free: {twin:?}");
                self.refused += 1;
            }
        }
    }

    fn on_cart(&mut self) {
        let Some(number) = self.some_code() else { return };
        let Some(cart) = self.codes[&number].cart else { return };
        let (at, alive) = (self.now(), self.codes[&number].in_cart(self.now()));
        let (now, on) = (self.booth.desk.now(), self.booth.desk.on(cart.id));
        let core = &self.booth.desk.core;
        match self.dice.roll(5) {
            0 | 1 => {
                let done = core.checkout(now, on).result;
                assert_eq!(done.is_ok(), alive, "{done:?}");
                if alive {
                    self.codes.get_mut(&number).unwrap().cart = Some(Booked { ordered: true, ..cart });
                }
            }
            2 => {
                let done = core.abandon(now, on).result;
                assert_eq!(done.is_ok(), alive, "{done:?}");
                if alive {
                    let twin = self.codes.get_mut(&number).unwrap();
                    twin.cart = None;
                    if twin.revoked {
                        twin.until = at;
                    }
                }
            }
            3 => {
                let done = core.extend(now, on).result;
                assert_eq!(done.is_ok(), alive, "{done:?}");
                if let Ok(view) = done {
                    let deadline = view.expires_at.0 - START_MS;
                    assert!(deadline <= self.codes[&number].until, "a cart beyond its invitation");
                    self.codes.get_mut(&number).unwrap().cart = Some(Booked { deadline, ..cart });
                }
            }
            _ => {
                let was = self.codes[&number].ordered();
                let done = core.cancel_order(now, on, None).result;
                assert_eq!(done.is_ok(), was, "{done:?}");
                if was {
                    let twin = self.codes.get_mut(&number).unwrap();
                    twin.cart = None;
                    if twin.revoked {
                        twin.until = twin.until.min(at);
                    }
                }
            }
        }
    }

    fn other(&mut self) {
        let (at, name) = (self.now(), if self.dice.roll(2) == 0 { "a" } else { "c" });
        let free = self.free(name);
        let customer = u128::from(self.dice.roll(1 << 40)) << 4;
        match self.booth.desk.open("day", customer, &[slot(name, 1)]).result {
            Ok(cart) => {
                assert!(free > 0, "a stranger had a unit that was set aside");
                let sold = self.dice.roll(8) == 0;
                if sold {
                    self.booth.desk.checkout(cart.cart).result.unwrap();
                }
                self.others.push((cart.cart, name, at + TTL, sold));
            }
            Err(refusal) => {
                assert_eq!(free, 0, "{refusal:?}");
                self.refused += 1;
            }
        }
    }

    fn revoke(&mut self) {
        let Some(number) = self.some_code() else { return };
        let at = self.now();
        let done = self.booth.revoke(Which::Codes(&[code(number)])).result.unwrap();
        let twin = self.codes.get_mut(&number).unwrap();
        assert_eq!(done.revoked, u32::from(!twin.revoked));
        if !twin.revoked {
            twin.revoked = true;
            let lasts = if twin.in_cart(at) { twin.cart.map_or(at, |cart| cart.deadline) } else { at };
            twin.until = twin.until.min(lasts);
        }
    }

    fn act(&mut self) {
        match self.dice.roll(100) {
            0..12 => self.make(),
            12..40 => self.redeem(),
            40..60 => self.on_cart(),
            60..75 => self.other(),
            75..79 => self.revoke(),
            79..82 => {
                let sold: Vec<_> = self.others.iter().filter(|other| other.3).map(|other| other.0).collect();
                if let Some(id) = sold.first() {
                    let on = self.booth.desk.on(*id);
                    self.booth.desk.core.cancel_order(self.booth.desk.now(), on, None).result.unwrap();
                    self.others.retain(|other| other.0 != *id);
                }
            }
            82..86 => {
                for shard in 0..codes_desk::SHARDS {
                    let core = &self.booth.desk.core;
                    core.settle_shard(self.booth.desk.now(), shard).unwrap();
                    core.note_code_digest(self.booth.desk.now(), shard, 0).unwrap();
                    core.note_digest(self.booth.desk.now(), shard, 0).unwrap();
                }
            }
            _ => self.booth.desk.clock += self.dice.roll(HOUR / 4),
        }
        let at = self.now();
        self.others.retain(|(_, _, end, sold)| *sold || at < *end);
        for name in ["a", "c"] {
            let (capacity, held, sold) = self.booth.counts(name);
            assert_eq!(capacity - held - sold, self.free(name), "free of {name} at {at}");
        }
    }

    fn states_agree(&self) {
        let at = self.now();
        for (number, twin) in &self.codes {
            let expected = if twin.revoked {
                CodeState::Revoked
            } else if twin.ordered() {
                CodeState::Used
            } else if twin.in_cart(at) {
                CodeState::InCart
            } else if at >= twin.until {
                CodeState::Lapsed
            } else {
                CodeState::Live
            };
            let view = self.booth.view(code(*number));
            assert_eq!(view.state, expected, "{twin:?} at {at}");
            assert_eq!(view.holds.len(), usize::from(twin.holds(at)), "{twin:?} at {at}");
        }
    }
}

#[test]
fn the_desk_the_model_the_replay_and_the_snapshot_agree() {
    let (mut made, mut redeemed, mut refused) = (0, 0, 0);
    for seed in 0..40 {
        let mut day = Day::new(seed);
        for step in 0..800 {
            day.act();
            day.follow();
            if step % 20 == 0 {
                day.states_agree();
                day.booth.check();
            }
        }
        let now = day.booth.desk.now();
        let image = |state: &mut State| image(state);
        assert!(image(&mut day.booth.desk.core.state) == image(&mut day.copy), "seed {seed}");
        let disk = SimDisk::new(1);
        snapshot::write(&disk, head(7), Sequence(7), &mut day.copy).unwrap();
        let mut restored = snapshot::read(&disk, Sequence(7), Names::new([3, 4])).unwrap().state;
        assert!(image(&mut restored) == image(&mut day.copy), "seed {seed}");
        onsale_engine::invariants::check(&restored, now.engine)
            .unwrap_or_else(|broken| panic!("{seed}: {broken}"));
        made += day.made;
        redeemed += day.redeemed;
        refused += day.refused;
    }
    assert!(
        made > 2_000 && redeemed > 1_000 && refused > 2_000,
        "{made} made, {redeemed} redeemed, {refused} refused"
    );
}
