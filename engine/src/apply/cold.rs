//! What the seldom facts do.

use std::sync::Arc;

use super::carts::remember;
use super::{codes, line};
use crate::carts::Stage;
use crate::catalog::{Heartbeat, SaleRecord};
use crate::codes::CodeTerms;
use crate::fact::{Cold, SlotEntry};
use crate::ids::SaleIx;
use crate::keys::{Answered, ThreeCounts};
use crate::names::Listing;
use crate::request::KeyUse;
use crate::sale::{SaleRules, SaleView};
use crate::state::Held;
use crate::time::Timestamp;
use crate::waiting_room::RoomRules;

pub fn apply(held: &mut impl Held, at: Timestamp, fact: &Cold) {
    match fact {
        Cold::Founded { partition, wall, shards: _ } => {
            let catalog = held.catalog();
            catalog.partition = *partition;
            catalog.founded = Some(*wall);
        }
        Cold::Configured(configuration) => {
            for shard in 0..held.shards() {
                let shards = held.shards();
                held.keys(usize::from(shard)).configure(configuration, shards);
            }
            held.catalog().configuration = Some(*configuration);
        }
        Cold::ChannelNamed { channel: _, name } => {
            held.catalog().channels.push(name.clone());
            publish_listing(held);
        }
        Cold::SaleSet { sale, revision, rules } => {
            set_sale(held, *sale, SaleRecord { revision: *revision, rules: Arc::new((**rules).clone()) });
        }
        Cold::SaleSetWithRoom { sale, revision, rules, room, wall, secrets } => {
            let record = SaleRecord { revision: *revision, rules: Arc::new(line::with_room(rules, room)) };
            line::room_set(held, at, *sale, &record, room, *wall, *secrets);
            set_sale(held, *sale, record);
        }
        Cold::SaleSetWithCodes { sale, revision, rules, room, codes, wall, secrets } => {
            let mut rules = SaleRules { codes: Some(Arc::new(codes.clone())), ..(**rules).clone() };
            if let Some(room) = room {
                rules = line::with_room(&rules, room);
            }
            let record = SaleRecord { revision: *revision, rules: Arc::new(rules) };
            if let Some(room) = room {
                line::room_set(held, at, *sale, &record, room, *wall, *secrets);
            }
            set_sale(held, *sale, record);
        }
        Cold::CodesMade(fact) => codes::made(held, at, fact),
        Cold::CodesRevoked(fact) => codes::revoked(held, at, fact),
        Cold::CodesRevokedOnce { codes: fact, told, key, fingerprint } => {
            codes::revoked(held, at, fact);
            remember_counts(
                held,
                at,
                KeyUse { key: *key, fingerprint: *fingerprint },
                Answered::CodesRevoked,
                *told,
            );
        }
        Cold::Line { sale, fact } => line::happened(held, at, *sale, fact),
        Cold::SlotsSet { sale, added, updated } => set_slots(held, *sale, added, updated),
        Cold::SlotsSetOnce { sale, added, updated, told, key, fingerprint } => {
            set_slots(held, *sale, added, updated);
            remember_counts(
                held,
                at,
                KeyUse { key: *key, fingerprint: *fingerprint },
                Answered::SlotsSet,
                *told,
            );
        }
        Cold::SlotChanged { slot, capacity, blocked, reason: _ } => {
            held.shard(slot.shard).set_units(slot.index, *capacity, *blocked);
        }
        Cold::Heartbeat { wall, boot, boot_id } | Cold::Resumed { wall, boot, boot_id, away: _ } => {
            held.catalog().heartbeat = Some(Heartbeat { at, wall: *wall, boot: *boot, boot_id: *boot_id });
        }
        // Only compared, by whoever replays.
        Cold::ShardDigest { .. } | Cold::LineDigest { .. } | Cold::CodeDigest { .. } => {}
        Cold::Forgotten { shard, from, to, ended_by, carts: _ } => {
            let shard = held.shard(*shard);
            for index in *from..*to {
                let cart = &mut shard.carts[index];
                if !forgettable(cart.stage, cart.deadline, *ended_by) {
                    continue;
                }
                shard.digest.subtract(cart.digest(index));
                cart.stage = Stage::Free;
                cart.items = smallvec::SmallVec::new();
                let sale = cart.sale;
                shard.coded.remove(&index);
                if let Some(notes) = shard.notes.remove(&index)
                    && let Some(reference) = &notes.reference
                {
                    let name = (sale, reference.as_str().into());
                    if let Some(places) = shard.references.get_mut(&name) {
                        places.retain(|place| *place != index);
                        if places.is_empty() {
                            shard.references.remove(&name);
                        }
                    }
                }
                shard.carts.free(index);
            }
        }
        Cold::VisitorsForgotten { shard, from, to, over_at, visitors: _ } => {
            held.visitors(usize::from(*shard)).forget_over(*from, *to, *over_at);
        }
    }
}

