//! What must always be true of a whole state, as named checks. Tests run them after every command.
//!
//! [`check`] takes every lock in the one order, so it can be called on a live core between two requests as well as on a
//! state that somebody replays. Nothing in here is fast, and nothing in here changes anything.
//!
//! A hold past its deadline leaves its slot only when somebody settles it, so for such holds the checks allow both: still
//! there, or gone since a time that its shard has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::carts::{Cart, DIVISIBLE, Item, Stage, bundle_number};
use crate::catalog::Catalog;
use crate::codes::{Code, CodeRef, CodeShard, Reserved, owner_of};
use crate::digest::Digest;
use crate::expiry::{Node, Schedule, UNSCHEDULED};
use crate::ids::{CartId, Quantity, SlotRef};
use crate::inventory::{Shard, Stamp};
use crate::keys::KeyShard;
use crate::names::Names;
use crate::outcome::Counts;
use crate::sequence::Sequence;
use crate::state::State;
use crate::sync::MutexGuard;
use crate::time::Timestamp;
use crate::visitors::{FOR_EVER, VisitorCart, VisitorShard};
use crate::waiting_room::LineShard;

/// Something that must always be true and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which invariant.
    pub name: &'static str,
    /// Where, with the values.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

impl std::error::Error for Broken {}

type Check = fn(&Whole<'_>) -> Result<(), String>;

/// Every invariant by name, in the order in which they are asked.
const ALL: [(&str, Check); 14] = [
    ("units are free, held, sold or blocked, and no more than there are", units),
    ("what a slot counts as held is its live holds, in the order they are due", held),
    ("a group counts what its slots count and knows which have something free", groups),
    ("every live hold belongs to one cart's item, and to one only", holds),
    ("an open cart has all of its holds until its deadline", carts),
    ("what a slot counts as sold is what orders have of it", sold),
    ("a bundle is there whole or not at all", bundles),
    ("a visitor has what their carts and orders have", visitors),
    ("the digest is the sum of all slots and carts", digests),
    ("the schedule knows every slot that has holds", schedule),
    ("every key is found, in the order they came, and speaks of a version that was", keys),
    ("names, places and references lead to what they name", names),
    ("everybody in a line stands somewhere, once, and nobody is forgotten", lines),
    ("a code that is good has the holds it says, and a cart one use of one code", codes),
];

/// Asks everything of a state whose last fact was at `at`.
///
/// # Errors
/// The first invariant that does not hold.
pub fn check(state: &State, at: Timestamp) -> Result<(), Broken> {
    let whole = Whole::lock(state, at);
    ALL.iter().try_for_each(|(name, check)| check(&whole).map_err(|why| Broken { name, why }))
}

/// The digests of all inventory shards, at one instant.
#[must_use]
pub fn digests_of(state: &State) -> Vec<u64> {
    Whole::lock(state, Timestamp(0)).shards.iter().map(|shard| shard.digest.0).collect()
}

macro_rules! demand {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}

/// All locks of a state.
struct Whole<'a> {
    visitors: Vec<MutexGuard<'a, VisitorShard>>,
    keys: Vec<MutexGuard<'a, KeyShard>>,
    codes: Vec<MutexGuard<'a, CodeShard>>,
    shards: Vec<MutexGuard<'a, Shard>>,
    lines: Vec<MutexGuard<'a, LineShard>>,
    catalog: MutexGuard<'a, Catalog>,
    names: &'a Names,
    at: Timestamp,
}

/// A live hold by what it belongs to: home shard and index of its cart, and its ordinal there.
type Owner = (u8, u32, u8);

impl<'a> Whole<'a> {
    fn lock(state: &'a State, at: Timestamp) -> Self {
        let count = state.shards();
        Self {
            visitors: (0..count).map(|shard| state.lock_visitors(usize::from(shard))).collect(),
            keys: (0..count).map(|shard| state.lock_keys(usize::from(shard))).collect(),
            codes: (0..count).map(|shard| state.lock_codes(usize::from(shard))).collect(),
            shards: (0..count).map(|shard| state.lock_shard(shard)).collect(),
            lines: (0..count).map(|shard| state.lock_lines(usize::from(shard))).collect(),
            catalog: state.lock_catalog(),
            names: &state.names,
            at,
        }
    }

