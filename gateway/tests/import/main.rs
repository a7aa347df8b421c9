//! Files of the field to slots: fixtures, the real ones where they are, and the command as a whole.

mod common;

mod csv;
mod fhir_bundle;
mod pretix_plan;
mod send;
mod smart_slots;
