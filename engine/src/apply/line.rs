//! What facts about waiting do, and whether they can: the mirror of what the rooms of `waiting_room` change, fact by fact.

use std::sync::Arc;

use super::carts::remember;
use super::fits::Misfit;
use crate::catalog::SaleRecord;
use crate::digest::Digest;
use crate::fact::{Joined, LineFact, MAX_SHOWN, ShownRange};
use crate::ids::{CartId, SaleIx};
use crate::keys::Answered;
use crate::request::KeyUse;
use crate::sale::SaleRules;
use crate::state::Held;
use crate::time::{Timestamp, WallTime};
use crate::waiting_room::draw::{MOST_REGISTRATIONS, Seed};
use crate::waiting_room::{
    First, Line, LineShard, MAX_RAMP, Ramp, RoomRules, Standing, TicketKey, Turned, tenths,
};

/// A line and the digest it counts in.
fn line(held: &mut impl Held, sale: SaleIx) -> Option<(&mut Line, &mut Digest)> {
    let shard = LineShard::of(sale, held.shards());
    let LineShard { lines, digest, .. } = held.lines(shard);
    lines.get_mut(&sale).map(|line| (line, digest))
}

pub fn joined(held: &mut impl Held, fact: &Joined) {
    if let Some((line, digest)) = line(held, fact.sale) {
        line.join(digest, fact.sale, fact.lane, fact.person, fact.wall);
    }
}

/// A sale with a waiting room is set: its line is made, or has other terms.
pub fn room_set(
    held: &mut impl Held,
    at: Timestamp,
    sale: SaleIx,
    record: &SaleRecord,
    room: &RoomRules,
    wall: WallTime,
    secrets: Option<([u8; 32], [u8; 32])>,
) {
    let shard = LineShard::of(sale, held.shards());
    let lines = &mut held.lines(shard).lines;
    match secrets {
        Some((seed, key)) => {
            lines.insert(sale, Line::new(&record.rules, room, Seed(seed), TicketKey(key), wall));
        }
        None => {
            if let Some(line) = lines.get_mut(&sale) {
                line.set_rules(&record.rules, room, at, wall);
            }
        }
    }
}

/// The settings of a sale with its waiting room.
pub fn with_room(rules: &SaleRules, room: &RoomRules) -> SaleRules {
    SaleRules { room: Some(Arc::new(room.clone())), ..rules.clone() }
}

pub fn happened(held: &mut impl Held, at: Timestamp, sale: SaleIx, fact: &LineFact) {
    let Some((line, digest)) = line(held, sale) else { return };
    match fact {
        LineFact::Noted { wall } => line.note_minute(*wall),
        LineFact::Closed { wall, registrations: _ } => line.close(*wall),
        LineFact::Beacon { beacon, wall, credential, reason } => {
            line.post_beacon(beacon.clone(), (*wall, *credential, reason.clone()));
        }
        LineFact::Drawn { wall, registrations: _ } => line.restore_draw(*wall),
        LineFact::Called { lane, from: _, places, passed, until } => {
            line.call(digest, *lane, *places, passed, *until, at);
        }
        LineFact::CalledBack { lane, people, until } => {
            line.call_back(digest, *lane, *people, &[], *until, at)
        }
        LineFact::TurnedBack { lane, looked, absent, until } => {
            line.call_back(digest, *lane, *looked, absent, *until, at);
        }
        LineFact::CameBack { lane, number } => line.come_back(digest, *lane, *number, at),
        LineFact::Claimed { lane, number, until } => line.claim(digest, *lane, *number, *until),
        LineFact::Ended { lane, number } => line.end(digest, *lane, *number, Standing::Over, at),
        LineFact::Left { lane, number } => line.end(digest, *lane, *number, Standing::Left, at),
        LineFact::Settled { stays } => line.settle(digest, *stays, at),
        LineFact::Set { mode, dials, ramp, message, undoes, wall, credential, reason } => {
            let after = Turned { mode: *mode, dials: *dials, ramp: *ramp, message: message.clone() };
            line.turn(after, *undoes, at, (*wall, *credential, reason.clone()));
        }
        LineFact::Admitted { people, wall, credential, reason } => {
            line.note_admitted(*people, (*wall, *credential, reason.clone()));
        }
        LineFact::AdmittedOnce { people, wall, credential, reason, key, fingerprint } => {
            line.note_admitted(*people, (*wall, *credential, reason.clone()));
            let key = KeyUse { key: *key, fingerprint: *fingerprint };
            remember(held, Some(key), at, Answered::Admitted, CartId(u64::from(*people)), 0);
        }
        LineFact::Shown { lane, entries, raised } => {
            let then = |ago: u16| tenths(at).wrapping_sub(u32::from(ago));
            let of = |range: &ShownRange| {
                let first = First { shown: then(range.ago), low: range.low, high: range.high };
                (range.number, first)
            };
            let entries: Vec<_> = entries.iter().map(of).collect();
            line.show(digest, *lane, &entries, raised);
        }
        LineFact::Bound { lane, number, token } => line.bind_token(digest, *lane, *number, *token),
    }
}

