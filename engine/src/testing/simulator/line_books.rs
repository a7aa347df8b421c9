//! The naive twin of the one waiting room of a run, kept from the answers alone: who was given which place, what they were
//! shown, whose session was begun, and what operators turned.

use std::collections::BTreeMap;

use crate::ids::CustomerHash;
use crate::sequence::Sequence;
use crate::time::{Timestamp, WallTime};
use crate::waiting_room::draw::Registrations;
use crate::waiting_room::{Dials, Mode, RoomRules, Ticket};

/// Lane and number.
pub(super) type Place = (u8, u32);

pub(super) fn place_of(ticket: Ticket) -> Place {
    (ticket.lane, ticket.number)
}

/// A session as somebody was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    /// Nobody was told of one since the ticket joined, or came back.
    #[default]
    Nothing,
    /// It runs until then.
    Until(Timestamp),
    /// The order was made, or the holder left.
    Ended,
}

/// A ticket as its holder knows it.
#[derive(Clone, Debug)]
pub(super) struct TicketBook {
    pub ticket: Ticket,
    pub text: String,
    /// 0 for who proved nothing.
    pub person: u128,
    /// The place that was shown.
    pub place: Option<u32>,
    /// How many were ahead, as last shown.
    pub ahead: Option<u32>,
    pub session: Told,
    pub touched: Sequence,
}

/// The room as everybody was shown it last.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub commitment: [u8; 32],
    pub seed: Option<[u8; 32]>,
    pub closed: Option<WallTime>,
    pub drawn: Option<WallTime>,
    pub registrations: Registrations,
    /// By lane, how many places have had their turn.
    pub turns: Vec<u32>,
    pub admitted: u64,
}

/// What a success, or a look, brought.
#[derive(Clone, Debug)]
pub(super) enum LineEntry {
    Joined {
        ticket: Ticket,
        text: String,
        person: u128,
    },
    /// `beside`: the answer rests on something beside the line as well, so its number says nothing about the ticket.
    Stands {
        at: Place,
        place: Option<u32>,
        ahead: Option<u32>,
        session: Told,
        beside: bool,
    },
    Ended {
        at: Place,
    },
    Turned {
        mode: Mode,
        dials: Dials,
        message: Option<String>,
        beacon: Option<String>,
    },
    Shown(Shown),
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct LineBook {
    pub tickets: BTreeMap<Place, TicketBook>,
    pub mode: Mode,
    /// None while there is no room.
    pub dials: Option<Dials>,
    pub message: Option<String>,
    pub beacon: Option<String>,
    /// How often operators turned something, by hand or by the settings.
    pub turned: u64,
    pub touched: Sequence,
    pub shown: Option<Shown>,
}

impl TicketBook {
    /// Whose carts the ticket's pass makes: what the gateway asks the engine for.
    pub fn customer(&self) -> CustomerHash {
        let alone = u128::from(self.ticket.lane) << 40 | u128::from(self.ticket.number) << 8 | 7;
        CustomerHash(if self.person == 0 { alone } else { self.person })
    }
}

impl LineBook {
    /// How many tickets of a lane were given.
    pub fn given(&self, lane: u8) -> u32 {
        u32::try_from(self.tickets.range((lane, 0)..=(lane, u32::MAX)).count()).unwrap_or(u32::MAX)
    }

    pub fn by_text(&self, text: &str) -> Option<&TicketBook> {
        self.tickets.values().find(|book| book.text == text)
    }

    pub fn by_person(&self, person: u128) -> Option<&TicketBook> {
        self.tickets.values().find(|book| book.person == person)
    }

    /// The sale was set: new terms turn a dial only if they name another than the old ones did.
    pub fn set(&mut self, before: Option<&RoomRules>, room: &RoomRules, number: Sequence) {
        self.touched = number;
        let (Some(before), Some(dials)) = (before, &mut self.dials) else {
            self.dials = Some(room.dials);
            return;
        };
        let was = *dials;
        if before.dials.admit_per_minute != room.dials.admit_per_minute {
            dials.admit_per_minute = room.dials.admit_per_minute;
        }
        if before.dials.max_active != room.dials.max_active {
            dials.max_active = room.dials.max_active;
        }
        self.turned += u64::from(*dials != was);
    }

    pub fn enter(&mut self, number: Sequence, entry: &LineEntry) {
        match entry {
            LineEntry::Joined { ticket, text, person } => {
                let book = TicketBook {
                    ticket: *ticket,
                    text: text.clone(),
                    person: *person,
                    place: None,
                    ahead: None,
                    session: Told::Nothing,
                    touched: number,
                };
                let known = self.tickets.insert(place_of(*ticket), book);
                assert!(known.is_none(), "{ticket:?} was given twice: {known:?}");
            }
            LineEntry::Stands { at, place, ahead, session, beside } => {
                let Some(book) = self.tickets.get_mut(at) else { return };
                book.place = place.or(book.place);
                book.ahead = ahead.or(book.ahead);
                book.session = *session;
                book.touched = if *beside { book.touched } else { number };
            }
            LineEntry::Ended { at } => {
                let Some(book) = self.tickets.get_mut(at) else { return };
                (book.session, book.touched) = (Told::Ended, number);
            }
            LineEntry::Turned { mode, dials, message, beacon } => {
                (self.mode, self.dials, self.message) = (*mode, Some(*dials), message.clone());
                self.beacon = beacon.clone().or(self.beacon.take());
                self.turned += 1;
                self.touched = number;
            }
            LineEntry::Shown(shown) => self.shown = Some(shown.clone()),
        }
    }
}
