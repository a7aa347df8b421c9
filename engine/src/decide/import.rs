//! Slots come in: new ones get a shard and an index, known ones are compared and updated.
//!
//! A venue's section lives in one shard, chosen when its first slot comes: the shard with the fewest places, so that 15
//! venues fall into 15 shards. Which it is, is part of the fact.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{Core, Decision, SETTLING_BYTES};
use crate::catalog::Place;
use crate::fact::{Cold, Kind, SlotEntry};
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::{MAX_CAPACITY, Slot, SlotFault, SlotSpec, TOO_LARGE};
use crate::keys::{Answered, KeyRecord, KeyShard, ThreeCounts};
use crate::limits::{MAX_IMPORT_STEP, MAX_TRIES};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::KeyUse;
use crate::sale::SaleRules;
use crate::state::MAX_SHARDS;
use crate::time::{Now, WallTime};

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct SlotsAdded {
    /// New slots.
    pub added: u64,
    /// Known slots that changed.
    pub updated: u64,
    /// Known slots that were the same.
    pub unchanged: u64,
    /// Index into the request, and why not.
    pub rejected: Vec<(usize, SlotRejection)>,
}

/// Why a slot was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotRejection {
    /// The description makes no sense; the sentence says why.
    Malformed(String),
    /// The engine said no.
    Refused(Refusal),
}

impl From<SlotFault> for SlotRejection {
    /// A number beyond its bound is refused as it is where a slot is changed.
    fn from(fault: SlotFault) -> Self {
        match fault.code {
            TOO_LARGE => {
                Self::Refused(Refusal::TooLarge { field: "capacity", most: u64::from(MAX_CAPACITY) })
            }
            _ => Self::Malformed(fault.why),
        }
    }
}

/// Time zones of a sale, looked up once a step.
struct Zones {
    sale: TimeZone,
    venues: BTreeMap<String, TimeZone>,
}

impl Zones {
    fn new(rules: &SaleRules) -> Self {
        // The names were checked when the sale was set; a database that has lost one since falls back to UTC.
        let zone = |name: &str| TimeZone::get(name).unwrap_or(TimeZone::UTC);
        let venues = rules.venue_time_zones.iter().map(|(venue, name)| (venue.clone(), zone(name))).collect();
        Self { sale: zone(&rules.time_zone), venues }
    }

    /// The local day of an instant at a venue, as days since 1970-01-01.
    fn day(&self, venue: &str, at: WallTime) -> Option<i32> {
        let zone = self.venues.get(venue).unwrap_or(&self.sale);
        let date = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone()).date();
        let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
        Some(days)
    }
}

/// What is to become of one slot of a step.
enum Fate {
    Add(SlotEntry),
    Update(SlotEntry),
    Unchanged,
}

impl Core {
    /// Adds slots, or updates those that are known by id. `atomic`: one rejected slot rejects all. Otherwise the good
    /// ones are taken in steps of at most [`MAX_IMPORT_STEP`], each one fact.
    pub fn add_slots(&self, now: Now, sale: &str, specs: &[SlotSpec], atomic: bool) -> Answer<SlotsAdded> {
        self.take_slots(now, sale, specs, atomic, None)
    }

    /// The same, all or none, by a request with an idempotency key: asked again under it, it changes nothing and gives the same
    /// answer. Nothing is kept of a request that changed nothing.
    pub fn add_slots_once(
        &self,
        now: Now,
        sale: &str,
        specs: &[SlotSpec],
        key: KeyUse,
    ) -> Answer<SlotsAdded> {
        self.take_slots(now, sale, specs, true, Some(key))
    }

