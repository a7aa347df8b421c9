//! What the partition knows as a whole: sales, channels, which venue lives in which shard, and the last heartbeat.
//!
//! It stands behind one lock of its own, after the inventory shards in the order of locks, and is touched only by what
//! happens seldom. Requests find names in [`crate::names`], which follows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fact::Configuration;
use crate::ids::{ChannelIx, SaleIx};
use crate::inventory::Stamp;
use crate::sale::SaleRules;
use crate::time::{Timestamp, WallTime};

/// A sale as the catalog has it.
#[derive(Clone, Debug)]
pub struct SaleRecord {
    /// Counts the changes of the settings, from 1.
    pub revision: u64,
    /// The settings.
    pub rules: Arc<SaleRules>,
}

/// Both clocks at the last heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Heartbeat {
    /// Engine time.
    pub at: Timestamp,
    /// Wall time.
    pub wall: WallTime,
    /// Boot clock, milliseconds.
    pub boot: u64,
    /// Which boot of the kernel that counts from.
    pub boot_id: u128,
}

/// A place where slots of one shard come from: sale, venue, section.
pub type Place = (SaleIx, String, Option<String>);

/// The catalog of one partition.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// When it last changed.
    pub stamp: Stamp,
    /// Which partition; set by the first fact.
    pub partition: u8,
    /// When the data folder was made; none before the first fact.
    pub founded: Option<WallTime>,
    /// All sales by index.
    pub sales: Vec<SaleRecord>,
    /// All channels by index.
    pub channels: Vec<String>,
    /// The shard of each venue and section.
    pub places: BTreeMap<Place, u8>,
    /// How many places each shard has; a new one goes where there are fewest.
    pub places_of_shard: Vec<u32>,
    /// What the engine runs with.
    pub configuration: Option<Configuration>,
    /// Both clocks when they were last written down.
    pub heartbeat: Option<Heartbeat>,
}

impl Catalog {
    /// The index of a sale.
    #[must_use]
    pub fn sale(&self, id: &str) -> Option<SaleIx> {
        let index = self.sales.iter().position(|sale| sale.rules.id == id)?;
        u16::try_from(index).ok().map(SaleIx)
    }

    /// The index of a channel.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<ChannelIx> {
        let index = self.channels.iter().position(|channel| channel == name)?;
        u16::try_from(index).ok().map(ChannelIx)
    }
}
