//! The enqueue tokens that made places, in a snapshot: writing and reading beside each other. A state without any says
//! nothing of them, so that its snapshot is the same as before there were any.

use super::bytes::{Odd, put_varint};
use super::chunks::{ChunkReader, ChunkWriter};
use crate::ids::SaleIx;
use crate::journal::StorageError;
use crate::ports::DiskFile;
use crate::state::{Alone, Held, State};
use crate::waiting_room::{LineShard, unpacked};

/// Where the next slice goes on: lock, line under it, behind which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    shard: u8,
    line: usize,
    after: Option<u128>,
}

/// How many there are.
pub fn count(state: &mut Alone<'_>) -> usize {
    let shards = 0..state.shards();
    shards
        .map(|shard| {
            state.lines(usize::from(shard)).lines.values().map(|line| line.tokens.len()).sum::<usize>()
        })
        .sum()
}

/// Writes the next tokens, and gives the place behind them; none at the end.
pub fn save<F: DiskFile>(
    state: &mut Alone<'_>,
    place: Place,
    out: &mut ChunkWriter<F>,
) -> Result<Option<Place>, StorageError> {
    let Place { shard, line: nth, after } = place;
    if shard >= state.shards() {
        return Ok(None);
    }
    let Some((sale, line)) = state.lines(usize::from(shard)).lines.iter().nth(nth) else {
        return Ok(Some(Place { shard: shard + 1, ..Place::default() }));
    };
    let before = out.chunks();
    let rest = after.map_or(0, |after| after.saturating_add(1))..;
    for (token, ticket) in line.tokens.range(rest) {
        out.item(|out| {
            put_varint(out, u64::from(sale.0));
            put_varint(out, u64::from(*ticket));
            out.extend_from_slice(&token.to_le_bytes());
        })?;
        if out.chunks() > before && *token < u128::MAX {
            return Ok(Some(Place { after: Some(*token), ..place }));
        }
    }
    Ok(Some(Place { line: nth + 1, after: None, ..place }))
}

/// Reads so many into a state whose lines are there already.
pub fn restore<F: DiskFile>(
    from: &mut ChunkReader<F>,
    state: &mut State,
    tokens: usize,
) -> Result<(), StorageError> {
    for _ in 0..tokens {
        let (sale, ticket, token): (u16, u32, [u8; 16]) =
            from.item(|take| Ok((take.small()?, take.small()?, take.fixed()?)))?;
        let (sale, (lane, number)) = (SaleIx(sale), unpacked(ticket));
        let mut alone = state.alone();
        let shard = LineShard::of(sale, alone.shards());
        let LineShard { lines, digest, .. } = alone.lines(shard);
        let line = lines.get_mut(&sale).filter(|line| line.row(lane, number).is_some());
        let Some(line) = line else { return Err(from.odd(Odd("a token's ticket"))) };
        if line.tokens.contains_key(&u128::from_le_bytes(token)) {
            return Err(from.odd(Odd("a token once")));
        }
        line.bind_token(digest, lane, number, u128::from_le_bytes(token));
    }
    Ok(())
}
