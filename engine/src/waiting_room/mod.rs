//! The waiting room: who waits for a sale to open, and in what order they are called.
//!
//! `rules` are the terms, `ticket` is a place as its holder sees it, `draw` and `permutation` fix the order of those who
//! registered before the opening. `line` is the state: it changes by facts only. `lane` is one of its lanes, `inside` who
//! was called and who came in, `credit` how fast people may be called. `seen` is who is still there: it decides who is
//! passed over, but is no state, and a fact says who was. `present` counts them, `flow` measures how the line moves, `estimate` makes
//! a range of both and `chances` a warning; `told` is what was shown last, `grade` whether it came true. `phase` says in one word how things stand, `view` in an answer; `sound` what must always be true.

mod chances;
mod credit;
pub mod draw;
mod estimate;
mod flow;
mod grade;
mod inside;
mod lane;
mod line;
pub mod permutation;
mod phase;
mod present;
mod rules;
mod seen;
mod sound;
mod span;
mod ticket;
mod told;
mod view;

pub use chances::LowChances;
pub use credit::Credit;
pub use grade::{CLASSES, ERRORS, First, Grade, Marks, Raised, tenths};
pub use inside::{Inside, Packed, Stay};
pub use lane::{BACK_EVERY, LaneLine, Row, Standing};
pub use line::{Beacon, Change, Line, LineShard, MAX_CHANGES, Minute, Stock, Turned, packed, unpacked};
pub use phase::{Phase, TicketState};
pub use rules::{Dials, Lane, MAX_DIAL, MAX_LANES, Mode, RoomRules};
pub use seen::Seen;
pub use span::Span;
pub use ticket::{Claimed, TICKET_CHARS, Ticket, TicketKey};
pub use told::MOST_UNSAID;
pub use view::{LONGEST_POLL, LaneView, LineView, TicketView};
