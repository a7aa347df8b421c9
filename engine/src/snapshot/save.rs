//! A state as items, in one order, in slices: a cursor says where the next slice goes on. Between two slices the state
//! must not change.
//!
//! Kept is what cannot be made again: see `docs/snapshot-format.md` for each item's bytes. Made again by `restore` are
//! counters, ranks, digests (which are compared), indices by name, links of lists and the ticker's schedule.

use super::bytes::{put_postcard, put_text, put_time, put_varint, put_wall};
use super::chunks::ChunkWriter;
use super::{grades, lines, tokens};
use crate::carts::{Cart, Stage};
use crate::inventory::{ALWAYS, Shard};
use crate::journal::StorageError;
use crate::keys::KeyShard;
use crate::ports::DiskFile;
use crate::state::{Alone, Held};
use crate::visitors::{FOR_EVER, VisitorShard};

/// Opens each section, so that a reader who lost its place says so.
pub(super) mod tag {
    pub const CATALOG: u8 = 1;
    pub const SHARD: u8 = 2;
    pub const CARTS: u8 = 3;
    pub const VISITORS: u8 = 4;
    pub const KEYS: u8 = 5;
    /// Only in a state that has any.
    pub const LINES: u8 = 6;
    pub const GRADES: u8 = 7;
    /// Only in a state that has any.
    pub const TOKENS: u8 = 8;
    pub const END: u8 = 255;
}

pub(super) const HAS_START: u8 = 1;
pub(super) const HAS_END: u8 = 2;
pub(super) const HAS_RELEASE: u8 = 4;
pub(super) const HAS_EXTRA: u8 = 8;
pub(super) const HAS_NOTES: u8 = 0x80;

/// Where the next slice goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Catalog,
    Slots(u8, u32),
    Carts(u8, u32),
    Visitors(u8, u32),
    Keys(u8, u32),
    LinesHead,
    Lines(lines::Place),
    Grades,
    TokensHead,
    Tokens(tokens::Place),
    End,
    Done,
}

/// The way through a state. See the module.
#[derive(Clone, Copy, Debug)]
pub struct Saver(Part);

impl Saver {
    /// From the beginning.
    pub fn new() -> Self {
        Self(Part::Catalog)
    }

    /// Writes the next items, until a chunk is full. False when there are no more.
    pub fn slice<F: DiskFile>(
        &mut self,
        state: &mut Alone<'_>,
        out: &mut ChunkWriter<F>,
    ) -> Result<bool, StorageError> {
        let before = out.chunks();
        while self.0 != Part::Done && out.chunks() == before {
            self.0 = self.part(state, out)?;
        }
        Ok(self.0 != Part::Done)
    }

    fn part<F: DiskFile>(
        &self,
        state: &mut Alone<'_>,
        out: &mut ChunkWriter<F>,
    ) -> Result<Part, StorageError> {
        let full = out.chunks();
        match self.0 {
            Part::Catalog => {
                catalog(state, out)?;
                Ok(Part::Slots(0, 0))
            }
            Part::Slots(number, from) => {
                let shard = state.shard(number);
                if from == 0 {
                    shard_head(shard, number, out)?;
                }
                for index in from..shard.slot_count() {
                    slot(shard, index, out)?;
                    if out.chunks() > full {
                        return Ok(Part::Slots(number, index + 1));
                    }
                }
                Ok(Part::Carts(number, 0))
            }
            Part::Carts(number, from) => {
                let shard = state.shard(number);
                if from == 0 {
                    carts_head(shard, number, out)?;
                }
                for index in from..shard.carts.places() {
                    cart(shard, index, out)?;
                    if out.chunks() > full {
                        return Ok(Part::Carts(number, index + 1));
                    }
                }
                Ok(Part::Visitors(number, 0))
            }
            Part::Visitors(number, from) => {
                let visitors = state.visitors(usize::from(number));
                if from == 0 {
                    visitors_head(visitors, number, out)?;
                }
                for index in from..visitors.places().0 {
                    visitor(visitors, index, out)?;
                    if out.chunks() > full {
                        return Ok(Part::Visitors(number, index + 1));
                    }
                }
                Ok(Part::Keys(number, 0))
            }
            Part::Keys(number, from) => {
                let next =
                    if number + 1 < state.shards() { Part::Slots(number + 1, 0) } else { Part::LinesHead };
                keys(state.keys(usize::from(number)), number, from, next, out)
            }
            Part::LinesHead => {
                let count = lines::count(state);
                if count == 0 {
                    return Ok(Part::End);
                }
                out.item(|out| {
                    out.push(tag::LINES);
                    put_varint(out, count as u64);
                })?;
                Ok(Part::Lines(lines::Place::default()))
            }
            Part::Lines(place) => Ok(lines::save(state, place, out)?.map_or(Part::Grades, Part::Lines)),
            Part::Grades => {
                grades::save(state, out)?;
                Ok(Part::TokensHead)
            }
            Part::TokensHead => {
                let count = tokens::count(state);
                if count == 0 {
                    return Ok(Part::End);
                }
                out.item(|out| {
                    out.push(tag::TOKENS);
                    put_varint(out, count as u64);
                })?;
                Ok(Part::Tokens(tokens::Place::default()))
            }
            Part::Tokens(place) => Ok(tokens::save(state, place, out)?.map_or(Part::End, Part::Tokens)),
            Part::End => {
                out.item(|out| out.push(tag::END))?;
                Ok(Part::Done)
            }
            Part::Done => Ok(Part::Done),
        }
    }
}

