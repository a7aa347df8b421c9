//! The shapes on the wire, for the API description.

use serde_json::{Map, Value, json};

use crate::problem::TABLE;

fn nullable(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn time_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn list(of: &str) -> Value {
    json!({"type": "object", "required": ["items", "next", "server_time"], "properties": {
        "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{of}")}},
        "next": nullable("string"), "server_time": time()}})
}

/// All of them.
pub fn all() -> Value {
    let mut schemas = json!({
        "Empty": {"type": "object", "additionalProperties": false},
        "Problem": problem(),
        "ChangeList": list("Change"), "SaleList": list("Sale"), "SlotList": list("Slot"), "OrderList": list("Order"),
    });
    for part in [sales(), stock(), carts(), orders(), lines(), super::access_codes::shapes()] {
        if let (Value::Object(all), Value::Object(part)) = (&mut schemas, part) {
            all.extend(part);
        }
    }
    schemas
}

fn lines() -> Value {
    let mode = json!({"enum": ["pass_through", "queue", "pause", "drain", "closed"]});
    let phase = json!({"enum": ["scheduled", "prequeue", "open", "paused", "draining", "pass_through", "sold_out", "closed"]});
    let lane = json!({"type": "object", "required": ["lane", "called_up_to", "waiting"], "properties":
        {"lane": {"type": "string"}, "called_up_to": count(), "waiting": count()}});
    let turned = json!({"type": "object", "properties": {"mode": mode.clone(), "admit_per_minute": count(),
        "ramp_ms": nullable("integer"), "max_active": count(), "message": nullable("string")}});
    let hex = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    json!({
        "JoinInput": {"type": "object", "additionalProperties": false, "properties": {
            "ticket": id(), "customer": {"type": "string", "minLength": 1, "maxLength": 128},
            "lane": {"type": "string", "minLength": 1, "maxLength": 32},
            "access_code": {"type": "string"},
            "enqueue_token": {"type": "string", "minLength": 1, "maxLength": 4096}}},
        "Ticket": {"type": "object",
            "required": ["ticket", "sale", "lane", "state", "phase", "message", "place", "ahead", "wait_ms", "chances",
                "chances_reason", "poll_after_ms", "server_time"],
            "properties": {
                "ticket": id(), "sale": id(), "lane": {"type": "string"},
                "state": {"enum": ["prequeue", "waiting", "called", "admitted", "lapsed", "left", "sold_out", "closed"]},
                "phase": phase.clone(), "message": nullable("string"),
                "place": nullable("integer"), "ahead": nullable("integer"),
                "wait_ms": {"type": ["object", "null"], "properties": {"low": count(), "high": count()}},
                "chances": {"enum": ["low", null]},
                "chances_reason": {"type": ["object", "null"], "required": ["people_ahead", "enough_for", "text"], "properties":
                    {"people_ahead": count(), "enough_for": count(), "text": {"type": "string"}}},
                "poll_after_ms": count(), "pass": {"type": "string"}, "expires_at": time(),
                "expires_in_ms": count(), "server_time": time()}},
        "PlaceForm": {"type": "object", "required": ["do"], "properties": {"do": {"enum": ["again", "leave", "go"]}}},
        "TicketEvents": {"type": "string", "description":
            "Server-Sent Events: `event: ticket`, `data:` a Ticket on one line; comments as heartbeats"},
        "Line": {"type": "object",
            "required": ["sale", "phase", "mode", "admit_per_minute", "max_active", "message", "lanes", "commitment", "as_of", "server_time"],
            "properties": {
                "sale": id(),
                "phase": phase,
                "mode": mode.clone(), "admit_per_minute": count(), "max_active": count(), "message": nullable("string"),
                "opens_at": time_or_null(), "joins_from": time_or_null(), "lanes": {"type": "array", "items": lane},
                "active": count(), "admitted": count(), "free": count(), "stock": {"enum": ["available", "few", "all_held", "sold_out", "not_released", null]},
                "rate_per_minute": count(), "called_in_vain": count(),
                "brake": {"type": ["object", "null"], "properties": {"open_percent": count(),
                    "reason": {"enum": ["slow_checkout", "errors", "journal", null]}}},
                "finishes_at": time_or_null(), "finishes_at_before": time_or_null(), "version": count(), "commitment": hex.clone(),
                "seed": nullable("string"), "registrations": count(), "as_of": time(), "server_time": time()}},
        "Estimates": estimates(),
        "Draw": {"type": "object",
            "required": ["sale", "algorithm", "phase", "commitment", "seed", "beacon", "registrations", "minutes", "lanes", "drawn_at", "statement"],
            "properties": {
                "sale": id(), "algorithm": {"const": "onsale-draw-1"}, "phase": {"enum": ["committed", "closed", "drawn"]},
                "commitment": hex.clone(), "seed": nullable("string"), "beacon": nullable("string"),
                "registrations": {"type": "object", "required": ["count", "digest"],
                    "properties": {"count": count(), "digest": hex.clone()}},
                "minutes": {"type": "array", "items": {"type": "object", "required": ["at", "count", "digest"],
                    "properties": {"at": time(), "count": count(), "digest": hex.clone(),
                        "by_lane": {"type": "array", "items": count()}}}},
                "lanes": {"type": "array", "items": {"type": "object", "required": ["lane", "count", "digest"],
                    "properties": {"lane": {"type": "string"}, "count": count(), "digest": hex.clone()}}},
                "drawn_at": time_or_null(), "statement": {"type": "string"},
                "entries": {"type": "array", "items": {"type": "object", "properties": {
                    "lane": {"type": "string"}, "number": count(), "joined_at_ms": count(), "leaf": {"type": "string"}}}}}},
        "Change": {"type": "object", "required": ["sale", "change", "what", "at", "who", "reason"], "properties": {
            "sale": id(), "change": count(), "what": {"enum": ["queue", "admit", "beacon"]}, "at": time(),
            "who": {"type": "string"}, "old": turned.clone(), "new": turned, "undoes": count(), "called": count(),
            "beacon": {"type": "string"}, "reason": nullable("string")}},
        "LineInput": {"type": "object", "additionalProperties": false, "properties": {
            "mode": mode, "admit_per_minute": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
            "max_active": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
            "message": {"type": ["string", "null"], "maxLength": 500}, "reason": {"type": "string", "maxLength": 500},
            "ramp_ms": {"type": "integer", "minimum": 0, "maximum": 86_400_000}, "undo": count(),
            "beacon": {"type": "string", "minLength": 1, "maxLength": 500}}},
        "AdmitInput": {"type": "object", "additionalProperties": false, "required": ["count"], "properties": {
            "count": {"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32},
            "reason": {"type": "string", "maxLength": 500}}},
        "Admitted": {"type": "object", "required": ["called", "server_time"], "properties":
            {"called": count(), "server_time": time()}}})
}

fn estimates() -> Value {
    let figures =
        ["shown", "called", "inside", "early", "late", "near", "absent", "left", "called_without_estimate"];
    let counts = |names: &[&str]| {
        let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), count())).collect();
        json!({"type": "object", "required": names, "properties": properties})
    };
    let mut grade = counts(&figures);
    for name in ["inside_percent", "near_percent"] {
        grade["properties"][name] = nullable("integer");
    }
    grade["properties"]["after_a_change"] = counts(&["called", "inside", "early", "late"]);
    grade["properties"]["bounds"] =
        counts(&["raised", "raised_for_a_cause", "tickets", "mean_ms", "most_ms"]);
    grade["properties"]["errors"] = json!({"type": "array", "items": {"type": "object", "required":
        ["below_percent", "tickets"], "properties": {"below_percent": nullable("integer"), "tickets": count()}}});
    let mut lane = grade.clone();
    lane["properties"]["lane"] = json!({"type": "string"});
    grade["properties"]["sale"] = id();
    grade["properties"]["lanes"] = json!({"type": "array", "items": lane});
    grade["properties"]["as_of"] = time();
    grade["properties"]["server_time"] = time();
    grade
}