    /// The latest time somebody had a lock; who replays keeps no stamps, so there it is the time of the last fact.
    fn seen(&self, stamp: &Stamp) -> Timestamp {
        if stamp.sequence == Sequence::ZERO { self.at } else { stamp.at }
    }

    fn slots(&self) -> impl Iterator<Item = (SlotRef, &Shard)> {
        (0_u8..).zip(&self.shards).flat_map(|(number, shard)| {
            (0..shard.slot_count()).map(move |index| (SlotRef { shard: number, index }, &**shard))
        })
    }

    /// Every cart that is not a free place, with its id.
    fn carts(&self) -> impl Iterator<Item = (CartId, &Cart)> {
        let partition = self.catalog.partition;
        (0_u8..).zip(&self.shards).flat_map(move |(number, shard)| {
            (0..shard.carts.places()).filter_map(move |index| {
                let cart = &shard.carts[index];
                let id = CartId::new(partition, number, cart.generation(), index);
                (cart.stage != Stage::Free).then_some((id, cart))
            })
        })
    }

    fn cart(&self, id: CartId) -> Option<&Cart> {
        let cart = self.shards.get(usize::from(id.shard()))?.carts.get(id.index())?;
        (cart.generation() == id.generation() && cart.stage != Stage::Free).then_some(cart)
    }

    fn code(&self, which: CodeRef) -> Option<&Code> {
        self.codes.get(usize::from(which.shard))?.get(which.index)
    }

    /// Whether a hold in a slot's order is the one that a code says.
    fn is_hold(&self, units: &Reserved, place: SlotRef, node: &Node) -> bool {
        units.slot == place
            && units.quantity == node.quantity
            && std::ptr::eq(node, self.shards[usize::from(place.shard)].expiry.node(units.node))
    }

    /// All live holds and their slots, by owner.
    fn live(&self) -> Result<BTreeMap<Owner, (SlotRef, &Node)>, String> {
        let mut live = BTreeMap::new();
        for (place, shard) in self.slots() {
            for node in shard.holds_of(place.index) {
                let owner = (node.cart_shard, node.cart_index, node.ordinal);
                // A cart that was forgotten before its holds were settled can share its place with its successor.
                if let Some((other, _)) = live.insert(owner, (place, node)) {
                    demand!(node.deadline <= self.at, "{owner:?} holds {place:?} and {other:?}");
                }
            }
        }
        Ok(live)
    }
}

fn codes(whole: &Whole<'_>) -> Result<(), String> {
    for (number, shard) in (0_u8..).zip(&whole.codes) {
        shard.sound().map_err(|why| format!("codes {number}: {why}"))?;
        demand!(shard.waves() == whole.codes[0].waves(), "codes {number} know other waves than codes 0");
        for index in 0..shard.len() {
            let code = shard.code(index);
            for units in code.reserved.iter().filter(|_| code.until > whole.at) {
                let there = whole.shards.get(usize::from(units.slot.shard)).is_some_and(|inventory| {
                    units.slot.index < inventory.slot_count()
                        && inventory
                            .holds_of(units.slot.index)
                            .any(|node| std::ptr::eq(node, inventory.expiry.node(units.node)))
                });
                demand!(there, "code {index} of {number} lost {units:?} before {}", code.until);
            }
            for id in &code.carts {
                let Some(cart) = whole.cart(*id) else { continue };
                let coded = whole.shards[usize::from(id.shard())].coded.get(&id.index());
                let which = CodeRef { shard: number, index };
                let known = coded.is_some_and(|coded| coded.code == which);
                demand!(known, "{id:?} ({:?}) of {which:?} is noted as {coded:?}", cart.stage);
            }
        }
    }
    for (number, shard) in whole.shards.iter().enumerate() {
        for (index, coded) in &shard.coded {
            let cart = shard.carts.get(*index).filter(|cart| cart.stage != Stage::Free);
            let id = cart.map(|cart| {
                let home = u8::try_from(number).unwrap_or(u8::MAX);
                CartId::new(whole.catalog.partition, home, cart.generation(), *index)
            });
            let known =
                id.is_some_and(|id| whole.code(coded.code).is_some_and(|code| code.carts.contains(&id)));
            demand!(known, "shard {number}: cart {index} was made with {coded:?}, which does not know it");
        }
    }
    Ok(())
}

