//! The server over HTTP, as its clients meet it. One program, so that it is linked once and slow tests wait side by side.

#[path = "../server_common/mod.rs"]
mod server_common;

mod access_codes;
mod connector;
mod edge;
mod hostile;
mod hostile_wire;
mod proxies;
mod readme;
mod refused_changes;
mod selling;
mod signals;
mod strict;
mod ticket_stream;
mod waiting_room;
