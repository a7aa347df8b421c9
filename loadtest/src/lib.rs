//! Replays launch days against an onsale server, over HTTP alone, like a stranger.
//!
//! The order of a run: a [`plan`] fixes every intended start from a seed ([`arrivals`], [`draw`]); the [`driver`] walks
//! through it with a [`pace`] and gives each place to a [`visitor`]'s step ([`turns`]) or a page view; the [`client`] sends;
//! [`measured`] counts honest [`latency`] and what was told ([`refusals`]); the [`ledger`] keeps what was acknowledged. Then
//! the [`audit`] compares the ledger with the server's books, a [`report`] is made, a [`verdict`] spoken and a [`summary`]
//! printed. The launch days themselves are in [`scenario`]; one with a [`waiting`] room has no places but devices that wake
//! when the server told them to.
//!
//! What it promises: nothing the server does moves an intended instant; a request that was lost stays in the table with at
//! least its time-out; a run in which the tester was the limit says so and ends with its own exit code. It never depends on
//! the engine: what it knows of the server is what the contract says ([`wire`]).

pub mod ages;
pub mod arrivals;
pub mod audit;
pub mod behaviour;
pub mod chi_square;
pub mod child;
pub mod cli;
pub mod client;
pub mod compare;
pub mod desk;
pub mod disk;
pub mod draw;
pub mod driver;
pub mod failure;
pub mod keys;
pub mod latency;
pub mod ledger;
pub mod measured;
pub mod operator;
pub mod own_server;
pub mod pace;
pub mod plan;
pub mod progress;
pub mod refusals;
pub mod report;
pub mod scenario;
pub mod shown;
pub mod stock;
pub mod summary;
pub mod terminal;
pub mod turns;
pub mod usage;
pub mod verdict;
pub mod visitor;
pub mod waiting;
pub mod wire;
pub mod wish;
