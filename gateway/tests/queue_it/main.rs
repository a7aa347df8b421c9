//! Our formats against the vendor's open-source packages: what we mint is accepted by the connector, what the connector
//! sends and the vendor's tokens say is read by us; in `served`, by the server's own binary over HTTP. Needs Node and two
//! packages from npm, which `install` here gets; needs no network.

mod admissions;
mod enqueue;
mod node;
mod rules;
mod served;
#[path = "../server_common/mod.rs"]
mod server_common;
mod shop;
mod tokens;
