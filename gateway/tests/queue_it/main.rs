//! Our formats against the vendor's open-source packages: what we mint is accepted by the connector, what the connector
//! sends and the vendor's tokens say is read by us. Needs Node and two packages from npm, which `install` here gets;
//! needs no network and no server.

mod admissions;
mod enqueue;
mod node;
mod rules;
mod shop;
mod tokens;
