//! The waiting room: who waits for a sale to open, and in what order they are called.
//!
//! `rules` are the terms, `ticket` is a place as its holder sees it, `draw` and `permutation` fix the order of those who
//! registered before the opening. `line` is the state: it changes by facts only, by those of `registration`, of `turns` and of
//! `books`, which are what operators did. `lane` is one of its lanes, `inside` who was called and who came in, `pace` how fast
//! people may be called and `credit` how many of them by now. What is no state decides as well, and a fact says what
//! came of it: `seen` is who is still there, `stock` what there is for who is called, `idle` who does nothing inside, `brake`
//! how slowly to call while the rest is in trouble. `present` counts who is there, `moves` measures how the line moves, `estimate` makes a
//! range of both and `chances` a warning; `told` is what was shown last, `grade` whether it came true. `phase` says in one
//! word how things stand, `view` in an answer; `sound` what must always be true.

mod arrivals;
mod books;
mod brake;
mod chances;
mod credit;
pub mod draw;
mod estimate;
mod grade;
mod idle;
mod inside;
mod lane;
mod line;
mod moves;
mod pace;
pub mod permutation;
mod phase;
mod present;
mod registration;
mod rules;
mod seen;
mod shares;
mod sound;
mod span;
mod stock;
mod ticket;
mod told;
mod turns;
mod view;

pub use arrivals::Arrivals;
pub use books::{Act, Change, ITSELF, MAX_CHANGES, Turned};
pub use brake::{Brake, BrakeRules, OPEN, Trouble};
pub use chances::LowChances;
pub use credit::{Credit, Valve};
pub use grade::{CLASSES, ERRORS, First, Grade, Marks, Raised, tenths};
pub use idle::Idle;
pub use inside::{Inside, Packed, Stay};
pub use lane::{BACK_EVERY, LaneLine, Row, Standing};
pub use line::{Line, LineShard, packed, unpacked};
pub use pace::{MAX_RAMP, Pace, Ramp};
pub use phase::{Phase, TicketState};
pub use registration::{Beacon, Minute};
pub use rules::{Dials, Lane, MAX_DIAL, MAX_LANES, Mode, RoomRules, SwitchOn};
pub use seen::Seen;
pub use shares::Shares;
pub use span::Span;
pub use stock::{Flow, Stock};
pub use ticket::{Claimed, Signer, TICKET_CHARS, Ticket, TicketKey, TicketText};
pub use told::MOST_UNSAID;
pub use view::{LONGEST_POLL, LaneView, LineView, TicketView};