fn remember_counts(held: &mut impl Held, at: Timestamp, key: KeyUse, answered: Answered, told: ThreeCounts) {
    let (cart, version) = told.to_record();
    remember(held, Some(key), at, answered, cart, version);
}

fn set_slots(held: &mut impl Held, sale: SaleIx, added: &[SlotEntry], updated: &[SlotEntry]) {
    let mut before = None;
    for entry in added {
        add_slot(held, sale, entry);
        // Slots come venue by venue: what the slot before has said of its place need not be said again.
        let place = (entry.place.shard, &entry.spec.venue, &entry.spec.section);
        if before.replace(place) != Some(place) {
            add_place(held, sale, entry);
        }
    }
    for entry in updated {
        held.shard(entry.place.shard).update_slot(entry.place.index, &entry.spec);
    }
}

fn set_sale(held: &mut impl Held, sale: SaleIx, record: SaleRecord) {
    for shard in 0..held.shards() {
        held.shard(shard).set_rules(sale, &record.rules);
    }
    let (sales, place) = (&mut held.catalog().sales, usize::from(sale.0));
    if place == sales.len() {
        sales.push(record);
    } else {
        sales[place] = record;
    }
    publish_listing(held);
}

/// A sale that is there gets its waiting room back, from a snapshot.
pub fn give_room(held: &mut impl Held, sale: SaleIx, room: &RoomRules) {
    let Some(record) = held.catalog().sales.get(usize::from(sale.0)) else { return };
    let rules = Arc::new(line::with_room(&record.rules, room));
    let record = SaleRecord { revision: record.revision, rules };
    set_sale(held, sale, record);
}

/// A sale that is there gets what it says of codes back, from a snapshot.
pub fn give_codes(held: &mut impl Held, sale: SaleIx, codes: &CodeTerms) {
    let Some(record) = held.catalog().sales.get(usize::from(sale.0)) else { return };
    let rules = SaleRules { codes: Some(Arc::new(codes.clone())), ..(*record.rules).clone() };
    let record = SaleRecord { revision: record.revision, rules: Arc::new(rules) };
    set_sale(held, sale, record);
}

/// Whether a cart has ended, is no order, and ended not after an instant. An open cart past its deadline has ended too:
/// its units went back without its record being touched.
#[must_use]
pub fn forgettable(stage: Stage, deadline: Timestamp, ended_by: Timestamp) -> bool {
    matches!(stage, Stage::Open | Stage::Lapsed | Stage::Abandoned) && deadline <= ended_by
}

fn add_slot(held: &mut impl Held, sale: SaleIx, entry: &SlotEntry) {
    let index = held.shard(entry.place.shard).add_slot(sale, entry.day, &entry.spec);
    assert_eq!(index, entry.place.index, "slot {} did not get the place it was promised", entry.spec.id);
    held.names().add_slot(sale, &entry.spec.id, entry.place);
}

/// Notes where the slots of a venue, or of one of its sections, live.
fn add_place(held: &mut impl Held, sale: SaleIx, entry: &SlotEntry) {
    let catalog = held.catalog();
    let place = (sale, entry.spec.venue.clone(), entry.spec.section.clone());
    if catalog.places.insert(place, entry.place.shard).is_none() {
        catalog.places_of_shard[usize::from(entry.place.shard)] += 1;
        let section = entry.spec.section.as_deref();
        held.names().add_venue(sale, &entry.spec.venue, section, entry.place.shard);
    }
}

fn publish_listing(held: &mut impl Held) {
    let catalog = held.catalog();
    let sales = catalog
        .sales
        .iter()
        .map(|sale| SaleView { rules: Arc::clone(&sale.rules), revision: sale.revision })
        .collect();
    let channels = catalog.channels.iter().map(|channel| Arc::from(channel.as_str())).collect();
    held.names().set_listing(Listing::new(sales, channels));
}
