//! Setting the S1 sale up before its opening: settings, slots, the season, the instant of the opening; and the proof that
//! nothing can be booked before it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::s1_inventory::{self, GAP_DAYS, NewSlot};
use crate::audit::{Check, loaded::Loaded};
use crate::client::Call;
use crate::draw;
use crate::failure::Failure;
use crate::operator::{Operator, unreadable};
use crate::refusals::Problem;
use crate::wire::Imported;

/// Lines of one upload; 20,000 slots are some 3 MB.
const LINES: usize = 20_000;

/// The settings of the sale.
pub(super) fn settings(season: bool, opens_at: jiff::Timestamp) -> Value {
    let pair = |parts: [&str; 2]| json!({"parts": parts, "same": "venue", "gap_days": [GAP_DAYS, 28]});
    let mut settings = json!({
        "name": "Impfzentren Schleswig-Holstein",
        "time_zone": "Europe/Berlin",
        "opens_at": opens_at.to_string(),
        "hold_ttl_ms": 600_000,
        "hold_max_ms": 1_800_000,
        "limit_per_customer": {"units": 2, "orders": 1},
        "waiting_room": {"enabled": false},
        "checkout": {"provider": "instant"},
        "bundles": {"two-doses": pair(["dose1", "dose2"])},
        "products": {"dose1": {"sold_only_in": "two-doses"}, "dose2": {"sold_only_in": "two-doses"}},
    });
    if season {
        settings["bundles"]["two-doses-season"] = pair(["season1", "season2"]);
        for product in ["season1", "season2"] {
            settings["products"][product] = json!({"sold_only_in": "two-doses-season"});
        }
    }
    settings
}

/// Creates the sale and loads its slots; gives back what was loaded.
pub(super) async fn load(
    operator: &Operator,
    sale: &str,
    settings: &Value,
    slots: &[NewSlot],
    season: Option<f64>,
) -> Result<Loaded, Failure> {
    let today = jiff::Timestamp::now();
    let create = Call::new(Method::PUT, format!("/v1/sales/{sale}")).json(settings);
    operator.expect(create, &[201]).await?;
    let opening_day = today.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut upload =
        Upload { operator, sale, opening_day, lines: Vec::new(), waiting: 0, loaded: Loaded::default() };
    upload.add(slots).await?;
    if let Some(scale) = season {
        for day in s1_inventory::season(scale) {
            upload.add(&day).await?;
        }
    }
    upload.send().await?;
    Ok(upload.loaded)
}

/// The opening as both clocks tell it: a whole second of the wall clock, so many seconds ahead and a little more.
pub(super) fn opening_instant(ahead_s: f64) -> (jiff::Timestamp, Instant) {
    let (now, instant) = (jiff::Timestamp::now(), Instant::now());
    let lead = draw::seconds(ahead_s + 1.5);
    let second = jiff::Timestamp::from_second((now + lead).as_second() + 1).unwrap_or(now + lead);
    let ahead = Duration::try_from(second.duration_since(now)).unwrap_or(lead);
    (second, instant + ahead)
}

/// Sets the instant of the opening.
pub(super) async fn open_at(operator: &Operator, sale: &str, at: jiff::Timestamp) -> Result<(), Failure> {
    let path = format!("/v1/sales/{sale}");
    let mut patch = Call::new(Method::PATCH, &path).json(&json!({"opens_at": at.to_string()}));
    // The contract asks for `If-Match` when settings are replaced and is silent about merging: it is sent when asked for.
    let answer = operator.ask(patch.clone()).await?;
    if answer.status == 428 {
        patch.if_match = operator.expect(Call::get(&path), &[200]).await?.etag;
    } else if answer.status == 200 {
        return Ok(());
    }
    operator.expect(patch, &[200]).await?;
    Ok(())
}

/// Tries to hold before the opening, in three ways; each must be refused because the sale is closed.
pub(super) async fn nothing_bookable(
    shop: &Operator,
    sale: &str,
    run: &str,
    slots: &[NewSlot],
) -> Result<Check, Failure> {
    let named = |product: &str| slots.iter().find(|slot| slot.place.product == product);
    let (Some(first), Some(second)) = (named("dose1"), named("dose2")) else {
        return Err(unreadable("the inventory", "it has no pair"));
    };
    let pair = [&first.place.id, &second.place.id];
    let wishes = [
        json!({"bundle": {"rule": "two-doses", "venue": first.place.venue}}),
        json!({"bundle": {"rule": "two-doses", "slots": pair}}),
        json!({"slot": first.place.id, "quantity": 1}),
    ];
    let mut cases = Vec::new();
    for (number, item) in wishes.iter().enumerate() {
        let body = json!({"customer": format!("early-{run}-{number}"), "items": [item]});
        let call = Call::new(Method::POST, format!("/v1/sales/{sale}/carts")).json(&body);
        let answer = shop.ask(call.once(format!("{run}-early-{number}"))).await?;
        let code = answer.read::<Problem>().map(|problem| problem.code).unwrap_or_default();
        // A single dose is refused for two reasons; the contract's order of precedence is the server's to choose.
        let refused = answer.status == 422
            && matches!(code.as_str(), "sale-closed" | "not-released" | "bundle-only" | "rule");
        if !refused {
            cases.push(format!("{item} was answered {} {code}", answer.status));
        }
    }
    Ok(Check::no_cases("nothing can be booked before the opening", &cases, "3 attempts refused"))
}

struct Upload<'a> {
    operator: &'a Operator,
    sale: &'a str,
    opening_day: jiff::civil::Date,
    lines: Vec<u8>,
    waiting: usize,
    loaded: Loaded,
}

impl Upload<'_> {
    async fn add(&mut self, slots: &[NewSlot]) -> Result<(), Failure> {
        for slot in slots {
            let Some(json) = slot.json(self.opening_day) else {
                return Err(unreadable("the inventory", "a day lies outside the calendar"));
            };
            let (Some(day), place) = (slot.date(self.opening_day), &slot.place) else {
                return Err(unreadable("the inventory", "a day lies outside the calendar"));
            };
            self.loaded.add(&place.id, &place.venue, &day.to_string(), place.capacity);
            self.lines.extend_from_slice(json.to_string().as_bytes());
            self.lines.push(b'\n');
            self.waiting += 1;
            if self.waiting == LINES {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if self.waiting == 0 {
            return Ok(());
        }
        let path = format!("/v1/sales/{}/slots", self.sale);
        let body = Bytes::from(std::mem::take(&mut self.lines));
        let call = Call::new(Method::POST, &path).body(body, "application/x-ndjson");
        let answer = self.operator.expect(call, &[200, 201]).await?;
        let told: Imported = answer.read().map_err(|error| unreadable(&path, error))?;
        let taken = told.added + told.updated + told.unchanged;
        if told.rejected_count > 0 || usize::try_from(taken) != Ok(self.waiting) {
            return Err(Failure::new(
                "The slots were not all taken.",
                format!("{taken} of {} lines; the first refused: {:?}", self.waiting, told.rejected.first()),
                "look into the server's log; the slots of this scenario are within the contract",
            ));
        }
        self.waiting = 0;
        Ok(())
    }
}

/// A name for this run that no other run has: idempotency keys and customers are made of it.
pub(super) fn run_name() -> String {
    format!("r{:x}", jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_season_has_a_rule_of_its_own() {
        let settings = settings(true, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(settings["products"]["season2"]["sold_only_in"], "two-doses-season");
        assert_eq!(settings["bundles"]["two-doses"]["gap_days"], json!([21, 28]));
        assert_eq!(settings["opens_at"], "1970-01-01T00:00:00Z");
    }
}