fn problem() -> Value {
    let codes: Vec<_> = TABLE.iter().map(|entry| entry.name).collect();
    json!({"type": "object", "required": ["type", "title", "status", "detail", "request_id"], "properties": {
        "type": {"type": "string", "format": "uri-reference"}, "title": {"type": "string"},
        "status": {"type": "integer"}, "detail": {"type": "string"}, "code": {"enum": codes},
        "request_id": {"type": "string"}, "retry_after_ms": count(), "next_release_at": time(), "limit": count(),
        "conflicts": {"type": "array", "items": {"type": "object", "properties":
            {"slot": id(), "wanted": count(), "free": count()}}},
        "alternatives": {"type": "array", "items": {"type": "string"}},
        "in_the_way": {"type": "array", "items": {"type": "object", "properties":
            {"cart": id(), "order": id(), "units": count()}}},
        "added": count(), "updated": count(), "unchanged": count(), "rejected_count": count(),
        "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/RejectedLine"}}}})
}

fn sales() -> Value {
    let settings = json!({
        "name": {"type": ["string", "null"]}, "time_zone": {"type": "string", "example": "Europe/Berlin"},
        "opens_at": time_or_null(), "closes_at": time_or_null(),
        "hold_ttl_ms": {"type": "integer", "default": 600_000, "minimum": 1_000, "maximum": 86_400_000},
        "hold_max_ms": {"type": "integer", "default": 1_800_000, "maximum": 604_800_000},
        "limit_per_customer": {"type": "object", "properties": {"units": nullable("integer"), "orders": nullable("integer")}},
        "keep_customer": {"type": "boolean", "default": false},
        "require_code": {"type": "boolean", "default": false},
        "few": {"type": "object", "properties": {"percent": {"type": "integer", "default": 10}, "units": {"type": "integer", "default": 5}}},
        "waiting_room": {"type": "object", "additionalProperties": false, "required": ["enabled"], "properties": {
            "enabled": {"type": "boolean"}, "opens_before_ms": {"type": "integer", "minimum": 0, "maximum": 2_592_000_000_u64},
            "registration_closes_before_ms": {"type": "integer", "minimum": 0, "maximum": 2_592_000_000_u64},
            "admit_per_minute": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
            "max_active": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
            "claim_ms": {"type": "integer", "minimum": 5_000, "maximum": 3_600_000},
            "session_ms": {"type": "integer", "minimum": 10_000, "maximum": 86_400_000},
            "units_per_visitor": {"type": "integer", "minimum": 1, "maximum": 1_000},
            "lanes": {"type": "array", "minItems": 1, "maxItems": 8, "items": {"type": "object", "required": ["name"],
                "additionalProperties": false, "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 32},
                    "weight": {"type": "integer", "minimum": 1, "maximum": 1_000},
                    "require_code": {"type": "boolean", "default": false}}}},
            "require_code": {"type": "boolean", "default": false},
            "open_channels": {"type": "array", "items": id()},
            "idle_ms": {"type": "integer", "minimum": 10_000, "maximum": 86_400_000},
            "brake": {"type": "object", "additionalProperties": false, "properties": {
                "checkout_ms": {"type": "integer", "minimum": 1, "maximum": 3_600_000},
                "error_percent": {"type": "integer", "minimum": 1, "maximum": 100},
                "journal_ms": {"type": "integer", "minimum": 1, "maximum": 3_600_000}}},
            "switch_on": {"type": "object", "additionalProperties": false, "required": ["carts_per_minute"], "properties": {
                "carts_per_minute": {"type": "integer", "minimum": 1, "maximum": 10_000_000}}}}},
        "checkout": {"type": "object", "properties": {"provider": {"const": "instant"}}},
        "bundles": {"type": "object", "maxProperties": 1_000, "propertyNames": id(), "additionalProperties": {"type": "object", "required": ["parts"], "properties": {
            "parts": {"type": "array", "items": id(), "minItems": 2, "maxItems": 16}, "same": {"enum": ["venue", null]},
            "gap_days": {"type": ["array", "null"], "items": count(), "minItems": 2, "maxItems": 2},
            "cancel_parts": {"type": "boolean", "default": false}}}},
        "products": {"type": "object", "maxProperties": 10_000, "propertyNames": id(), "additionalProperties": {"type": "object", "properties": {"sold_only_in": nullable("string")}}},
        "venues": {"type": "object", "maxProperties": 10_000, "propertyNames": id(), "additionalProperties": {"type": "object", "properties": {"time_zone": {"type": "string"}}}},
    });
    let mut sale = settings.clone();
    sale["sale"] = json!({"type": "string", "pattern": "^[a-z0-9-]{1,64}$"});
    sale["server_time"] = time();
    json!({
        "Settings": {"type": "object", "additionalProperties": false, "properties": settings},
        "Sale": {"type": "object", "required": ["sale", "name", "time_zone"], "properties": sale},
    })
}

