//! Records: what they say, and what becomes of a state to which they are applied.

use onsale_engine::fact::{decode, encode};
use onsale_engine::recovery::Replay;

use super::past::past;

/// The bytes are one record. What is read is the same when it was written and read again.
pub fn fact(bytes: &[u8]) {
    let Ok(fact) = decode(bytes) else { return };
    let mut written = Vec::new();
    encode(&fact, &mut written);
    assert_eq!(decode(&written).as_ref(), Ok(&fact));
}

/// The bytes are records, each after its length, that follow the first so many of a good past. A record is refused, or it
/// is applied: without a panic, and no slot has more units taken than it has. More is not demanded of a record that no
/// engine has written; checksums and digests are there to say that it is one.
pub fn facts(bytes: &[u8]) {
    let Some((&kept, mut rest)) = bytes.split_first() else { return };
    let mut replay = Replay::new([1, 2]);
    for record in past().records.iter().take(usize::from(kept)) {
        replay.record(replay.last().next(), record).expect("the past is good");
    }
    while let Some((&length, after)) = rest.split_first() {
        let (record, next) = after.split_at(usize::from(length).min(after.len()));
        drop(replay.record(replay.last().next(), record));
        rest = next;
    }
    let Some(state) = replay.state() else { return };
    for shard in 0..state.shards() {
        let shard = state.lock_shard(shard);
        for index in 0..shard.slot_count() {
            let slot = shard.slot(index);
            let taken = u64::from(slot.held) + u64::from(slot.sold) + u64::from(slot.blocked);
            assert!(taken <= u64::from(slot.capacity), "slot {index}: {slot:?}");
        }
    }
}
