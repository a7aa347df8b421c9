//! Wakes everybody at their instants: devices on the agenda, visitors inside whose next step is due, and a reader of the
//! public document. It never waits for an answer.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::room::Room;
use super::told;
use super::views::{EVERY, Views};
use crate::client::Call;
use crate::measured::Kind;
use crate::pace::Pace;
use crate::turns::Turn;

/// The public document is read so often, as by the edge of a network that serves it to everybody else.
const LINE_EVERY: Duration = Duration::from_millis(100);

/// Whatever was put on the agenda meanwhile is looked at after so long; nothing is put there less far ahead but by somebody
/// whose turn it is at once.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Devices woken before others get to do something.
const AT_ONCE: usize = 32;

/// From `begin` until every device has had its final answer, or `until`; with the pages of those who only look.
pub async fn walk(room: &Rc<Room>, begin: Instant, until: Instant, views: Option<&Views>) {
    let pace = Pace::new();
    let (mut line_at, mut views_at) = (begin, begin);
    pace.until(begin).await;
    while room.unended() > 0 && Instant::now() < until {
        let now = Instant::now();
        while line_at <= now {
            read_line(room, line_at);
            line_at += LINE_EVERY;
        }
        while let Some(views) = views.filter(|_| views_at <= now) {
            views.send(room, views_at);
            views_at += EVERY;
        }
        for _ in 0..AT_ONCE {
            let Some((number, due)) = room.awake(now) else { break };
            tokio::task::spawn_local(Rc::clone(room).step(number, due));
        }
        while room.shop.desk.floor.turns.give_due(now) {}
        let dues = [room.next_waking(), room.shop.desk.floor.turns.next_due(), views.map(|_| views_at)];
        let next = dues.into_iter().flatten().fold(line_at.min(now + LOOK_AGAIN), Instant::min);
        if next <= now {
            tokio::task::yield_now().await;
        } else {
            pace.until(next).await;
        }
    }
    room.shop.desk.floor.settle().await;
}

fn read_line(room: &Rc<Room>, due: Instant) {
    let call = Rc::new(Call::get(format!("/v1/sales/{}/queue", room.shop.desk.sale)));
    let here = Rc::clone(room);
    room.shop.desk.floor.begin(Kind::Line, Turn::at(due), &call, move |answer| {
        if answer.status != 200 {
            return;
        }
        match answer.read::<told::Line<'_>>() {
            Ok(line) => here.seen.borrow_mut().line(&line, Instant::now().checked_duration_since(here.t0)),
            Err(error) => {
                here.shop.desk.floor.measured.borrow_mut().breach(format!("line: cannot be read: {error}"));
            }
        }
    });
}