fn stock() -> Value {
    let words = json!({"enum": ["available", "few", "all_held", "sold_out", "not_released", "not_for_you", "closed"]});
    let input = json!({
        "id": id(), "venue": id(), "section": nullable("string"), "starts_at": time_or_null(), "ends_at": time_or_null(),
        "capacity": {"type": "integer", "minimum": 0, "maximum": 10_000_000}, "product": nullable("string"),
        "row": nullable("string"), "seat": nullable("string"), "position": nullable("integer"), "price": nullable("integer"),
        "releases_at": time_or_null(), "accessible": {"type": "boolean", "default": false},
        "labels": {"type": ["object", "null"], "additionalProperties": {"type": "string", "maxLength": 100}, "maxProperties": 16},
    });
    let mut slot = input.clone();
    let mut line =
        json!({"venue": id(), "day": {"type": ["string", "null"], "format": "date"}, "capacity": count()});
    for shape in [&mut slot, &mut line] {
        shape["state"] = words.clone();
        shape["free"] = json!({"type": "integer", "minimum": 0, "description":
            "Exact for callers with a key; for others the most of 0, 1, 2, 5, 10, 20, 50, … that is not more"});
        for number in ["held", "sold", "blocked"] {
            shape[number] =
                json!({"type": "integer", "minimum": 0, "description": "Only for callers with a key"});
        }
    }
    for shape in [&mut slot, &mut line] {
        shape["next_release_at"] = time_or_null();
        shape["earliest_return_at"] = time_or_null();
    }
    slot["server_time"] = time();
    json!({
        "SlotInput": {"type": "object", "additionalProperties": false, "required": ["id", "venue", "capacity"], "properties": input},
        "SlotImport": {"type": "object", "additionalProperties": false, "required": ["slots"], "properties":
            {"slots": {"type": "array", "items": {"$ref": "#/components/schemas/SlotInput"}}}},
        "SlotChange": {"type": "object", "additionalProperties": false, "properties":
            {"capacity": count(), "blocked": count(), "reason": {"type": "string", "maxLength": 200}}},
        "RejectedLine": {"type": "object", "properties":
            {"line": count(), "code": {"type": "string"}, "detail": {"type": "string"}}},
        "ImportReport": {"type": "object", "required": ["added", "updated", "unchanged", "rejected_count", "rejected"],
            "properties": {"added": count(), "updated": count(), "unchanged": count(), "rejected_count": count(),
            "rejected": {"type": "array", "maxItems": 1_000, "items": {"$ref": "#/components/schemas/RejectedLine"}}}},
        "Slot": {"type": "object", "required": ["id", "venue", "capacity", "state"], "properties": slot},
        "Availability": {"type": "object", "required": ["scope", "items", "next", "elsewhere", "as_of", "server_time"], "properties": {
            "scope": {"type": "object", "properties": {"sale": id(), "product": nullable("string")}},
            "items": {"type": "array", "items": {"type": "object", "required": ["capacity", "state"], "properties": line}},
            "next": nullable("string"),
            "elsewhere": {"type": "array", "items": {"type": "object", "properties": {"venue": id(), "state": words}}},
            "as_of": time(), "server_time": time()}},
        "BundleList": {"type": "object", "required": ["items", "next", "as_of", "server_time"], "properties": {
            "items": {"type": "array", "items": {"type": "object", "properties": {"rule": id(), "venue": id(),
                "slots": {"type": "array", "items": id()}, "starts_at": {"type": "array", "items": time_or_null()}}}},
            "next": nullable("string"), "as_of": time(), "server_time": time()}},
    })
}

