//! From a snapshot's items to a state: the same indices handed out next, the same digests, the same order of due holds.
//!
//! The checksums say that the items are as they were written; what is checked here (places in bounds, held units equal
//! to the holds', each shard's digest) says that what was written was a state.

use std::sync::Arc;

use super::bytes::{Odd, Take};
use super::chunks::{ChunkReader, Head};
use super::save::{HAS_END, HAS_EXTRA, HAS_NOTES, HAS_RELEASE, HAS_START, tag};
use crate::carts::{Cart, Item, Stage};
use crate::catalog::{Catalog, Heartbeat, Place, SaleRecord};
use crate::expiry::{Expiry, Node};
use crate::fact::Configuration;
use crate::ids::{CartId, ChannelIx, CustomerHash, SaleIx, SlotRef};
use crate::inventory::{ALWAYS, GroupKey, SavedSlot, Shard};
use crate::journal::StorageError;
use crate::keys::{KeyRecord, KeyShard};
use crate::names::{Listing, Names};
use crate::ports::DiskFile;
use crate::request::Notes;
use crate::sale::{SaleRules, SaleView};
use crate::state::{Held, MAX_SHARDS, State};
use crate::time::{Timestamp, WallTime};
use crate::visitors::{FOR_EVER, VisitorCart, VisitorCarts, VisitorShard};

/// Reads a whole state.
pub fn restore<F: DiskFile>(from: &mut ChunkReader<F>, names: Names) -> Result<State, StorageError> {
    let Head { shards, .. } = *from.head();
    if !(1..=MAX_SHARDS).contains(&shards) {
        return Err(from.odd(Odd("1 to 64 shards")));
    }
    let mut state = State::with_names(shards, names);
    catalog(from, &mut state)?;
    let (configuration, sales) = {
        let catalog = state.lock_catalog();
        let sales: Vec<_> = catalog.sales.iter().map(|sale| Arc::clone(&sale.rules)).collect();
        (catalog.configuration, sales)
    };
    for number in 0..shards {
        let mut shard = Shard::default();
        for (sale, rules) in (0..).map(SaleIx).zip(&sales) {
            shard.set_rules(sale, rules);
        }
        slots(from, &mut shard, number, &state.names)?;
        carts(from, &mut shard, number)?;
        *state.alone().shard(number) = shard;
        visitors(from, state.alone().visitors(usize::from(number)), number)?;
        let keys = state.alone();
        keys_of(from, keys, number, shards, configuration.as_ref())?;
    }
    rest(from, &mut state)?;
    from.end()?;
    Ok(state)
}

/// The sections that are there only if there is something to say, in the order of their tags, and the end.
fn rest<F: DiskFile>(from: &mut ChunkReader<F>, state: &mut State) -> Result<(), StorageError> {
    let mut last = tag::KEYS;
    loop {
        let section = from.item(|take| take.byte())?;
        if section <= last {
            return Err(from.odd(Odd("another section")));
        }
        match section {
            tag::LINES => {
                let count = from.item(|take| take.small())?;
                super::lines::restore(from, state, count)?;
            }
            tag::GRADES => super::grades::restore(from, state)?,
            tag::TOKENS => {
                let count = from.item(|take| take.small())?;
                super::tokens::restore(from, state, count)?;
            }
            tag::END => return Ok(()),
            _ => return Err(from.odd(Odd("another section"))),
        }
        last = section;
    }
}

fn section<F: DiskFile>(from: &mut ChunkReader<F>, tag: u8, number: Option<u8>) -> Result<(), StorageError> {
    from.item(|take| {
        if take.byte()? != tag || number.is_some_and(|number| take.byte() != Ok(number)) {
            return Err(Odd("another section"));
        }
        Ok(())
    })
}

/// A section's opening and the counts it says. They are written as one item and read as several: an item is never cut.
fn counts<F: DiskFile, const N: usize>(from: &mut ChunkReader<F>) -> Result<[u32; N], StorageError> {
    let mut counts = [0; N];
    for count in &mut counts {
        *count = from.item(|take| take.small())?;
    }
    Ok(counts)
}

type CatalogHead = (u8, Option<WallTime>, Option<Configuration>, Option<Heartbeat>);

