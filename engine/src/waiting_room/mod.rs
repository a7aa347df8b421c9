//! The waiting room: who waits for a sale to open, and in what order they are called.
//!
//! `rules` are the terms, `ticket` is a place as its holder sees it, `draw` and `permutation` fix the order of those who
//! registered before the opening. `line` is the state: it changes by facts only. `lane` is one of its lanes, `inside` who
//! was called and who came in, `pace` how fast people may be called and `credit`
//! how many of them by now, `books` what operators did. What is no state decides as well, and a fact says what
//! came of it: `seen` is who is still there, `stock` what there is for who is called, `idle` who does nothing inside, `brake`
//! how slowly to call while the rest is in trouble. `phase` says in one word how things stand, `view` in an answer; `sound` what must always be true.

mod arrivals;
mod books;
mod brake;
mod credit;
pub mod draw;
mod idle;
mod inside;
mod lane;
mod line;
mod pace;
pub mod permutation;
mod phase;
mod rules;
mod seen;
mod sound;
mod stock;
mod ticket;
mod view;

pub use arrivals::Arrivals;
pub use books::{Act, Change, ITSELF, MAX_CHANGES, Turned};
pub use brake::{Brake, BrakeRules, OPEN, Trouble};
pub use credit::Credit;
pub use idle::Idle;
pub use inside::{Inside, Packed, Stay};
pub use lane::{LaneLine, Row, Standing};
pub use line::{Beacon, Line, LineShard, Minute, packed, unpacked};
pub use pace::{MAX_RAMP, Pace, Ramp};
pub use phase::{Phase, TicketState};
pub use rules::{Dials, Lane, MAX_DIAL, MAX_LANES, Mode, RoomRules, SwitchOn};
pub use seen::Seen;
pub use stock::{Flow, Stock};
pub use ticket::{Claimed, TICKET_CHARS, Ticket, TicketKey};
pub use view::{LONGEST_POLL, LaneView, LineView, TicketView};
