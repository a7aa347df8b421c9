//! The durable journal, replayed on the side like a standby would: the same facts again after every restart, and at rest
//! the same state as the live one, bit for bit.

use std::collections::BTreeMap;

use crate::codes::{Code, CodeHash, CodeShard};
use crate::fact::{self, Cold, Fact, Kind};
use crate::ids::SaleIx;
use crate::inventory::Shard;
use crate::journal::Journal;
use crate::recovery::Replay;
use crate::sequence::Sequence;
use crate::state::State;
use crate::time::Timestamp;
use crate::waiting_room::{Line, LineShard};

use super::turns::{Asks, Known, Tally, Turns};

/// A copy that only ever reads.
#[derive(Debug)]
pub(super) struct Side {
    replay: Replay,
    /// Every durable record so far; fact 1 is the first.
    records: Vec<Vec<u8>>,
    /// The one waiting room.
    turns: Turns,
}

/// The sale whose waiting room a fact is about.
fn sale_of_line(fact: &Fact) -> Option<SaleIx> {
    match &fact.kind {
        Kind::Joined(joined) => Some(joined.sale),
        Kind::Cold(cold) => match **cold {
            Cold::Line { sale, .. } | Cold::SaleSetWithRoom { sale, .. } => Some(sale),
            _ => None,
        },
        _ => None,
    }
}

/// Names are hashed under other seeds than the live state's: a state must not depend on them.
const SEEDS: [u64; 2] = [0x5eed, 0xf0110];

impl Side {
    pub fn new() -> Self {
        Self { replay: Replay::new(SEEDS), records: Vec::new(), turns: Turns::default() }
    }

    pub fn last(&self) -> Sequence {
        self.replay.last()
    }

    /// A durable record.
    pub fn record(&self, number: Sequence) -> Option<&[u8]> {
        let place = usize::try_from(number.0.checked_sub(1)?).ok()?;
        self.records.get(place).map(Vec::as_slice)
    }

    /// Reads on to the durable mark.
    pub fn follow(&mut self, journal: &impl Journal, asks: &Asks) {
        let mut reader =
            journal.reader(self.last().next()).expect("nothing is trimmed that was not followed");
        while let Some(frame) = reader.next_frame().expect("what was durable can be read") {
            for (number, record) in frame.records() {
                self.take(number, record, asks);
            }
        }
    }

    /// Reads everything again after a restart: what was durable is what it was. Gives the last number that was written
    /// in `incarnation` or before it.
    pub fn read_again(&mut self, journal: &impl Journal, incarnation: u32, asks: &Asks) -> Sequence {
        // What was trimmed is in a snapshot, so it was durable.
        let first = journal.first();
        let mut last = Sequence(first.0 - 1);
        let mut reader = journal.reader(first).expect("it is there");
        while let Some(frame) = reader.next_frame().expect("what was durable can be read") {
            if frame.header().incarnation <= incarnation {
                last = frame.header().last();
            }
            for (number, record) in frame.records() {
                match usize::try_from(number.0 - 1).ok().and_then(|place| self.records.get(place)) {
                    Some(known) => assert!(known == record, "durable fact {number} is another one now"),
                    None => self.take(number, record, asks),
                }
            }
        }
        last
    }

    fn take(&mut self, number: Sequence, record: &[u8], asks: &Asks) {
        self.replay.record(number, record).unwrap_or_else(|error| panic!("the side: {error}"));
        self.records.push(record.to_vec());
        let fact = fact::decode(record).expect("it was just replayed");
        let Some((sale, state)) = sale_of_line(&fact).zip(self.replay.state()) else { return };
        let no_good = |person: u128, at: Timestamp| {
            let codes = state.lock_codes(CodeShard::of(CodeHash(person), state.shards()));
            let code = codes.find(CodeHash(person)).map(|index| codes.code(index));
            code.is_some_and(|code| code.revoked || at >= code.until)
        };
        let lines = state.lock_lines(LineShard::of(sale, state.shards()));
        if let Some(line) = lines.lines.get(&sale) {
            self.turns.live(number, &fact, line, Known { asks, no_good: &no_good });
        }
    }

    /// What has happened in the waiting room so far.
    pub fn tally(&self) -> Tally {
        self.turns.tally
    }