fn lines(whole: &Whole<'_>) -> Result<(), String> {
    for (number, shard) in whole.lines.iter().enumerate() {
        let mut digest = Digest::default();
        for (sale, line) in &shard.lines {
            line.sound(&mut digest).map_err(|why| format!("line of sale {}: {why}", sale.0))?;
        }
        demand!(digest == shard.digest, "lines {number}: {:016x}, summed {:016x}", shard.digest.0, digest.0);
    }
    Ok(())
}

fn present(cart: &Cart) -> impl Iterator<Item = (u8, &Item)> {
    (0_u8..).zip(&cart.items).filter(|(_, item)| item.present())
}

fn units(whole: &Whole<'_>) -> Result<(), String> {
    for (place, shard) in whole.slots() {
        let slot = shard.slot(place.index);
        let gone = u64::from(slot.held) + u64::from(slot.sold) + u64::from(slot.blocked);
        demand!(gone <= u64::from(slot.capacity), "{place:?}: {slot:?}");
    }
    Ok(())
}

fn held(whole: &Whole<'_>) -> Result<(), String> {
    for (place, shard) in whole.slots() {
        let mut units = 0;
        let mut before = Timestamp(0);
        for node in shard.holds_of(place.index) {
            demand!(before <= node.deadline, "{place:?}: {} after {before}", node.deadline);
            demand!(node.quantity > 0, "{place:?}: a hold of nothing");
            before = node.deadline;
            units += Quantity::from(node.quantity);
        }
        let counted = shard.slot(place.index).held;
        demand!(units == counted, "{place:?}: counts {counted}, its holds come to {units}");
    }
    for shard in &whole.shards {
        let linked: usize = (0..shard.slot_count()).map(|index| shard.holds_of(index).count()).sum();
        let live = shard.expiry.live() as usize;
        demand!(linked == live, "{live} holds are in use, {linked} are in the order of a slot");
    }
    Ok(())
}

fn groups(whole: &Whole<'_>) -> Result<(), String> {
    for shard in &whole.shards {
        let mut members = 0;
        for group in shard.groups() {
            let mut counts = Counts::default();
            for (rank, index) in (0_u32..).zip(&group.slots) {
                let slot = shard.slot(*index);
                counts.capacity += u64::from(slot.capacity);
                counts.held += u64::from(slot.held);
                counts.sold += u64::from(slot.sold);
                counts.blocked += u64::from(slot.blocked);
                demand!(slot.rank == rank, "slot {index} has rank {}, not {rank}", slot.rank);
                demand!(shard.group_of(*index).key == group.key, "slot {index} is of another group");
                let marked = group.next_free(rank) == Some(rank);
                demand!(marked == (slot.free() > 0), "slot {index}: {} free, marked {marked}", slot.free());
                members += 1;
            }
            demand!(counts == group.counts, "{:?}: {:?}, its slots {counts:?}", group.key, group.counts);
        }
        demand!(members == shard.slot_count(), "{members} of {} slots in groups", shard.slot_count());
    }
    Ok(())
}