fn catalog<F: DiskFile>(from: &mut ChunkReader<F>, state: &mut State) -> Result<(), StorageError> {
    section(from, tag::CATALOG, None)?;
    let (partition, founded, configuration, heartbeat): CatalogHead = from.item(|take| take.postcard())?;
    let [channels, sales, places] = counts(from)?;
    let mut catalog = Catalog {
        partition,
        founded,
        configuration,
        heartbeat,
        places_of_shard: vec![0; usize::from(state.shards())],
        ..Catalog::default()
    };
    for _ in 0..channels {
        catalog.channels.push(from.item(|take| take.text().map(str::to_owned))?);
    }
    for _ in 0..sales {
        let (revision, rules): (u64, SaleRules) = from.item(|take| take.postcard())?;
        catalog.sales.push(SaleRecord { revision, rules: Arc::new(rules) });
    }
    for _ in 0..places {
        let (place, shard): (Place, u8) = from.item(|take| take.postcard())?;
        let Some(count) = catalog.places_of_shard.get_mut(usize::from(shard)) else {
            return Err(from.odd(Odd("a place in a shard there is")));
        };
        *count += 1;
        state.names.add_venue(place.0, &place.1, place.2.as_deref(), shard);
        catalog.places.insert(place, shard);
    }
    let view = |sale: &SaleRecord| SaleView { rules: Arc::clone(&sale.rules), revision: sale.revision };
    let channels = catalog.channels.iter().map(|channel| Arc::from(channel.as_str())).collect();
    state.names.set_listing(Listing::new(catalog.sales.iter().map(view).collect(), channels));
    *state.alone().catalog() = catalog;
    Ok(())
}

fn places<F: DiskFile>(from: &mut ChunkReader<F>, most: u32, count: u32) -> Result<Vec<u32>, StorageError> {
    let mut places = Vec::new();
    for _ in 0..count {
        let place = from.item(|take| take.small())?;
        if place >= most || count > most {
            return Err(from.odd(Odd("a place there is")));
        }
        places.push(place);
    }
    Ok(places)
}

fn slots<F: DiskFile>(
    from: &mut ChunkReader<F>,
    shard: &mut Shard,
    number: u8,
    names: &Names,
) -> Result<(), StorageError> {
    section(from, tag::SHARD, Some(number))?;
    let [interned, groups, slots, nodes, free] = counts(from)?;
    for _ in 0..interned {
        let name = from.item(|take| take.text().map(str::to_owned))?;
        shard.names.number(&name);
    }
    for _ in 0..groups {
        let (sale, venue, product, day, section) = from.item(|take| take.postcard())?;
        let sales: &[_] = &shard.sales;
        let SaleIx(index) = sale;
        let known = usize::from(index) < sales.len() && venue < interned;
        if !known || !shard.restore_group(GroupKey { sale, venue, product, day, section }) {
            return Err(from.odd(Odd("a new group")));
        }
    }
    let free = places(from, nodes, free)?;
    let live = nodes as usize - free.len();
    shard.expiry = Expiry::restore(nodes, free);
    let mut holds = 0;
    for index in 0..slots {
        holds += slot(from, shard, SlotRef { shard: number, index }, nodes, names)?;
    }
    if holds != live {
        return Err(from.odd(Odd("as many holds as places in use")));
    }
    Ok(())
}

fn slot<F: DiskFile>(
    from: &mut ChunkReader<F>,
    shard: &mut Shard,
    place: SlotRef,
    nodes: u32,
    names: &Names,
) -> Result<usize, StorageError> {
    let (held, holds): (u32, usize) = from.item(|take| {
        let flags = take.byte()?;
        let group = take.small()?;
        let units = [take.small()?, take.small()?, take.small()?, take.small()?];
        let name = take.text()?;
        let mut time = |flag| if flags & flag != 0 { take.wall().map(Some) } else { Ok(None) };
        let (starts_at, ends_at, release) = (time(HAS_START)?, time(HAS_END)?, time(HAS_RELEASE)?);
        let extra = if flags & HAS_EXTRA != 0 { Some(Box::new(take.postcard()?)) } else { None };
        let releases_at = release.unwrap_or(ALWAYS);
        let saved = SavedSlot { group, units, releases_at, name, starts_at, ends_at, extra };
        if !shard.restore_slot(saved) {
            return Err(Odd("a slot whose units fit"));
        }
        names.add_slot(shard.slot(place.index).sale, name, place);
        Ok((units[1], take.small()?))
    })?;
    let mut units = 0;
    for _ in 0..holds {
        let (at, node) = from.item(|take| {
            let at: u32 = take.small()?;
            let deadline = take.time()?;
            let (cart_shard, ordinal) = (take.byte()?, take.byte()?);
            let (cart_index, quantity): (u32, u16) = (take.small()?, take.small()?);
            if at >= nodes {
                return Err(Odd("a place there is"));
            }
            Ok((at, Node::new(deadline, u32::from(quantity), cart_shard, cart_index, ordinal)))
        })?;
        units += u64::from(node.quantity);
        shard.restore_hold(place.index, at, node);
    }
    if units != u64::from(held) {
        return Err(from.odd(Odd("as many units in holds as are held")));
    }
    Ok(holds)
}