    /// The live state, all of which is durable and followed, is the same.
    pub fn compare(&mut self, live: &State) {
        let Some(state) = self.replay.state() else { panic!("nothing was followed") };
        assert_eq!(state.shards(), live.shards());
        for number in 0..live.shards() {
            let (here, there) = (state.lock_shard(number), live.lock_shard(number));
            assert_eq!(here.digest, there.digest, "the digest of shard {number}");
            assert_eq!(here.carts.free_places(), there.carts.free_places(), "free places of shard {number}");
            assert_eq!(here.expiry.live(), there.expiry.live(), "holds of shard {number}");
            assert_eq!(here.notes.len(), there.notes.len(), "notes of shard {number}");
            assert_eq!(here.sales, there.sales, "terms in shard {number}");
            let coded =
                |shard: &Shard| shard.coded.iter().map(|(cart, it)| (*cart, *it)).collect::<BTreeMap<_, _>>();
            let (here_coded, there_coded) = (coded(&here), coded(&there));
            for index in 0..there.slot_count() {
                assert_eq!(here.spec(index), there.spec(index), "slot {index} of shard {number}");
                assert_eq!(here.first_deadline(index), there.first_deadline(index), "slot {index}");
            }
            let place = usize::from(number);
            let (here, there) = (state.lock_visitors(place), live.lock_visitors(place));
            assert!(here.iter().eq(there.iter()), "the visitors of shard {number}");
            let (here, there) = (state.lock_lines(place), live.lock_lines(place));
            assert_eq!(here.digest, there.digest, "the digest of lines {number}");
            assert!(here.lines.keys().eq(there.lines.keys()), "the lines of {number}");
            for (here, there) in here.lines.values().zip(there.lines.values()) {
                same_line(here, there);
                self.turns.compare(here);
            }
            assert_eq!(here_coded, there_coded, "what carts of shard {number} were made with");
            same_codes(&state.lock_codes(place), &live.lock_codes(place));
            let (here, there) = (state.lock_keys(place), live.lock_keys(place));
            let told = |key: &crate::keys::KeyRecord| (key.fingerprint, key.cart, key.at(), key.version());
            assert!(here.iter().map(told).eq(there.iter().map(told)), "the keys of shard {number}");
        }
        let (here, there) = (state.lock_catalog(), live.lock_catalog());
        assert_eq!(here.channels, there.channels);
        assert_eq!((&here.places, &here.places_of_shard), (&there.places, &there.places_of_shard));
        assert_eq!((here.heartbeat, here.configuration), (there.heartbeat, there.configuration));
        let revisions = |catalog: &crate::catalog::Catalog| {
            catalog.sales.iter().map(|sale| sale.revision).collect::<Vec<_>>()
        };
        assert_eq!(revisions(&here), revisions(&there));
    }
}

/// Two copies of a shard of codes are the same; where in its slot a hold stands is compared with the slots.
fn same_codes(here: &CodeShard, there: &CodeShard) {
    assert_eq!(here.digest, there.digest, "the digest of codes");
    assert_eq!((here.waves(), here.holders()), (there.waves(), there.holders()), "waves");
    let told =
        |code: &Code| (code.hash(), code.until, code.wave, code.revoked, code.carts.clone(), code.units());
    let all = |codes: &CodeShard| (0..codes.len()).map(|index| told(codes.code(index))).collect::<Vec<_>>();
    assert_eq!(all(here), all(there), "codes");
}

/// Two copies of a line have lived the same; who was seen when is no part of it.
fn same_line(here: &Line, there: &Line) {
    assert!(here.seed == there.seed && here.key == there.key, "the secrets of a line");
    assert_eq!((here.made, here.opens_at, &here.rules), (there.made, there.opens_at, &there.rules));
    assert_eq!((here.mode, here.dials, &here.message), (there.mode, there.dials, &there.message));
    assert_eq!((here.closed, &here.beacon, here.drawn), (there.closed, &there.beacon, there.drawn));
    assert_eq!((&here.minutes, &here.changes), (&there.minutes, &there.changes));
    assert_eq!((here.credit, here.admitted), (there.credit, there.admitted));
    for (lane, (here, there)) in here.lanes.iter().zip(&there.lanes).enumerate() {
        assert_eq!((here.turns, here.called), (there.turns, there.called), "lane {lane}");
        assert_eq!((here.registered, &here.back), (there.registered, &there.back), "lane {lane}");
        for number in 0..there.len() {
            assert_eq!(here.row(number), there.row(number), "ticket {number} of lane {lane}");
            assert_eq!(here.place(number), there.place(number), "the place of {number} in lane {lane}");
        }
    }
}
