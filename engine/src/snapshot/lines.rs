//! The lines of waiting rooms in a snapshot: writing and reading, item by item, beside each other.
//!
//! Kept are tickets, stays and what was published; the order of the draw, the index of people and the digests are made again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::{Odd, Take, put_postcard, put_time, put_varint};
use super::chunks::{ChunkReader, ChunkWriter};
use crate::ids::SaleIx;
use crate::journal::StorageError;
use crate::ports::DiskFile;
use crate::sale::SaleRules;
use crate::state::{Alone, Held, State};
use crate::time::{Timestamp, WallTime};
use crate::waiting_room::draw::{Registrations, RunningDigest, Seed};
use crate::waiting_room::{
    Beacon, Credit, Dials, First, LaneLine, Line, LineShard, Minute, Mode, Ramp, RoomRules, Row, Span,
    Standing, Stay, TicketKey,
};

/// All of a line but its lists.
#[derive(Serialize, Deserialize)]
struct LineHead {
    sale: SaleIx,
    id: String,
    secrets: ([u8; 32], [u8; 32]),
    made: WallTime,
    opens_at: Option<WallTime>,
    rules: RoomRules,
    /// Whether the sale has the room now; if not, the line only remembers.
    in_use: bool,
    mode: Mode,
    dials: Dials,
    ramp: Option<Ramp>,
    version: u64,
    message: Option<String>,
    closed: Option<WallTime>,
    beacon: Option<Beacon>,
    drawn: Option<WallTime>,
    credit: Credit,
    admitted: u64,
    minutes: u32,
    changes: u32,
    stays: u32,
    lanes: u8,
}

#[derive(Serialize, Deserialize)]
struct LaneHead {
    registered: Vec<u8>,
    turns: u32,
    called: u64,
    back: Vec<u32>,
    tickets: u32,
}

/// Where the next slice of the lines goes on: lock, line under it, lane of it, ticket of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    shard: u8,
    line: usize,
    lane: u8,
    ticket: u32,
}

/// How many lines there are.
pub fn count(state: &mut Alone<'_>) -> usize {
    (0..state.shards()).map(|shard| state.lines(usize::from(shard)).lines.len()).sum()
}

/// Writes the next tickets of the line at `place`, and gives the place behind them; none at the end.
pub fn save<F: DiskFile>(
    state: &mut Alone<'_>,
    place: Place,
    out: &mut ChunkWriter<F>,
) -> Result<Option<Place>, StorageError> {
    let Place { shard, line: nth, lane, ticket } = place;
    if shard >= state.shards() {
        return Ok(None);
    }
    let sales: Vec<SaleIx> = state.lines(usize::from(shard)).lines.keys().copied().collect();
    let Some(sale) = sales.get(nth).copied() else {
        return Ok(Some(Place { shard: shard + 1, ..Place::default() }));
    };
    let in_use =
        state.catalog().sales.get(usize::from(sale.0)).is_some_and(|record| record.rules.room.is_some());
    let Some(line) = state.lines(usize::from(shard)).lines.get(&sale) else { return Ok(None) };
    if lane == 0 && ticket == 0 {
        line_head(sale, line, in_use, out)?;
    }
    let Some(here) = line.lanes.get(usize::from(lane)) else {
        return Ok(Some(Place { shard, line: nth + 1, ..Place::default() }));
    };
    if ticket == 0 {
        lane_head(here, out)?;
    }
    let before = out.chunks();
    for number in ticket..here.len() {
        let Some(row) = here.row(number) else { break };
        out.item(|out| put_row(out, row))?;
        if out.chunks() > before && number + 1 < here.len() {
            return Ok(Some(Place { ticket: number + 1, ..place }));
        }
    }
    Ok(Some(Place { lane: lane + 1, ticket: 0, ..place }))
}

fn line_head<F: DiskFile>(
    sale: SaleIx,
    line: &Line,
    in_use: bool,
    out: &mut ChunkWriter<F>,
) -> Result<(), StorageError> {
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let head = LineHead {
        sale,
        id: line.sale.clone(),
        secrets: (line.seed.0, line.key.0),
        made: line.made,
        opens_at: line.opens_at,
        rules: line.rules.clone(),
        in_use,
        mode: line.mode,
        dials: line.dials,
        ramp: line.ramp,
        version: line.version,
        message: line.message.clone(),
        closed: line.closed,
        beacon: line.beacon.clone(),
        drawn: line.drawn,
        credit: line.credit,
        admitted: line.admitted,
        minutes: small(line.minutes.len()),
        changes: small(line.changes.len()),
        stays: line.inside.active(),
        lanes: u8::try_from(line.lanes.len()).unwrap_or(u8::MAX),
    };
    out.item(|out| put_postcard(out, &head))?;
    for minute in &line.minutes {
        let Registrations { count, digest } = minute.registrations;
        out.item(|out| put_postcard(out, &(minute.wall, count, digest, &minute.by_lane)))?;
    }
    for change in &line.changes {
        out.item(|out| put_postcard(out, change))?;
    }
    for (ticket, stay, until) in line.inside.iter() {
        out.item(|out| {
            put_varint(out, u64::from(ticket) << 1 | u64::from(stay == Stay::Session));
            put_time(out, until);
        })?;
    }
    Ok(())
}