    fn take_slots(
        &self,
        now: Now,
        sale: &str,
        specs: &[SlotSpec],
        atomic: bool,
        key: Option<KeyUse>,
    ) -> Answer<SlotsAdded> {
        let Some(index) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let mut total = SlotsAdded::default();
        let mut good = Vec::with_capacity(specs.len());
        for (place, spec) in specs.iter().enumerate() {
            match spec.check() {
                Ok(()) => good.push(place),
                Err(fault) => total.rejected.push((place, fault.into())),
            }
        }
        // What the key stands for comes before what is wrong with this request, as everywhere.
        if let Some(key) = key.filter(|_| good.is_empty() || !total.rejected.is_empty()) {
            match Decision::begin(self, now, 0) {
                Err(refusal) => return Self::refuse(now, refusal),
                Ok(mut decision) => {
                    if let Some(answer) = decision.replay_import(key) {
                        return answer;
                    }
                }
            }
        }
        let mut rests_on = crate::sequence::Sequence::ZERO;
        let mut at = now;
        let mut replayed = false;
        if !atomic || total.rejected.is_empty() {
            let step = if atomic { good.len().max(1) } else { MAX_IMPORT_STEP };
            for places in good.chunks(step) {
                let answer = self.import_step(now, index, specs, places, (atomic, key));
                replayed = answer.replayed;
                rests_on = rests_on.max(answer.rests_on);
                at = answer.now;
                match answer.result {
                    Ok(done) => {
                        total.added += done.added;
                        total.updated += done.updated;
                        total.unchanged += done.unchanged;
                        total.rejected.extend(done.rejected);
                    }
                    Err(refusal) if total.added + total.updated + total.unchanged == 0 => {
                        return Answer { rests_on, now: at, replayed: false, result: Err(refusal) };
                    }
                    // Some steps are done; the rest is reported as not taken, and repeating is safe.
                    Err(refusal) => {
                        let rest =
                            places.iter().map(|place| (*place, SlotRejection::Refused(refusal.clone())));
                        total.rejected.extend(rest);
                    }
                }
            }
        }
        total.rejected.sort_by_key(|(place, _)| *place);
        Answer { rests_on, now: at, replayed, result: Ok(total) }
    }

    fn import_step(
        &self,
        now: Now,
        sale: SaleIx,
        specs: &[SlotSpec],
        places: &[usize],
        (atomic, key): (bool, Option<KeyUse>),
    ) -> Answer<SlotsAdded> {
        let bytes = 4_096 + places.iter().map(|place| fact_bytes(&specs[*place])).sum::<usize>();
        for attempt in 0.. {
            let mut decision = match Decision::begin(self, now, bytes) {
                Ok(decision) => decision,
                Err(refusal) => return Self::refuse(now, refusal),
            };
            if let Some(answer) = key.and_then(|key| decision.replay_import(key)) {
                return answer;
            }
            let planned = self.plan(sale, specs, places);
            let shards = self.state.shards();
            let all = if shards >= MAX_SHARDS { u64::MAX } else { (1 << shards) - 1 };
            decision.guards.lock_shards(if attempt < MAX_TRIES { mask_of(&planned) } else { all });
            decision.guards.lock_catalog();
            decision.fix_time();
            // Somebody else may have given a new venue another shard between the plan and the locks.
            let catalog = decision.guards.look_catalog();
            let lost = planned.iter().any(|(place, shard)| match catalog.places.get(place) {
                Some(known) => known != shard,
                None => decision.guards.mask() >> shard & 1 == 0,
            });
            if lost {
                continue;
            }
            let result = decision.import(sale, specs, places, &planned, (atomic, key));
            return decision.answer(result);
        }
        unreachable!("the last attempt holds every shard")
    }

    /// The shard of every venue and section of a step; new ones go where there are fewest.
    fn plan(&self, sale: SaleIx, specs: &[SlotSpec], places: &[usize]) -> BTreeMap<Place, u8> {
        let mut planned = BTreeMap::new();
        let catalog = self.state.lock_catalog();
        let mut emptiest = catalog.places_of_shard.clone();
        for place in places {
            let spec = &specs[*place];
            let key = (sale, spec.venue.clone(), spec.section.clone());
            if planned.contains_key(&key) {
                continue;
            }
            let shard = catalog.places.get(&key).copied().unwrap_or_else(|| {
                let (shard, count) = emptiest
                    .iter_mut()
                    .enumerate()
                    .min_by_key(|(shard, count)| (**count, *shard))
                    .unwrap_or_else(|| unreachable!("there is at least one shard"));
                *count += 1;
                u8::try_from(shard).unwrap_or(0)
            });
            planned.insert(key, shard);
        }
        planned
    }
}

fn mask_of(planned: &BTreeMap<Place, u8>) -> u64 {
    planned.values().fold(0, |mask, shard| mask | 1 << shard)
}

/// Bytes a slot can need in a fact: its texts, 12 a number, and what postcard adds; and a settling fact.
fn fact_bytes(spec: &SlotSpec) -> usize {
    let texts = [
        Some(&spec.id),
        Some(&spec.venue),
        spec.section.as_ref(),
        spec.product.as_ref(),
        spec.row.as_ref(),
        spec.seat.as_ref(),
    ];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 3).sum();
    let labels: usize = spec.labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    texts + labels + 110 + SETTLING_BYTES
}