fn holds(whole: &Whole<'_>) -> Result<(), String> {
    for (owner, (place, node)) in whole.live()? {
        let (home, index, ordinal) = owner;
        if let Some(which) = owner_of(home, index) {
            let units = whole.code(which).and_then(|code| {
                let units = code.reserved.iter().find(|units| units.ordinal == ordinal)?;
                (code.until == node.deadline).then_some(units)
            });
            let whose = units.is_some_and(|units| whole.is_hold(units, place, node));
            demand!(whose || node.deadline <= whole.at, "{place:?} is held by {which:?}: {units:?}");
            continue;
        }
        let cart = whole.shards.get(usize::from(home)).and_then(|shard| shard.carts.get(index));
        let item = cart.and_then(|cart| cart.items.get(usize::from(ordinal)));
        let whose = cart.zip(item).is_some_and(|(cart, item)| {
            matches!(cart.stage, Stage::Open | Stage::Lapsed)
                && item.present()
                && item.slot() == place
                && item.quantity == node.quantity
                && cart.deadline == node.deadline
                && std::ptr::eq(node, whole.shards[usize::from(place.shard)].expiry.node(item.node))
        });
        // What is past its deadline may have outlived the record of its cart.
        demand!(whose || node.deadline <= whole.at, "{place:?} is held by {owner:?}, which is {cart:?}");
    }
    Ok(())
}

fn carts(whole: &Whole<'_>) -> Result<(), String> {
    let live = whole.live()?;
    for (id, cart) in whole.carts() {
        demand!(!cart.items.is_empty(), "{id:?} never had an item");
        let some = cart.items.iter().any(Item::present);
        match cart.stage {
            Stage::Open | Stage::Lapsed => demand!(some, "{id:?} is {:?} without a hold", cart.stage),
            Stage::Abandoned => demand!(!some, "{id:?} was given back and has a hold"),
            Stage::Ordered | Stage::Free => {}
        }
        if cart.stage == Stage::Open {
            demand!(cart.deadline <= cart.hard_deadline(), "{id:?} goes on past its hard deadline");
        }
        for item in &cart.items {
            demand!(item.came <= cart.version, "{id:?}: an item of version {}", item.came);
            demand!(item.present() || item.gone <= cart.version, "{id:?}: gone at {}", item.gone);
        }
        if cart.stage != Stage::Open {
            continue;
        }
        if let Some(coded) = whole.shards[usize::from(id.shard())].coded.get(&id.index())
            && coded.reserves
        {
            let code = whole.code(coded.code);
            for (ordinal, item) in present(cart) {
                let has = |units: &Reserved| units.slot == item.slot() && units.node == item.node;
                let there = code.is_some_and(|code| code.reserved.iter().any(has));
                let until = code.map_or(Timestamp(0), |code| code.until);
                let seen = whole.seen(&whole.shards[usize::from(item.shard)].stamp);
                demand!(there || cart.deadline <= seen, "{id:?} lost hold {ordinal} of its code by {seen}");
                demand!(cart.deadline <= until, "{id:?} outlives {:?}, which ends at {until}", coded.code);
            }
            continue;
        }
        for (ordinal, item) in present(cart) {
            let there = live
                .get(&(u8::try_from(id.shard()).unwrap_or(u8::MAX), id.index(), ordinal))
                .is_some_and(|(place, node)| *place == item.slot() && node.deadline == cart.deadline);
            let seen = whole.seen(&whole.shards[usize::from(item.shard)].stamp);
            demand!(there || cart.deadline <= seen, "{id:?} lost hold {ordinal} by {seen}: {cart:?}");
        }
    }
    Ok(())
}

fn sold(whole: &Whole<'_>) -> Result<(), String> {
    let mut orders: BTreeMap<SlotRef, u64> = BTreeMap::new();
    for (_, cart) in whole.carts().filter(|(_, cart)| cart.stage == Stage::Ordered) {
        for (_, item) in present(cart) {
            *orders.entry(item.slot()).or_default() += u64::from(item.quantity);
        }
    }
    for (place, shard) in whole.slots() {
        let counted = u64::from(shard.slot(place.index).sold);
        let units = orders.get(&place).copied().unwrap_or(0);
        demand!(units == counted, "{place:?}: counts {counted}, orders have {units}");
    }
    Ok(())
}