fn catalog<F: DiskFile>(state: &mut Alone<'_>, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let catalog = state.catalog();
    out.item(|out| {
        out.push(tag::CATALOG);
        let head = (catalog.partition, catalog.founded, catalog.configuration, catalog.heartbeat);
        put_postcard(out, &head);
        put_varint(out, catalog.channels.len() as u64);
        put_varint(out, catalog.sales.len() as u64);
        put_varint(out, catalog.places.len() as u64);
    })?;
    for channel in &catalog.channels {
        out.item(|out| put_text(out, channel))?;
    }
    for sale in &catalog.sales {
        out.item(|out| put_postcard(out, &(sale.revision, &*sale.rules)))?;
    }
    for (place, shard) in &catalog.places {
        out.item(|out| put_postcard(out, &(place, shard)))?;
    }
    Ok(())
}

fn shard_head<F: DiskFile>(shard: &Shard, number: u8, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let (places, free) = shard.expiry.places();
    let names = shard.names.iter().count();
    out.item(|out| {
        out.extend_from_slice(&[tag::SHARD, number]);
        put_varint(out, names as u64);
        put_varint(out, shard.groups_in_order().len() as u64);
        put_varint(out, u64::from(shard.slot_count()));
        put_varint(out, u64::from(places));
        put_varint(out, free.len() as u64);
    })?;
    for name in shard.names.iter() {
        out.item(|out| put_text(out, name))?;
    }
    for group in shard.groups_in_order() {
        let key = group.key;
        out.item(|out| put_postcard(out, &(key.sale, key.venue, key.product, key.day, key.section)))?;
    }
    places_list(free, out)
}

fn places_list<F: DiskFile>(places: &[u32], out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    for place in places {
        out.item(|out| put_varint(out, u64::from(*place)))?;
    }
    Ok(())
}

fn slot<F: DiskFile>(shard: &Shard, index: u32, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let (slot, info) = (shard.slot(index), shard.info(index));
    let holds = shard.places_of_holds(index).count();
    out.item(|out| {
        let mut flags = 0;
        for (flag, is) in [
            (HAS_START, info.starts_at.is_some()),
            (HAS_END, info.ends_at.is_some()),
            (HAS_RELEASE, slot.releases_at != ALWAYS),
            (HAS_EXTRA, info.extra.is_some()),
        ] {
            flags |= if is { flag } else { 0 };
        }
        out.push(flags);
        for units in [slot.group, slot.capacity, slot.held, slot.sold, slot.blocked] {
            put_varint(out, u64::from(units));
        }
        put_text(out, shard.slot_name(index));
        let release = (slot.releases_at != ALWAYS).then_some(slot.releases_at);
        for time in [info.starts_at, info.ends_at, release].into_iter().flatten() {
            put_wall(out, time);
        }
        if let Some(extra) = &info.extra {
            put_postcard(out, &**extra);
        }
        put_varint(out, holds as u64);
    })?;
    for place in shard.places_of_holds(index) {
        let node = shard.expiry.node(place);
        out.item(|out| {
            put_varint(out, u64::from(place));
            put_time(out, node.deadline);
            out.extend_from_slice(&[node.cart_shard, node.ordinal]);
            put_varint(out, u64::from(node.cart_index));
            put_varint(out, u64::from(node.quantity));
        })?;
    }
    Ok(())
}

