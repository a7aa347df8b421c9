//! Making and changing what the partition has: its founding, channels, sales. Rare, and always under the catalog's lock.

use std::sync::Arc;

use super::{Core, Decision};
use crate::apply::keeps_lanes;
use crate::fact::{Cold, Configuration, Kind};
use crate::ids::{ChannelIx, SaleIx, is_id};
use crate::inventory::Group;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::sale::{IfMatch, SaleRules, SaleView};
use crate::state::{Guards, MAX_SHARDS};
use crate::time::{Now, WallTime};
use crate::waiting_room::LineShard;

/// Whether the sale was new.
#[derive(Clone, Debug)]
pub struct SalePut {
    /// It did not exist before.
    pub created: bool,
    /// It as it stands.
    pub sale: SaleView,
}

/// The most sales of a partition.
const MAX_SALES: usize = 10_000;

/// The most channels of a partition.
const MAX_CHANNELS: usize = 1_000;

fn all_shards(guards: &mut Guards<'_>, shards: u8) {
    guards.lock_shards(if shards >= MAX_SHARDS { u64::MAX } else { (1 << shards) - 1 });
}

impl Core {
    /// Writes the first fact of a data folder.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer is too small for anything.
    pub fn found(&self, now: Now, wall: WallTime) -> Result<(), Refusal> {
        let mut decision = Decision::begin(self, now, 256)?;
        decision.guards.lock_catalog();
        decision.fix_time();
        let shards = self.state.shards();
        decision.commit(Kind::Cold(Box::new(Cold::Founded { partition: self.partition, shards, wall })));
        Ok(())
    }

    /// Writes down what the engine runs with, if it is not what it ran with before.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room.
    pub fn configure(&self, now: Now) -> Result<(), Refusal> {
        let configuration = Configuration {
            idempotency_keys: self.limits.idempotency_keys,
            idempotency_keep: self.limits.idempotency_keep,
            cart_keep: self.limits.cart_keep,
        };
        let mut decision = Decision::begin(self, now, 256)?;
        for shard in 0..self.state.shards() {
            decision.guards.lock_keys(usize::from(shard));
        }
        decision.guards.lock_catalog();
        decision.fix_time();
        if decision.guards.look_catalog().configuration != Some(configuration) {
            decision.commit(Kind::Cold(Box::new(Cold::Configured(configuration))));
        }
        Ok(())
    }

    /// The index of a channel, a new one if need be.
    pub fn channel(&self, now: Now, name: &str) -> Answer<ChannelIx> {
        let mut decision = match Decision::begin(self, now, 256) {
            Ok(decision) => decision,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        decision.guards.lock_catalog();
        decision.fix_time();
        let catalog = decision.guards.look_catalog();
        let result = match (catalog.channel(name), u16::try_from(catalog.channels.len())) {
            (Some(channel), _) => Ok(channel),
            (None, _) if !is_id(name) => {
                Err(Refusal::Rule { why: format!("`{name}` is no name for a channel") })
            }
            (None, Ok(next)) if usize::from(next) < MAX_CHANNELS => {
                let channel = ChannelIx(next);
                decision.commit(Kind::Cold(Box::new(Cold::ChannelNamed { channel, name: name.to_owned() })));
                Ok(channel)
            }
            _ => Err(Refusal::LimitReached { what: "channels", limit: MAX_CHANNELS as u64 }),
        };
        decision.answer(result)
    }

    /// Makes a sale or replaces its settings; holds from its number on, for all of the sale's shards at once. Live carts
    /// keep their deadlines.
    pub fn put_sale(&self, now: Now, rules: SaleRules, if_match: IfMatch) -> Answer<SalePut> {
        let size = |bytes: postcard::Result<Vec<u8>>| bytes.map_or(0, |bytes| bytes.len());
        // What is written apart from the rules is measured apart.
        let bytes = 4_096
            + size(postcard::to_stdvec(&rules))
            + size(postcard::to_stdvec(&rules.room))
            + size(postcard::to_stdvec(&rules.codes));
        let mut decision = match Decision::begin(self, now, bytes) {
            Ok(decision) => decision,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        if let Err(why) = rules.check() {
            return decision.answer(Err(Refusal::Rule { why }));
        }
        all_shards(&mut decision.guards, self.state.shards());
        // Which line's lock it will be must be known before the catalog's is taken. Nobody makes a sale meanwhile: that takes
        // all shards.
        let expected = {
            let catalog = self.state.lock_catalog();
            catalog.sale(&rules.id).map_or(catalog.sales.len(), |sale| usize::from(sale.0))
        };
        let expected = SaleIx(u16::try_from(expected).unwrap_or(u16::MAX));
        decision.guards.lock_lines(LineShard::of(expected, self.state.shards()));
        decision.guards.lock_catalog();
        decision.fix_time();
        let catalog = decision.guards.look_catalog();
        let (known, next) = (catalog.sale(&rules.id), catalog.sales.len());
        let standing = known.map(|sale| catalog.sales[usize::from(sale.0)].revision);
        let result = match (standing, if_match) {
            (None, IfMatch::Absent) if next < MAX_SALES => Ok(1),
            (None, IfMatch::Absent) => Err(Refusal::LimitReached { what: "sales", limit: MAX_SALES as u64 }),
            (None, _) => Err(Refusal::Stale),
            (Some(_), IfMatch::Absent) => Err(Refusal::IfMatchRequired),
            (Some(standing), IfMatch::Revision(revision)) if standing != revision => Err(Refusal::Stale),
            (Some(standing), _) => Ok(standing + 1),
        };
        let standing = known.map(|sale| Arc::clone(&catalog.sales[usize::from(sale.0)].rules));
        let result = result.and_then(|revision| {
            if let (Some(sale), Some(standing)) = (known, &standing) {
                decision.check_zones(sale, standing, &rules)?;
            }
            let sale = known.unwrap_or_else(|| SaleIx(u16::try_from(next).unwrap_or(u16::MAX)));
            let view = SaleView { rules: Arc::new(rules.clone()), revision };
            let fact = decision.sale_set(sale, revision, rules)?;
            decision.commit(Kind::Cold(Box::new(fact)));
            Ok(SalePut { created: known.is_none(), sale: view })
        });
        decision.answer(result)
    }

    /// One sale.
    pub fn sale(&self, now: Now, sale: &str) -> Answer<SaleView> {
        self.sales(now).map_sale(sale)
    }

    /// All sales, by id.
    pub fn sales(&self, now: Now) -> Answer<Vec<SaleView>> {
        let catalog = self.state.lock_catalog();
        let mut sales: Vec<_> = catalog
            .sales
            .iter()
            .map(|sale| SaleView { rules: Arc::clone(&sale.rules), revision: sale.revision })
            .collect();
        sales.sort_by(|one, other| one.rules.id.cmp(&other.rules.id));
        Answer { rests_on: catalog.stamp.sequence, now, replayed: false, result: Ok(sales) }
    }
}

/// The zone in which a venue's days are counted.
fn zone_of<'a>(rules: &'a SaleRules, venue: &str) -> &'a str {
    let own = rules.venue_time_zones.iter().find(|(known, _)| known == venue);
    own.map_or(&rules.time_zone, |(_, zone)| zone)
}