fn carts() -> Value {
    let metadata = json!({"type": "object", "maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 100}});
    let item = json!({"oneOf": [
        {"type": "object", "additionalProperties": false, "required": ["slot"], "properties":
            {"slot": id(), "quantity": {"type": "integer", "minimum": 1, "default": 1}}},
        {"type": "object", "additionalProperties": false, "required": ["bundle"], "properties": {"bundle": {"oneOf": [
            {"type": "object", "additionalProperties": false, "required": ["rule", "slots"], "properties":
                {"rule": id(), "slots": {"type": "array", "minItems": 1, "items": id()}}},
            {"type": "object", "additionalProperties": false, "required": ["rule", "venue"], "properties":
                {"rule": id(), "venue": id(), "from": {"type": "string"}, "to": {"type": "string"}}}]}}},
        {"type": "object", "additionalProperties": false, "required": ["best"], "properties": {"best":
            {"type": "object", "additionalProperties": false, "required": ["venue", "quantity"], "properties": {
                "venue": id(), "section": id(), "quantity": {"type": "integer", "minimum": 1},
                "adjacent": {"type": "boolean"}, "avoid_orphans": {"type": "boolean"}, "accessible": {"type": "boolean"}}}}}]});
    let items = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ItemInput"}});
    json!({
        "ItemInput": item,
        "CartInput": {"type": "object", "additionalProperties": false, "properties": {
            "customer": {"type": "string", "minLength": 1, "maxLength": 128,
                "description": "Required with a key. A pass has its own."}, "items": items.clone(),
            "access_code": {"type": "string"}, "reference": {"type": "string", "minLength": 1, "maxLength": 100}, "metadata": metadata.clone()}},
        "MoreInput": {"type": "object", "additionalProperties": false, "required": ["items"], "properties": {"items": items}},
        "ExchangeInput": {"type": "object", "additionalProperties": false, "required": ["item"], "properties":
            {"item": {"$ref": "#/components/schemas/ItemInput"}}},
        "Hold": {"type": "object", "required": ["hold", "bundle", "slot", "quantity"], "properties": {
            "hold": id(), "bundle": nullable("string"), "slot": id(), "quantity": count(), "cancelled": {"type": "boolean"}}},
        "Cart": {"type": "object",
            "required": ["cart", "sale", "state", "customer", "items", "expires_at", "expires_in_ms", "hard_deadline", "server_time"],
            "properties": {"cart": id(), "sale": id(),
                "state": {"enum": ["open", "checking_out", "ordered", "expired", "abandoned"]}, "customer": {"type": "string"},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Hold"}}, "order": id(),
                "reference": {"type": "string"}, "metadata": metadata, "expires_at": time(), "expires_in_ms": count(),
                "hard_deadline": time(), "server_time": time()}},
    })
}

fn orders() -> Value {
    json!({
        "Checkout": {"type": "object", "required": ["checkout", "state", "ahead", "cart", "sale", "server_time"], "properties": {
            "checkout": id(), "state": {"enum": ["queued", "running", "awaiting_payment", "confirmed", "rejected", "expired"]},
            "ahead": count(), "cart": id(), "order": id(), "sale": id(), "server_time": time()}},
        "PaymentInput": {"type": "object", "additionalProperties": false, "required": ["result"], "properties": {
            "result": {"enum": ["approved", "declined"]}, "reference": {"type": "string", "minLength": 1, "maxLength": 100}}},
        "CancelInput": {"type": "object", "additionalProperties": false, "properties":
            {"holds": {"type": "array", "minItems": 1, "items": id()}}},
        "Order": {"type": "object", "required": ["order", "sale", "state", "cart", "customer", "items", "confirmed_at"], "properties": {
            "order": id(), "sale": id(), "state": {"enum": ["confirmed", "partly_cancelled", "cancelled"]}, "cart": id(),
            "customer": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/components/schemas/Hold"}},
            "reference": nullable("string"), "metadata": {"type": "object"}, "confirmed_at": time(), "server_time": time()}},
    })
}
