//! Changes of slots and sales that would make a promise untrue, and are refused: a seat for two, days that move, a product that
//! two rules sell; and a cursor that nobody gave.

use crate::server_common::{OPERATOR, TestServer, WEB};
use serde_json::{Value, json};

fn sale(server: &TestServer, settings: &Value, slots: &Value) {
    assert_eq!(server.json("PUT", "/v1/sales/day", OPERATOR, "s", settings).status, 201);
    assert_eq!(
        server.json("POST", "/v1/sales/day/slots", OPERATOR, "i", &json!({"slots": slots})).status,
        200
    );
}

#[test]
fn a_numbered_seat_is_for_one() {
    let server = TestServer::start(&[]);
    let seat =
        json!([{"id": "a-1", "venue": "hall", "section": "a", "row": "1", "seat": "1", "capacity": 1}]);
    sale(&server, &json!({"time_zone": "UTC"}), &seat);
    let patch = |capacity: u32| {
        server.json("PATCH", "/v1/sales/day/slots/a-1", OPERATOR, "", &json!({"capacity": capacity}))
    };
    patch(2).problem(422, "rule");
    assert_eq!(patch(0).value()["capacity"], 0);
    assert_eq!(patch(1).value()["capacity"], 1);
}

#[test]
fn a_venue_with_slots_keeps_its_time_zone() {
    let server = TestServer::start(&[]);
    let slots = json!([{"id": "a", "venue": "kiel", "starts_at": "2026-11-29T23:30:00Z", "capacity": 1}]);
    sale(&server, &json!({"time_zone": "UTC"}), &slots);
    let patch = |change: &Value| server.json("PATCH", "/v1/sales/day", OPERATOR, "", change);
    patch(&json!({"time_zone": "Europe/Berlin"})).problem(422, "rule");
    patch(&json!({"venues": {"kiel": {"time_zone": "Europe/Berlin"}}})).problem(422, "rule");
    assert_eq!(patch(&json!({"venues": {"other": {"time_zone": "Europe/Berlin"}}})).status, 200);
}

#[test]
fn what_is_sold_only_in_one_rule_is_no_part_of_another() {
    let server = TestServer::start(&[]);
    let bundle = |second: &str| json!({"parts": ["dose1", second], "same": "venue"});
    let settings = json!({"time_zone": "UTC", "bundles": {"two-doses": bundle("dose2"), "other": bundle("x")},
        "products": {"dose1": {"sold_only_in": "two-doses"}}});
    server.json("PUT", "/v1/sales/day", OPERATOR, "s", &settings).problem(422, "rule");
}

#[test]
fn a_damaged_cursor_does_not_begin_again() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"time_zone": "UTC"}), &json!([{"id": "a", "venue": "kiel", "capacity": 2}]));
    server.get("/v1/sales/day/slots?after=x", WEB).problem(400, "malformed");
    server.get("/v1/sales/day/orders?after=ord_x", WEB).problem(400, "malformed");
}