macro_rules! demand {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(Misfit(format!($($words)*)));
        }
    };
}

pub fn joined_fits(held: &mut impl Held, fact: &Joined) -> Result<(), Misfit> {
    let Some((line, _)) = line(held, fact.sale) else {
        return Err(Misfit(format!("sale {} has no waiting room", fact.sale.0)));
    };
    let Some(lane) = line.lanes.get(usize::from(fact.lane)) else {
        return Err(Misfit(format!("there is no lane {}", fact.lane)));
    };
    demand!(lane.len() == fact.number, "number {} after {}", fact.number, lane.len());
    demand!(fact.number < MOST_REGISTRATIONS, "number {} of a lane", fact.number);
    demand!(fact.person == 0 || line.ticket_of(fact.person).is_none(), "a person with a ticket joins");
    Ok(())
}

/// Whether a sale with a room can be set: secrets come with the first, lanes keep their places.
pub fn room_fits(held: &mut impl Held, sale: SaleIx, room: &RoomRules, secrets: bool) -> Result<(), Misfit> {
    demand!(room.check().is_ok(), "a waiting room whose settings do not fit");
    match line(held, sale) {
        None => demand!(secrets, "a line without secrets"),
        Some((line, _)) => {
            demand!(!secrets, "a second line of sale {}", sale.0);
            demand!(keeps_lanes(line, room), "lanes that change while people stand in them");
        }
    }
    Ok(())
}

/// Whether the lanes are the same, in the same order, or nobody stands in them yet: they are part of the draw.
#[must_use]
pub fn keeps_lanes(line: &Line, room: &RoomRules) -> bool {
    let names = |rules: &RoomRules| rules.lanes.iter().map(|lane| lane.name.clone()).collect::<Vec<_>>();
    line.tickets() == 0 || names(&line.rules) == names(room)
}