impl Decision<'_> {
    /// Takes the key's lock, and gives its kept answer if it has one.
    fn replay_import(&mut self, key: KeyUse) -> Option<Answer<SlotsAdded>> {
        self.guards.lock_keys(KeyShard::of(key.key, self.core.state.shards()));
        let told = |record: &KeyRecord| {
            let [added, updated, unchanged] = record.counts().0.map(u64::from);
            SlotsAdded { added, updated, unchanged, rejected: Vec::new() }
        };
        self.replay_other(key, Answered::SlotsSet, told)
    }

    fn import(
        &mut self,
        sale: SaleIx,
        specs: &[SlotSpec],
        places: &[usize],
        planned: &BTreeMap<Place, u8>,
        (atomic, key): (bool, Option<KeyUse>),
    ) -> Result<SlotsAdded, Refusal> {
        let rules = match self.core.state.names.listing().sales.get(usize::from(sale.0)) {
            Some(view) => std::sync::Arc::clone(&view.rules),
            None => return Err(Refusal::NotFound(Missing::Sale)),
        };
        let zones = Zones::new(&rules);
        let mut next: [u32; MAX_SHARDS as usize] = [0; MAX_SHARDS as usize];
        for shard in planned.values() {
            next[usize::from(*shard)] = self.guards.look(*shard).slot_count();
        }
        let mut done = SlotsAdded::default();
        let (mut added, mut updated): (Vec<SlotEntry>, Vec<SlotEntry>) = (Vec::new(), Vec::new());
        let mut in_step: BTreeMap<&str, ()> = BTreeMap::new();
        for place in places {
            let spec = &specs[*place];
            let fate = if in_step.insert(&spec.id, ()).is_some() {
                Err(SlotRejection::Malformed(format!("`{}` stands twice in this request", spec.id)))
            } else {
                self.fate(sale, spec, planned, &zones, &mut next)
            };
            match fate {
                Ok(Fate::Add(entry)) => added.push(entry),
                Ok(Fate::Update(entry)) => updated.push(entry),
                Ok(Fate::Unchanged) => done.unchanged += 1,
                Err(rejection) => done.rejected.push((*place, rejection)),
            }
        }
        if atomic && !done.rejected.is_empty() {
            return Ok(SlotsAdded { rejected: done.rejected, ..SlotsAdded::default() });
        }
        done.added = added.len() as u64;
        done.updated = updated.len() as u64;
        if !(added.is_empty() && updated.is_empty()) {
            self.check_room()?;
            let counted = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
            let told = ThreeCounts([done.added, done.updated, done.unchanged].map(counted));
            let fact = match key {
                None => Cold::SlotsSet { sale, added, updated },
                Some(KeyUse { key, fingerprint }) => {
                    Cold::SlotsSetOnce { sale, added, updated, told, key, fingerprint }
                }
            };
            self.commit(Kind::Cold(Box::new(fact)));
        }
        Ok(done)
    }

    fn fate(
        &mut self,
        sale: SaleIx,
        spec: &SlotSpec,
        planned: &BTreeMap<Place, u8>,
        zones: &Zones,
        next: &mut [u32; MAX_SHARDS as usize],
    ) -> Result<Fate, SlotRejection> {
        let day = spec.starts_at.and_then(|starts| zones.day(&spec.venue, starts));
        let shard = planned[&(sale, spec.venue.clone(), spec.section.clone())];
        let Some(known) = self.core.state.names.slot(sale, &spec.id) else {
            let index = next[usize::from(shard)];
            next[usize::from(shard)] += 1;
            return Ok(Fate::Add(SlotEntry { place: SlotRef { shard, index }, day, spec: spec.clone() }));
        };
        let moved = |what: &str| {
            let why = format!("`{}` is known with another {what}, which is its place and stays", spec.id);
            Err(SlotRejection::Malformed(why))
        };
        if known.shard != shard {
            return moved("venue or section");
        }
        let here = self.guards.look(shard);
        let standing = here.spec(known.index);
        if standing == *spec {
            return Ok(Fate::Unchanged);
        }
        if standing.venue != spec.venue || standing.section != spec.section {
            return moved("venue or section");
        }
        if standing.product != spec.product || here.group_of(known.index).key.day != day {
            return moved("product or day");
        }
        let needed = slot_needs(here.slot(known.index), spec.capacity);
        let (due, enough) = here.due_for(known.index, self.at(), needed);
        // No "no" rests on a hold that is past its deadline.
        if due > 0 {
            self.commit(Kind::Settled { slot: known, holds: due });
        }
        if !enough {
            // Who is in the way is told by a change of the one slot; here it would be a scan for every line.
            return Err(SlotRejection::Refused(Refusal::BelowCommitted { in_the_way: Vec::new() }));
        }
        Ok(Fate::Update(SlotEntry { place: known, day, spec: spec.clone() }))
    }
}

/// Units of a slot that must be free before it can have another capacity.
fn slot_needs(slot: &Slot, capacity: Quantity) -> Quantity {
    slot.capacity.saturating_sub(capacity)
}