fn carts<F: DiskFile>(from: &mut ChunkReader<F>, shard: &mut Shard, number: u8) -> Result<(), StorageError> {
    section(from, tag::CARTS, Some(number))?;
    let [carts, free] = counts(from)?;
    let digest = from.item(|take| take.fixed().map(u64::from_le_bytes))?;
    let free = places(from, carts, free)?;
    for index in 0..carts {
        let (cart, notes) = from.item(cart)?;
        if cart.stage != Stage::Free {
            shard.digest.add(cart.digest(index));
        }
        if let Some(notes) = notes {
            if let Some(reference) = &notes.reference {
                let name = (cart.sale, reference.as_str().into());
                shard.references.entry(name).or_default().push(index);
            }
            shard.notes.insert(index, Arc::new(notes));
        }
        shard.carts.push(cart);
    }
    shard.carts.restore_free(free);
    if shard.digest.0 != digest {
        return Err(from.odd(Odd("a shard of the digest that was saved")));
    }
    Ok(())
}

fn cart(take: &mut Take<'_>) -> Result<(Cart, Option<Notes>), Odd> {
    let first = take.byte()?;
    let stage = match first & !HAS_NOTES {
        0 => Stage::Free,
        1 => Stage::Open,
        2 => Stage::Ordered,
        3 => Stage::Lapsed,
        4 => Stage::Abandoned,
        _ => return Err(Odd("a stage of a cart")),
    };
    let generation = take.small()?;
    let mut blank =
        Cart::new(generation, SaleIx(0), ChannelIx(0), CustomerHash(0), Timestamp(0), Timestamp(0));
    if stage == Stage::Free {
        blank.stage = stage;
        return Ok((blank, None));
    }
    let (sale, channel) = (SaleIx(take.small()?), ChannelIx(take.small()?));
    let [version, bundles, confirmed] = take.fixed()?;
    let customer = CustomerHash(u128::from_le_bytes(take.fixed()?));
    let (deadline, hard_deadline) = (take.time()?, take.time()?);
    let mut cart = Cart::new(generation, sale, channel, customer, deadline, hard_deadline);
    (cart.stage, cart.version, cart.bundles, cart.confirmed) = (stage, version, bundles, confirmed);
    for _ in 0..take.varint()? {
        let (slot, node, quantity) = (take.small()?, take.small()?, take.small()?);
        let [shard, bundle, came, gone] = take.fixed()?;
        cart.items.push(Item { slot, node, quantity, shard, bundle, came, gone });
    }
    let notes = if first & HAS_NOTES != 0 { Some(take.postcard()?) } else { None };
    Ok((cart, notes))
}

fn visitors<F: DiskFile>(
    from: &mut ChunkReader<F>,
    visitors: &mut VisitorShard,
    number: u8,
) -> Result<(), StorageError> {
    section(from, tag::VISITORS, Some(number))?;
    let [count, free] = counts(from)?;
    let free = places(from, count, free)?;
    for _ in 0..count {
        from.item(|take| {
            let carts = take.varint()?;
            if carts == 0 {
                visitors.restore(CustomerHash(0), SaleIx(0), &[]);
                return Ok(());
            }
            let sale = SaleIx(take.small()?);
            let customer = CustomerHash(u128::from_le_bytes(take.fixed()?));
            let mut entries = VisitorCarts::new();
            for _ in 0..carts {
                let cart = CartId(u64::from_le_bytes(take.fixed()?));
                let packed = take.varint()?;
                let until = if packed & 1 == 1 { FOR_EVER } else { take.time()? };
                let units = u32::try_from(packed >> 1).map_err(|_| Odd("a number of units"))?;
                entries.push(VisitorCart { cart, until, units });
            }
            visitors.restore(customer, sale, &entries);
            Ok(())
        })?;
    }
    visitors.restore_free(free);
    Ok(())
}

fn keys_of<F: DiskFile>(
    from: &mut ChunkReader<F>,
    mut state: crate::state::Alone<'_>,
    number: u8,
    shards: u8,
    configuration: Option<&Configuration>,
) -> Result<(), StorageError> {
    section(from, tag::KEYS, Some(number))?;
    let [count] = counts(from)?;
    let keys: &mut KeyShard = state.keys(usize::from(number));
    if let Some(configuration) = configuration {
        keys.configure(configuration, shards);
    }
    for _ in 0..count {
        let record = from.item(|take| take.fixed().map(|bytes| KeyRecord::from_bytes(&bytes)))?;
        keys.restore(record);
    }
    Ok(())
}