pub fn line_fits(held: &mut impl Held, at: Timestamp, sale: SaleIx, fact: &LineFact) -> Result<(), Misfit> {
    let Some((line, _)) = line(held, sale) else {
        return Err(Misfit(format!("sale {} has no waiting room", sale.0)));
    };
    let stands = |lane: u8, number: u32, wanted: &[Standing]| {
        let standing = line.standing(lane, number, at).map(|(standing, _)| standing);
        demand!(
            standing.is_some_and(|standing| wanted.contains(&standing)),
            "ticket {number} of lane {lane} is {standing:?}, not {wanted:?}"
        );
        Ok(())
    };
    match fact {
        LineFact::Noted { .. } => demand!(line.registers(), "registrations noted after they closed"),
        LineFact::Closed { registrations, .. } => {
            demand!(line.registers(), "registration closed twice");
            let here = line.registrations().count;
            demand!(here == *registrations, "{registrations} registrations, here are {here}");
        }
        LineFact::Beacon { .. } => {
            demand!(line.closed.is_some(), "a beacon while people register");
            demand!(line.beacon.is_none() && line.drawn.is_none(), "a beacon too many, or too late");
        }
        LineFact::Drawn { registrations, .. } => {
            demand!(line.drawn.is_none() && line.closed.is_some(), "a second draw, or one before the close");
            let here = line.registrations().count;
            demand!(here == *registrations, "a draw of {registrations}, here are {here}");
        }
        LineFact::Called { lane, from, places, passed, until } => {
            demand!(line.drawn.is_some(), "a call before the draw");
            demand!(*until > at, "a call that has ended");
            let Some(known) = line.lanes.get(usize::from(*lane)) else {
                return Err(Misfit(format!("there is no lane {lane}")));
            };
            demand!(known.turns == *from, "a call from place {from}, the next is {}", known.turns);
            demand!(*places <= known.waiting(), "a call of {places} places of {}", known.waiting());
            let within = passed.iter().all(|place| (*from..from + places).contains(place));
            demand!(within && passed.is_sorted(), "passed places outside of the call");
        }
        LineFact::CalledBack { lane, people, until } => {
            demand!(*until > at, "a call that has ended");
            let back = line.lanes.get(usize::from(*lane)).map_or(0, |lane| lane.back.len());
            demand!(*people as usize <= back, "{people} called back of {back}");
        }
        LineFact::TurnedBack { lane, looked, absent, until } => {
            demand!(*until > at, "a call that has ended");
            let back = line.lanes.get(usize::from(*lane)).map_or(0, |lane| lane.back.len());
            demand!(*looked as usize <= back, "a turn of {looked} of {back} who are back");
            let within = absent.iter().all(|place| place < looked);
            demand!(within && absent.is_sorted(), "absent people outside of the turn");
        }
        LineFact::CameBack { lane, number } => {
            let away = [Standing::Passed, Standing::Lapsed, Standing::Over, Standing::Left];
            stands(*lane, *number, &away)?;
        }
        LineFact::Claimed { lane, number, until } => {
            demand!(*until > at, "a session that has ended");
            stands(*lane, *number, &[Standing::Called])?;
        }
        LineFact::Ended { lane, number } => stands(*lane, *number, &[Standing::Inside])?,
        LineFact::Left { lane, number } => {
            let there =
                [Standing::Waiting, Standing::Passed, Standing::Back, Standing::Called, Standing::Inside];
            stands(*lane, *number, &there)?;
        }
        LineFact::Settled { stays } => {
            let ended = line.inside.ended(at, *stays as usize);
            demand!(ended == *stays as usize, "{stays} stays settled where {ended} have ended");
        }
        LineFact::Set { dials, ramp, .. } => {
            demand!(dials.check().is_ok(), "dials out of bounds");
            let fits = |ramp: &Ramp| (1..=MAX_RAMP.0).contains(&ramp.over.0) && ramp.begins <= at;
            demand!(ramp.as_ref().is_none_or(fits), "a ramp out of bounds");
        }
        LineFact::Admitted { people, .. } | LineFact::AdmittedOnce { people, .. } => {
            demand!(*people > 0, "nobody admitted")
        }
        LineFact::Shown { lane, entries, raised } => {
            demand!(line.lanes.len() > usize::from(*lane), "there is no lane {lane}");
            demand!(entries.len() <= MAX_SHOWN, "{} ranges in one fact", entries.len());
            demand!(entries.is_sorted_by(|one, next| one.number < next.number), "ranges out of order");
            let most = raised.times.max(raised.tickets.saturating_add(raised.caused));
            demand!(most == raised.times, "{raised:?} bounds rose");
            for ShownRange { number, low, high, .. } in entries {
                let row = line.row(*lane, *number);
                let fresh = row.is_some_and(|row| row.standing == Standing::Waiting && row.first().is_none());
                demand!(fresh, "a first range of ticket {number}: {row:?}");
                demand!(low <= high && !high.is_zero(), "a range from {low:?} to {high:?}");
            }
        }
        LineFact::Bound { lane, number, token } => {
            demand!(line.row(*lane, *number).is_some(), "a token of ticket {number} of lane {lane}");
            demand!(!line.tokens.contains_key(token), "a token that makes a second ticket");
        }
    }
    Ok(())
}