impl Decision<'_> {
    /// A venue that has slots keeps its time zone: the days of its slots were counted in it. All shards are held.
    fn check_zones(&self, sale: SaleIx, standing: &SaleRules, rules: &SaleRules) -> Result<(), Refusal> {
        let zones = |rules: &SaleRules| (rules.time_zone.clone(), rules.venue_time_zones.clone());
        if zones(standing) == zones(rules) {
            return Ok(());
        }
        for number in 0..self.core.state.shards() {
            let shard = self.guards.look(number);
            let with_days = |group: &&Group| !group.slots.is_empty() && group.key.day.is_some();
            for group in shard.groups_of_sale(sale).filter(with_days) {
                let venue = shard.names.name(group.key.venue);
                if zone_of(standing, venue) != zone_of(rules, venue) {
                    let why = format!(
                        "venue `{venue}` has slots whose days were counted in {}: its time zone stays",
                        zone_of(standing, venue)
                    );
                    return Err(Refusal::Rule { why });
                }
            }
        }
        Ok(())
    }

    /// The fact that a sale is set, with its waiting room if it has one.
    fn sale_set(&self, sale: SaleIx, revision: u64, rules: SaleRules) -> Result<Cold, Refusal> {
        let codes = rules.codes.as_deref().filter(|codes| !codes.is_empty()).cloned();
        let wall = self.now_at().wall;
        let Some(room) = rules.room.clone() else {
            let rules = Box::new(rules);
            return Ok(match codes {
                None => Cold::SaleSet { sale, revision, rules },
                Some(codes) => {
                    Cold::SaleSetWithCodes { sale, revision, rules, room: None, codes, wall, secrets: None }
                }
            });
        };
        let secrets = match self.guards.look_lines().lines.get(&sale) {
            None => Some((self.core.secrets.next(), self.core.secrets.next())),
            Some(line) if keeps_lanes(line, &room) => None,
            Some(_) => {
                let why = "the lanes of a waiting room stay as they are once people stand in them".into();
                return Err(Refusal::Rule { why });
            }
        };
        let (rules, room) = (Box::new(rules), Box::new((*room).clone()));
        Ok(match codes {
            None => Cold::SaleSetWithRoom { sale, revision, rules, room, wall, secrets },
            Some(codes) => {
                Cold::SaleSetWithCodes { sale, revision, rules, room: Some(room), codes, wall, secrets }
            }
        })
    }
}

impl Answer<Vec<SaleView>> {
    fn map_sale(self, id: &str) -> Answer<SaleView> {
        let Answer { rests_on, now, replayed, result } = self;
        let result = result.and_then(|sales| {
            sales.into_iter().find(|sale| sale.rules.id == id).ok_or(Refusal::NotFound(Missing::Sale))
        });
        Answer { rests_on, now, replayed, result }
    }
}
