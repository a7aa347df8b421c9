//! The gateway of onsale: the HTTP edge in front of the engine, the JSON of the contract, and the command line.
//!
//! Read it from the outside in: [`server`] accepts sockets, [`edge`] looks at every request once, [`api`] has a file per
//! resource, [`wire`] the shapes of their JSON, [`durable`] the wait that no answer escapes, [`problem`] the closed list
//! of refusals. [`serve`] ties them to an engine. [`cli`] is the terminal: [`import`] turns the field's own files into slots,
//! [`verify_draw`] checks a draw from its document, [`queue_command`] turns a waiting room's dials. [`waiting_room`] has the credential of who was called,
//! [`waiting_page`] what they see in a browser, [`queue_it`] the formats of shops that already use Queue-it's connectors,
//! [`connector`] serves those shops.

// They panic when nobody reads, and a panic ends the process with every connection; `cli` has what does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod access_code;
pub mod answer;
pub mod api;
pub mod app;
pub mod auth;
pub mod call;
pub mod cli;
pub mod client;
pub mod config;
pub mod connector;
pub mod durable;
pub mod edge;
mod handles;
pub mod hex;
pub mod idempotency;
pub mod import;
pub mod keys;
pub mod mac;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod queue_command;
pub mod queue_it;
mod sample;
pub mod serve;
pub mod server;
pub mod verify_draw;
pub mod waiting_page;
pub mod waiting_room;
mod wakes;
pub mod wire;