fn lane_head<F: DiskFile>(lane: &LaneLine, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let head = LaneHead {
        registered: lane.registered.to_bytes().to_vec(),
        turns: lane.turns,
        called: lane.called,
        back: lane.back.iter().copied().collect(),
        tickets: lane.len(),
    };
    out.item(|out| put_postcard(out, &head))
}

fn put_row(out: &mut Vec<u8>, row: &Row) {
    let known = row.person() != 0;
    let first = row.first();
    out.push(row.standing as u8 | u8::from(known) << 7 | u8::from(first.is_some()) << 6);
    put_varint(out, u64::from(row.joined));
    if let Some(First { shown, low, high }) = first {
        out.extend_from_slice(&shown.to_le_bytes());
        out.extend_from_slice(&low.bits().to_le_bytes());
        out.extend_from_slice(&high.bits().to_le_bytes());
    }
    if known {
        out.extend_from_slice(&row.person().to_le_bytes());
    }
}

fn row(take: &mut Take<'_>) -> Result<Row, Odd> {
    let first = take.byte()?;
    let standing = Standing::of(first & 0x3f).ok_or(Odd("where a ticket stands"))?;
    let joined = take.small()?;
    let shown = if first & 0x40 != 0 {
        let shown = u32::from_le_bytes(take.fixed()?);
        let [low, high] = [take.fixed()?, take.fixed()?].map(u16::from_le_bytes).map(Span::from_bits);
        Some(First { shown, low, high }).filter(|first| low <= high && !first.high.is_zero())
    } else {
        None
    };
    if first & 0x40 != 0 && shown.is_none() {
        return Err(Odd("a range"));
    }
    let person = if first & 0x80 != 0 { u128::from_le_bytes(take.fixed()?) } else { 0 };
    let mut row = Row::new(person, joined);
    row.standing = standing;
    if let Some(shown) = shown {
        row.show(shown);
    }
    Ok(row)
}

/// Reads all lines into a state whose catalog is there already.
pub fn restore<F: DiskFile>(
    from: &mut ChunkReader<F>,
    state: &mut State,
    lines: usize,
) -> Result<(), StorageError> {
    for _ in 0..lines {
        let head: LineHead = from.item(|take| take.postcard())?;
        let sale = head.sale;
        let known = state.lock_catalog().sales.get(usize::from(sale.0)).map(|record| record.rules.clone());
        let Some(rules) = known.filter(|_| head.rules.check().is_ok()) else {
            return Err(from.odd(Odd("a line of a sale there is")));
        };
        let in_use = head.in_use.then(|| head.rules.clone());
        let (line, digest) = line(from, head, &rules)?;
        let mut alone = state.alone();
        let shard = LineShard::of(sale, alone.shards());
        let shard = alone.lines(shard);
        shard.digest.add(digest);
        if shard.lines.insert(sale, line).is_some() {
            return Err(from.odd(Odd("one line a sale")));
        }
        if let Some(room) = in_use {
            crate::apply::give_room(&mut alone, sale, &room);
        }
    }
    Ok(())
}

fn line<F: DiskFile>(
    from: &mut ChunkReader<F>,
    head: LineHead,
    rules: &Arc<SaleRules>,
) -> Result<(Line, u64), StorageError> {
    let (seed, key) = head.secrets;
    let mut line = Line::new(rules, &head.rules, Seed(seed), TicketKey(key), head.made);
    (line.sale, line.opens_at, line.mode, line.dials) = (head.id, head.opens_at, head.mode, head.dials);
    (line.message, line.credit, line.admitted) = (head.message, head.credit, head.admitted);
    (line.ramp, line.version) = (head.ramp, head.version);
    for _ in 0..head.minutes {
        let (wall, count, digest, by_lane) = from.item(|take| take.postcard())?;
        line.minutes.push(Minute { wall, registrations: Registrations { count, digest }, by_lane });
    }
    for _ in 0..head.changes {
        line.changes.push_back(from.item(|take| take.postcard())?);
    }
    for _ in 0..head.stays {
        let (packed, until): (u64, Timestamp) = from.item(|take| Ok((take.varint()?, take.time()?)))?;
        let stay = if packed & 1 == 1 { Stay::Session } else { Stay::Called };
        let ticket = u32::try_from(packed >> 1).map_err(|_| from.odd(Odd("a ticket")))?;
        line.inside.set(ticket, stay, until);
    }
    let mut digest = 0_u64;
    for lane in 0..head.lanes {
        let LaneHead { registered, turns, called, back, tickets } = from.item(|take| take.postcard())?;
        let (Ok(registered), true) = (registered.try_into(), usize::from(lane) < line.lanes.len()) else {
            return Err(from.odd(Odd("a lane there is")));
        };
        line.restore_registered(lane, RunningDigest::from_bytes(&registered));
        for number in 0..tickets {
            let row = from.item(row)?;
            digest = digest.wrapping_add(row.digest(lane, number));
            line.restore_row(lane, row);
        }
        let here = &mut line.lanes[usize::from(lane)];
        (here.turns, here.called, here.back) = (turns, called, back.into());
        if turns > tickets || here.registered.count() > tickets {
            return Err(from.odd(Odd("no more turns than tickets")));
        }
    }
    (line.closed, line.beacon) = (head.closed, head.beacon);
    if let Some(wall) = head.drawn {
        line.restore_draw(wall);
    }
    Ok((line, digest))
}