fn carts_head<F: DiskFile>(shard: &Shard, number: u8, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let free = shard.carts.free_places();
    out.item(|out| {
        out.extend_from_slice(&[tag::CARTS, number]);
        put_varint(out, u64::from(shard.carts.places()));
        put_varint(out, free.len() as u64);
        out.extend_from_slice(&shard.digest.0.to_le_bytes());
    })?;
    places_list(free, out)
}

fn cart<F: DiskFile>(shard: &Shard, index: u32, out: &mut ChunkWriter<F>) -> Result<(), StorageError> {
    let cart: &Cart = &shard.carts[index];
    // The map is asked only if it has anything: most shards have no notes at all.
    let notes = if shard.notes.is_empty() { None } else { shard.notes.get(&index) };
    out.item(|out| {
        out.push(cart.stage as u8 | if notes.is_some() { HAS_NOTES } else { 0 });
        put_varint(out, u64::from(cart.generation()));
        if cart.stage == Stage::Free {
            return;
        }
        put_varint(out, u64::from(cart.sale.0));
        put_varint(out, u64::from(cart.channel.0));
        out.extend_from_slice(&[cart.version, cart.bundles, cart.confirmed]);
        out.extend_from_slice(&cart.customer().0.to_le_bytes());
        put_time(out, cart.deadline);
        put_time(out, cart.hard_deadline());
        put_varint(out, cart.items.len() as u64);
        for item in &cart.items {
            put_varint(out, u64::from(item.slot));
            put_varint(out, u64::from(item.node));
            put_varint(out, u64::from(item.quantity));
            out.extend_from_slice(&[item.shard, item.bundle, item.came, item.gone]);
        }
        if let Some(notes) = notes {
            put_postcard(out, &**notes);
        }
    })
}

fn visitors_head<F: DiskFile>(
    visitors: &VisitorShard,
    number: u8,
    out: &mut ChunkWriter<F>,
) -> Result<(), StorageError> {
    let (places, free) = visitors.places();
    out.item(|out| {
        out.extend_from_slice(&[tag::VISITORS, number]);
        put_varint(out, u64::from(places));
        put_varint(out, free.len() as u64);
    })?;
    places_list(free, out)
}

fn visitor<F: DiskFile>(
    visitors: &VisitorShard,
    index: u32,
    out: &mut ChunkWriter<F>,
) -> Result<(), StorageError> {
    let (customer, sale, carts) = visitors.at(index);
    out.item(|out| {
        put_varint(out, carts.len() as u64);
        if carts.is_empty() {
            return;
        }
        put_varint(out, u64::from(sale.0));
        out.extend_from_slice(&customer.0.to_le_bytes());
        for cart in &carts {
            out.extend_from_slice(&cart.cart.0.to_le_bytes());
            put_varint(out, u64::from(cart.units) << 1 | u64::from(cart.until == FOR_EVER));
            if cart.until != FOR_EVER {
                put_time(out, cart.until);
            }
        }
    })
}

fn keys<F: DiskFile>(
    keys: &KeyShard,
    number: u8,
    from: u32,
    next: Part,
    out: &mut ChunkWriter<F>,
) -> Result<Part, StorageError> {
    let full = out.chunks();
    if from == 0 {
        out.item(|out| {
            out.extend_from_slice(&[tag::KEYS, number]);
            put_varint(out, keys.live() as u64);
        })?;
    }
    let mut at = from;
    while let Some(record) = keys.nth(at as usize) {
        out.item(|out| out.extend_from_slice(&record.to_bytes()))?;
        at += 1;
        if out.chunks() > full {
            return Ok(Part::Keys(number, at));
        }
    }
    Ok(next)
}
