//! A ticket as its holder sees it. A crowd that waits asks for nothing else, so it is written by hand.

use onsale_engine::time::{Millis, Now};
use onsale_engine::waiting_room::{LowChances, TicketView};

use super::json::{self, Object};
use super::line::{chances_word, phase_word, state_word};
use super::time::{Deadline, Written};

/// The ticket with its pass, if it has one.
#[must_use]
pub fn ticket(view: &TicketView, pass: Option<&str>, now: Now) -> Vec<u8> {
    json::document(|object| {
        object.plain("ticket", &view.text);
        object.plain("sale", &view.sale);
        object.text("lane", &view.lane);
        object.plain("state", state_word(view.state));
        object.plain("phase", phase_word(view.phase));
        object.perhaps("message", view.message.as_deref(), Object::text);
        object.perhaps("place", view.place.map(u64::from), Object::number);
        object.perhaps("ahead", view.ahead.map(u64::from), Object::number);
        object.perhaps("wait_ms", view.wait, wait);
        object.perhaps("chances", view.chances.map(|_| chances_word()), Object::plain);
        object.perhaps("chances_reason", view.chances, reason);
        object.number("poll_after_ms", view.poll_after.0);
        if let Some(pass) = pass {
            object.plain("pass", pass);
        }
        if let Some(until) = view.until {
            let Deadline { expires_at, expires_in_ms } = Deadline::new(now, until);
            object.time("expires_at", expires_at);
            object.number("expires_in_ms", expires_in_ms);
        }
        object.time("server_time", Written(now.wall));
    })
}

/// At least and at most.
fn wait(object: &mut Object<'_>, name: &'static str, (Millis(low), Millis(high)): (Millis, Millis)) {
    object.object(name, |range| {
        range.number("low", low);
        range.number("high", high);
    });
}

/// Why chances are low.
fn reason(object: &mut Object<'_>, name: &'static str, chances: LowChances) {
    let LowChances { people_ahead, enough_for } = chances;
    object.object(name, |reason| {
        reason.number("people_ahead", people_ahead);
        reason.number("enough_for", enough_for);
        reason.plain(
            "text",
            &format!(
                "About {people_ahead} people who are there have their turn before; what is left is enough for about {enough_for}."
            ),
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::ids::SaleIx;
    use onsale_engine::time::{Timestamp, WallTime};
    use onsale_engine::waiting_room::{Phase, Ticket, TicketState};
    use serde_json::{Value, json};

    fn view() -> TicketView {
        TicketView {
            ticket: Ticket { sale: SaleIx(1), lane: 0, number: 4 },
            text: "qt_1".to_owned(),
            sale: "sh".to_owned(),
            lane: "M\u{fc}hle \"1\"".to_owned(),
            state: TicketState::Prequeue,
            phase: Phase::Prequeue,
            message: None,
            place: None,
            ahead: None,
            wait: None,
            chances: None,
            poll_after: Millis(10_000),
            until: None,
            pass_until: None,
            person: 0,
        }
    }

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("JSON")
    }

    #[test]
    fn what_is_not_known_is_null_and_what_is_not_there_is_left_out() {
        let now = Now { engine: Timestamp(5_000), wall: WallTime(1_000) };
        assert_eq!(
            read(&ticket(&view(), None, now)),
            json!({"ticket": "qt_1", "sale": "sh", "lane": "M\u{fc}hle \"1\"", "state": "prequeue", "phase": "prequeue",
                "message": null, "place": null, "ahead": null, "wait_ms": null, "chances": null, "chances_reason": null,
                "poll_after_ms": 10_000, "server_time": "1970-01-01T00:00:01Z"})
        );
        let called = TicketView {
            state: TicketState::Called,
            phase: Phase::Open,
            message: Some("a\n\"b\"".to_owned()),
            place: Some(7),
            ahead: Some(0),
            wait: Some((Millis(1), Millis(60_000))),
            chances: Some(LowChances { people_ahead: 900, enough_for: 20 }),
            until: Some(Timestamp(7_000)),
            ..view()
        };
        let said = read(&ticket(&called, Some("a.b.c"), now));
        assert_eq!(
            (&said["message"], &said["place"], &said["ahead"]),
            (&json!("a\n\"b\""), &json!(7), &json!(0))
        );
        assert_eq!(said["wait_ms"], json!({"low": 1, "high": 60_000}));
        assert_eq!((&said["chances"], &said["pass"]), (&json!("low"), &json!("a.b.c")));
        assert_eq!(said["chances_reason"]["people_ahead"], 900);
        assert_eq!(said["expires_at"], "1970-01-01T00:00:03Z");
        assert_eq!(said["expires_in_ms"], 2_000);
    }
}