fn bundles(whole: &Whole<'_>) -> Result<(), String> {
    for (id, cart) in whole.carts() {
        let mut seen: BTreeMap<u8, &Item> = BTreeMap::new();
        for item in cart.items.iter().filter(|item| item.bundle != 0) {
            let first = *seen.entry(bundle_number(item.bundle)).or_insert(item);
            demand!(first.bundle == item.bundle && first.came == item.came, "{id:?}: {first:?}, {item:?}");
            let parts = cart.stage == Stage::Ordered && item.bundle & DIVISIBLE != 0;
            demand!(parts || first.gone == item.gone, "{id:?} has a part of a bundle: {:?}", cart.items);
        }
        for number in seen.keys() {
            let parts = cart.items.iter().filter(|item| bundle_number(item.bundle) == *number).count();
            demand!(parts >= 2, "{id:?}: bundle {number} has {parts} part");
            demand!(*number <= cart.bundles, "{id:?}: bundle {number} of {}", cart.bundles);
        }
    }
    Ok(())
}

fn visitors(whole: &Whole<'_>) -> Result<(), String> {
    let count = u8::try_from(whole.visitors.len()).unwrap_or(u8::MAX);
    for (number, shard) in whole.visitors.iter().enumerate() {
        let mut known = BTreeSet::new();
        for (customer, sale, entries) in shard.iter() {
            demand!(VisitorShard::of(customer, count) == number, "{customer:?} is in shard {number}");
            demand!(shard.carts(customer, sale) == entries, "{customer:?} is not found");
            demand!(known.insert((customer, sale)), "{customer:?} is there twice");
            for (place, entry) in entries.iter().enumerate() {
                let again = entries[..place].iter().any(|other| other.cart == entry.cart);
                demand!(!again, "{customer:?} has {:?} twice", entry.cart);
                if entry.until <= whole.at {
                    continue;
                }
                let whose = whole.cart(entry.cart).is_some_and(|cart| {
                    cart.customer() == customer && cart.sale == sale && entry_of(entry.cart, cart) == *entry
                });
                demand!(whose, "{customer:?} has {entry:?}, which is {:?}", whole.cart(entry.cart));
            }
        }
        demand!(known.len() == shard.live() as usize, "{} visitors, {} found", shard.live(), known.len());
    }
    for (id, cart) in whole.carts() {
        if !matches!(cart.stage, Stage::Open | Stage::Ordered) {
            continue;
        }
        let shard = &whole.visitors[VisitorShard::of(cart.customer(), count)];
        let entry = entry_of(id, cart);
        let there = shard.carts(cart.customer(), cart.sale).contains(&entry);
        demand!(there || entry.until <= whole.seen(&shard.stamp), "{id:?} is not counted: {cart:?}");
    }
    Ok(())
}

fn entry_of(id: CartId, cart: &Cart) -> VisitorCart {
    let until = if cart.stage == Stage::Ordered { FOR_EVER } else { cart.deadline };
    VisitorCart { cart: id, until, units: cart.units() }
}

fn digests(whole: &Whole<'_>) -> Result<(), String> {
    for (number, shard) in whole.shards.iter().enumerate() {
        let mut digest = Digest::default();
        for index in 0..shard.slot_count() {
            digest.add(shard.slot(index).digest(index));
        }
        for index in 0..shard.carts.places() {
            if shard.carts[index].stage != Stage::Free {
                digest.add(shard.carts[index].digest(index));
            }
        }
        demand!(digest == shard.digest, "shard {number}: {:?}, recomputed {digest:?}", shard.digest);
    }
    Ok(())
}

fn schedule(whole: &Whole<'_>) -> Result<(), String> {
    let entries: Vec<BTreeSet<(u32, u32)>> =
        whole.shards.iter().map(|shard| shard.expiry.schedule.entries().collect()).collect();
    for (place, shard) in whole.slots() {
        let scheduled = shard.slot(place.index).scheduled;
        if scheduled != UNSCHEDULED {
            let there = entries[usize::from(place.shard)].contains(&(place.index, scheduled));
            demand!(there, "{place:?} is not in its bucket {scheduled}");
        }
        if let Some(deadline) = shard.first_deadline(place.index) {
            // One tick late at most: what is due later in the running tick is looked at in the next.
            let tick = Schedule::tick(deadline);
            let covered = scheduled != UNSCHEDULED && scheduled <= tick.saturating_add(1);
            demand!(covered, "{place:?} is due in tick {tick} and looked at in {scheduled}");
            demand!(shard.may_be_due(deadline), "{place:?} is due at {deadline} and said not to be");
        }
    }
    Ok(())
}

