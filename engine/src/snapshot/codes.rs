//! Access codes in a snapshot: writing and reading, item by item, beside each other.
//!
//! Kept are what sales say of codes, waves, codes with what they hold, and which carts were made with one; the index by hash
//! and the digests are made again, and the digests compared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bytes::{Odd, put_postcard};
use super::chunks::{ChunkReader, ChunkWriter};
use crate::codes::{Code, CodeHash, CodeRef, CodeTerms, Coded, Reserved, Wave};
use crate::ids::{CartId, SaleIx, SlotRef};
use crate::journal::StorageError;
use crate::ports::DiskFile;
use crate::state::{Alone, Held, State};
use crate::time::Timestamp;

/// The beginning: what sales say, and all waves.
#[derive(Serialize, Deserialize)]
struct Head {
    terms: Vec<(SaleIx, CodeTerms)>,
    waves: u32,
}

/// The beginning of a shard.
#[derive(Serialize, Deserialize)]
struct ShardHead {
    codes: u32,
    coded: u32,
    digest: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedCode {
    hash: CodeHash,
    until: Option<Timestamp>,
    wave: u32,
    revoked: bool,
    carts: Vec<u64>,
    reserved: Vec<(SlotRef, u32, u16, u8)>,
}

type SavedCoded = (u8, u32, CodeRef, bool);

fn terms(state: &mut Alone<'_>) -> Vec<(SaleIx, CodeTerms)> {
    let sales = (0..).map(SaleIx).zip(&state.catalog().sales);
    sales.filter_map(|(sale, record)| Some((sale, (**record.rules.codes.as_ref()?).clone()))).collect()
}

/// Whether there is anything to keep.
pub fn any(state: &mut Alone<'_>) -> bool {
    !state.codes(0).waves().is_empty() || !terms(state).is_empty()
}

/// Writes what stands before the shards.
pub fn save_head<F: DiskFile>(state: &mut Alone<'_>, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let terms = terms(state);
    let waves: Vec<Arc<Wave>> = state.codes(0).waves().to_vec();
    let head = Head { terms, waves: u32::try_from(waves.len()).unwrap_or(u32::MAX) };
    out.item(|out| put_postcard(out, &head))?;
    for wave in &waves {
        out.item(|out| put_postcard(out, &**wave))?;
    }
    Ok(())
}

/// Writes the next codes of a shard, and gives where to go on; none at the end.
pub fn save<F: DiskFile>(
    state: &mut Alone<'_>,
    number: u8,
    from: u32,
    out: &mut ChunkWriter<F>,
) -> Result<Option<(u8, u32)>, StorageError> {
    if from == 0 {
        // Which carts of the inventory shard of that number were made with a code, wherever the code lives.
        let mut coded: Vec<(u32, Coded)> =
            state.shard(number).coded.iter().map(|(index, coded)| (*index, *coded)).collect();
        coded.sort_unstable_by_key(|(index, _)| *index);
        let codes = state.codes(number);
        let count = u32::try_from(coded.len()).unwrap_or(u32::MAX);
        let head = ShardHead { codes: codes.len(), coded: count, digest: codes.digest.0 };
        out.item(|out| put_postcard(out, &head))?;
        for (index, Coded { code, reserves }) in coded {
            let saved: SavedCoded = (number, index, code, reserves);
            out.item(|out| put_postcard(out, &saved))?;
        }
    }
    let before = out.chunks();
    let codes = state.codes(number);
    for index in from..codes.len() {
        let code = codes.code(index);
        let saved = SavedCode {
            hash: code.hash(),
            until: code.ends(),
            wave: code.wave,
            revoked: code.revoked,
            carts: code.carts.iter().map(|cart| cart.0).collect(),
            reserved: code
                .reserved
                .iter()
                .map(|units| (units.slot, units.node, units.quantity, units.ordinal))
                .collect(),
        };
        out.item(|out| put_postcard(out, &saved))?;
        if out.chunks() > before && index + 1 < codes.len() {
            return Ok(Some((number, index + 1)));
        }
    }
    Ok((number + 1 < state.shards()).then_some((number + 1, 0)))
}

/// Reads all codes into a state whose catalog, carts and holds are there already.
pub fn restore<F: DiskFile>(from: &mut ChunkReader<F>, state: &mut State) -> Result<(), StorageError> {
    let Head { terms, waves } = from.item(|take| take.postcard())?;
    let mut state = state.alone();
    let shards = state.shards();
    for _ in 0..waves {
        let wave: Wave = from.item(|take| take.postcard())?;
        let wave = Arc::new(wave);
        for shard in 0..shards {
            state.codes(shard).add_wave(&wave);
        }
    }
    for (sale, codes) in &terms {
        if usize::from(sale.0) >= state.catalog().sales.len() {
            return Err(from.odd(Odd("a sale there is")));
        }
        crate::apply::give_codes(&mut state, *sale, codes);
    }
    for number in 0..shards {
        let ShardHead { codes, coded, digest } = from.item(|take| take.postcard())?;
        for _ in 0..coded {
            let (shard, index, code, reserves): SavedCoded = from.item(|take| take.postcard())?;
            if shard != number || index >= state.shard(number).carts.places() {
                return Err(from.odd(Odd("a cart there is")));
            }
            state.shard(number).coded.insert(index, Coded { code, reserves });
        }
        for _ in 0..codes {
            let saved: SavedCode = from.item(|take| take.postcard())?;
            let nodes = |slot: SlotRef, state: &mut Alone<'_>| {
                if slot.shard < shards { state.shard(slot.shard).expiry.places().0 } else { 0 }
            };
            if saved.reserved.iter().any(|(slot, node, ..)| *node >= nodes(*slot, &mut state)) {
                return Err(from.odd(Odd("a hold there is")));
            }
            let mut code = Code::new(saved.hash, saved.wave, saved.until);
            code.revoked = saved.revoked;
            code.carts = saved.carts.into_iter().map(CartId).collect();
            let units = saved.reserved.into_iter();
            let units =
                units.map(|(slot, node, quantity, ordinal)| Reserved { slot, node, quantity, ordinal });
            code.reserved = units.collect::<SmallVec<[Reserved; 2]>>();
            state.codes(number).add(code);
        }
        if state.codes(number).digest.0 != digest {
            return Err(from.odd(Odd("codes of the digest that was saved")));
        }
    }
    Ok(())
}
