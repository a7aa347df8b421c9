//! FHIR's three resources behind a slot, in whatever clothes they come: NDJSON, JSON bundles, XML bundles.
//!
//! ```text
//! element  one tree for JSON and XML        resources  Slot, Schedule, Location as rows
//! xml      XML into trees                    feed       the rows of all files, by id
//! venues   where a slot is                   assemble   rows into slots
//! inspect  oddities of places and schedules  notes      oddities of slots
//! pages    whether a search is here whole
//! ```

pub mod assemble;
pub mod element;
pub mod feed;
pub mod inspect;
pub mod notes;
pub mod pages;
pub mod resources;
pub mod venues;
pub mod xml;