fn keys(whole: &Whole<'_>) -> Result<(), String> {
    let count = u8::try_from(whole.keys.len()).unwrap_or(u8::MAX);
    for (number, shard) in whole.keys.iter().enumerate() {
        let mut before = Timestamp(0);
        let mut known = BTreeSet::new();
        demand!(shard.indexed() == shard.live(), "{} keys, {} indexed", shard.live(), shard.indexed());
        for record in shard.iter() {
            let key = record.key();
            demand!(KeyShard::of(key, count) == number, "key {key:032x} is in shard {number}");
            demand!(known.insert(key), "key {key:032x} is remembered twice");
            demand!(before <= record.at(), "a key of {} after one of {before}", record.at());
            before = record.at();
            let found = shard.find(key, record.at()).is_some_and(|found| std::ptr::eq(found, record));
            demand!(found, "key {key:032x} is not found");
            if let Some(cart) = whole.cart(record.cart) {
                let version = record.version();
                demand!(version <= cart.version, "key {key:032x}: version {version} of {}", cart.version);
            }
        }
    }
    Ok(())
}

fn names(whole: &Whole<'_>) -> Result<(), String> {
    for (place, shard) in whole.slots() {
        let (slot, name) = (shard.slot(place.index), shard.slot_name(place.index));
        let found = whole.names.slot(slot.sale, name);
        demand!(found == Some(place), "`{name}` leads to {found:?}, not {place:?}");
        let spec = shard.spec(place.index);
        let mask = whole.names.venue(slot.sale, &spec.venue);
        demand!(mask >> place.shard & 1 == 1, "venue `{}` is not known in {place:?}", spec.venue);
        let home = whole.catalog.places.get(&(slot.sale, spec.venue, spec.section)).copied();
        demand!(home == Some(place.shard), "`{name}` belongs into {home:?}, is in {place:?}");
        demand!(shard.rules(slot.sale).is_some(), "`{name}` is of no sale");
    }
    let listing = whole.names.listing();
    for (number, shard) in whole.shards.iter().enumerate() {
        for (index, sale) in whole.catalog.sales.iter().enumerate() {
            let here = shard.sales.get(index).and_then(Option::as_ref);
            demand!(here == Some(&sale.rules), "shard {number} has other terms of sale {index}");
            let listed = listing.sales.get(index).map(|sale| (sale.revision, &sale.rules));
            demand!(listed == Some((sale.revision, &sale.rules)), "sale {index} is listed otherwise");
        }
        let free: BTreeSet<u32> = shard.carts.free_places().iter().copied().collect();
        demand!(free.len() == shard.carts.free_places().len(), "shard {number}: a place is free twice");
        for index in 0..shard.carts.places() {
            let is_free = shard.carts[index].stage == Stage::Free;
            demand!(is_free == free.contains(&index), "shard {number}: cart {index}, free {is_free}");
        }
        let mut referred = 0;
        for ((sale, reference), carts) in &shard.references {
            for index in carts {
                let cart = &shard.carts[*index];
                let noted = shard.notes.get(index).and_then(|notes| notes.reference.as_deref());
                let whose = noted == Some(reference) && cart.sale == *sale && cart.stage != Stage::Free;
                demand!(whose, "shard {number}: `{reference}` leads to cart {index}");
                referred += 1;
            }
        }
        let noted = shard.notes.values().filter(|notes| notes.reference.is_some()).count();
        demand!(noted == referred, "shard {number}: {noted} references, {referred} found");
    }
    let mut places = vec![0_u32; whole.shards.len()];
    for shard in whole.catalog.places.values() {
        places[usize::from(*shard)] += 1;
    }
    demand!(places == whole.catalog.places_of_shard, "{places:?}, {:?}", whole.catalog.places_of_shard);
    Ok(())
}
