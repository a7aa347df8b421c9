//! A world that one seed decides: the real engine on a simulated disk and simulated clocks, customers and operators who
//! ask it everything, and a disk, a machine and a wall clock that misbehave.
//!
//! Nothing of the engine is replaced but clock, disk and chance: [`crate::start`] starts it, [`crate::commit::Writer`]
//! writes, [`crate::ticker`] ticks. There are no threads here; what a thread would do at any time is a step, and the seed
//! says which step is next. (What threads do to each other inside one step is shuttle's business.)
//!
//! | room | what it knows |
//! |---|---|
//! | `plan` | what a seed decides before the first step: settings, sales, how hostile the world is |
//! | `world` | disk, clocks and the life of a process: start, death, start again |
//! | `request`, `clients`, `asking` | what can be asked, who asks what next, and how it is put |
//! | `books`, `entries` | a naive twin of the sale, kept from the answers alone |
//! | `judge`, `orders`, `stock`, `legal`, `seats`, `grounds`, `missing` | whether an answer was right: a success allowed, a refusal justified, a replay the same |
//! | `line_books`, `line_clients`, `line_judge`, `line_home` | the same of the waiting room: its twin, who waits, answers, restarts |
//! | `code_books`, `code_scope`, `code_clients`, `code_judge`, `code_views`, `code_grounds` | the same of access codes: their twin, what they are for, who makes them and who comes with them, answers, refusals |
//! | `turns` | a naive line lived from the durable facts: who is called, and whom nobody may pass |
//! | `homecoming` | whether after a crash all is there that was acknowledged, and the rest whole or not at all |
//! | `side` | the durable journal replayed on the side: same facts, same digests |
//! | `faults` | what goes wrong: clocks, disk, power |
//! | `vandal` | what a crash does not do: flipped bits, lost files, foreign records |
//! | `run` | the loop, and the command that replays a seed |
//!
//! The twin rests on one property of the engine: a success carries the number of its own fact. So after a crash that left
//! the facts up to some number, the twin forgets every answer beyond it and must then agree with the engine in all
//! things: that is "entirely there or not at all". Whether that number may be so low is the mark's promise.

mod asking;
mod books;
mod clients;
mod code_books;
mod code_clients;
mod code_grounds;
mod code_judge;
mod code_scope;
mod code_views;
mod entries;
mod faults;
mod grounds;
mod homecoming;
mod judge;
mod legal;
mod line_books;
mod line_clients;
mod line_home;
mod line_judge;
mod missing;
mod orders;
mod plan;
mod request;
mod run;
mod seats;
mod side;
mod stock;
mod turns;
mod vandal;
mod world;

pub use run::{Report, run};
