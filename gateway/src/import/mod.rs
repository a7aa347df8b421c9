//! The importers: the field's own files become slots.
//!
//! ```text
//! FILE… ─ source ─▶ smart_slots | fhir_bundle | pretix_plan | csv_table ─ Reading ─▶ send ─▶ POST …/slots
//!         gzip, BOM   pure: text in, slots and complaints out                  └──▶ report ─▶ the terminal
//! ```
//!
//! Real files are dirty, and the operator who loads them on the eve of a sale has no time to guess. So every reader keeps
//! what is good, refuses line by line with a place, a code and a sentence, and names whatever was odd but usable. Two
//! promises hold for all of them: no two rows of a source ever become one slot silently, and the same files always give
//! the same ids, so that loading them twice is loading them once.
//!
//! Nothing here decides whether a slot is acceptable to a sale: that is the server's, and its refusals come back with the
//! line of the operator's own file.

pub mod args;
pub mod command;
pub mod csv_quotes;
pub mod csv_row;
pub mod csv_table;
pub mod fhir;
pub mod fhir_bundle;
pub mod ids;
pub mod json_lines;
pub mod manifest;
pub mod oddity;
pub mod plan_rows;
pub mod plan_seats;
pub mod pretix_plan;
pub mod reading;
pub mod report;
pub mod send;
pub mod smart_slots;
pub mod source;
pub mod times;
pub mod us_states;

pub use args::ImportArgs;
pub use command::{run, run_with_key};
pub use oddity::OddityKind;
pub use reading::{Oddity, Place, Reading, RefusedLine, SourcedSlot};
