//! What came of what people in lines were told, in a snapshot: a section behind the lines, only if anybody was told anything
//! or has turned a dial.

use super::bytes::{Odd, put_postcard, put_varint};
use super::chunks::{ChunkReader, ChunkWriter};
use super::save::tag;
use crate::ids::SaleIx;
use crate::journal::StorageError;
use crate::ports::DiskFile;
use crate::state::{Alone, Held, State};
use crate::time::Timestamp;
use crate::waiting_room::{Grade, LineShard};

/// Of one line: its sale, when a dial was last turned, and its lanes.
type Item = (SaleIx, Timestamp, Vec<Grade>);

fn all(state: &mut Alone<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for shard in 0..state.shards() {
        for (sale, line) in &state.lines(usize::from(shard)).lines {
            let grades: Vec<Grade> = line.lanes.iter().map(|lane| lane.grade).collect();
            let said = grades.iter().any(|grade| *grade != Grade::default());
            if said || line.turned_at != Timestamp::default() {
                items.push((*sale, line.turned_at, grades));
            }
        }
    }
    items
}

/// Writes the section, if there is anything to say.
pub fn save<F: DiskFile>(state: &mut Alone<'_>, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let items = all(state);
    if items.is_empty() {
        return Ok(());
    }
    out.item(|out| {
        out.push(tag::GRADES);
        put_varint(out, items.len() as u64);
    })?;
    for item in &items {
        out.item(|out| put_postcard(out, item))?;
    }
    Ok(())
}

/// Reads it behind its opening byte into a state whose lines are there already.
pub fn restore<F: DiskFile>(from: &mut ChunkReader<F>, state: &mut State) -> Result<(), StorageError> {
    let count: u32 = from.item(|take| take.small())?;
    for _ in 0..count {
        let (sale, turned_at, grades): Item = from.item(|take| take.postcard())?;
        let mut alone = state.alone();
        let shard = LineShard::of(sale, alone.shards());
        let LineShard { lines, digest, .. } = alone.lines(shard);
        let Some(line) = lines.get_mut(&sale).filter(|line| line.lanes.len() == grades.len()) else {
            return Err(from.odd(Odd("the grades of a line there is")));
        };
        line.turned_at = turned_at;
        for ((number, lane), grade) in (0_u8..).zip(&mut line.lanes).zip(grades) {
            digest.add(grade.digest(number));
            lane.grade = grade;
        }
    }
    Ok(())
}
