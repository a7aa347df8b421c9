//! Records: what they say, and what becomes of a state to which they are applied.

use onsale_engine::fact::{decode, encode};
use onsale_engine::invariants;
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
/// is applied and the state is sound.
pub fn facts(bytes: &[u8]) {
    let Some((&kept, mut rest)) = bytes.split_first() else { return };
    let mut replay = Replay::new([1, 2]);
    for record in past().records.iter().take(usize::from(kept)) {
        replay.record(replay.last().next(), record).expect("the past is good");
    }
    let mut applied = false;
    while let Some((&length, after)) = rest.split_first() {
        let (record, next) = after.split_at(usize::from(length).min(after.len()));
        applied |= replay.record(replay.last().next(), record).is_ok();
        rest = next;
    }
    let at = replay.at();
    if let Some(state) = replay.state().filter(|_| applied) {
        invariants::check(state, at).unwrap_or_else(|broken| panic!("{broken}"));
    }
}
