//! The durable journal, replayed on the side like a standby would: the same facts again after every restart, and at rest
//! the same state as the live one, bit for bit.

use crate::journal::Journal;
use crate::recovery::Replay;
use crate::sequence::Sequence;
use crate::state::State;

/// A copy that only ever reads.
#[derive(Debug)]
pub(super) struct Side {
    replay: Replay,
    /// Every durable record so far; fact 1 is the first.
    records: Vec<Vec<u8>>,
}

/// Names are hashed under other seeds than the live state's: a state must not depend on them.
const SEEDS: [u64; 2] = [0x5eed, 0xf0110];

impl Side {
    pub fn new() -> Self {
        Self { replay: Replay::new(SEEDS), records: Vec::new() }
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
    pub fn follow(&mut self, journal: &impl Journal) {
        let mut reader =
            journal.reader(self.last().next()).expect("nothing is trimmed that was not followed");
        while let Some(frame) = reader.next_frame().expect("what was durable can be read") {
            for (number, record) in frame.records() {
                self.take(number, record);
            }
        }
    }

    /// Reads everything again after a restart: what was durable is what it was. Gives the last number that was written
    /// in `incarnation` or before it.
    pub fn read_again(&mut self, journal: &impl Journal, incarnation: u32) -> Sequence {
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
                    None => self.take(number, record),
                }
            }
        }
        last
    }

    fn take(&mut self, number: Sequence, record: &[u8]) {
        self.replay.record(number, record).unwrap_or_else(|error| panic!("the side: {error}"));
        self.records.push(record.to_vec());
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
            for index in 0..there.slot_count() {
                assert_eq!(here.spec(index), there.spec(index), "slot {index} of shard {number}");
                assert_eq!(here.first_deadline(index), there.first_deadline(index), "slot {index}");
            }
            let place = usize::from(number);
            let (here, there) = (state.lock_visitors(place), live.lock_visitors(place));
            assert!(here.iter().eq(there.iter()), "the visitors of shard {number}");
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
