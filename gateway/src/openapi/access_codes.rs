//! The shapes of access codes, for the API description.

use serde_json::{Value, json};

/// All of them.
pub fn shapes() -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let time_or_null = json!({"type": ["string", "null"], "format": "date-time"});
    let id = json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"});
    let hash = json!({"type": "string", "pattern": "^[0-9a-f]{32}$"});
    let count = json!({"type": "integer", "minimum": 0});
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let reserve = json!({"type": "object", "additionalProperties": false, "required": ["venue"], "properties": {
        "venue": id, "product": id, "quantity": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 1},
        "rule": id, "from": time, "to": time}});
    let terms = json!({
        "wave": id, "lane": text_or_null, "channel": text_or_null, "venues": {"type": "array", "items": id},
        "group": text_or_null, "uses": {"type": "integer", "minimum": 1, "maximum": 1_000}, "valid_from": time_or_null});
    let with = |more: &Value| {
        let mut all = terms.clone();
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more.clone()) {
            all.extend(more);
        }
        all
    };
    let input = with(&json!({
        "codes": {"type": "array", "items": text, "minItems": 1, "maxItems": 20_000},
        "count": {"type": "integer", "minimum": 1, "maximum": 20_000},
        "expires_at": time_or_null, "reserve": reserve}));
    let wave = with(&json!({
        "expires_at": time_or_null, "expires_in_ms": {"type": ["integer", "null"], "minimum": 0}, "made_at": time,
        "reserve": {"oneOf": [{"type": "null"}, reserve]},
        "counts": {"type": "object", "properties": {"codes": count, "live": count, "upcoming": count, "in_cart": count,
            "used": count, "lapsed": count, "revoked": count, "units_reserved": count}}}));
    let code = with(&json!({
        "id": hash, "state": {"enum": ["live", "upcoming", "in_cart", "used", "lapsed", "revoked"]},
        "used": count, "in_carts": count, "expires_at": time, "expires_in_ms": count,
        "reserved": {"type": "array", "items": {"type": "object", "properties": {"slot": id, "quantity": count}}},
        "server_time": time}));
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    json!({
        "CodesInput": {"type": "object", "additionalProperties": false, "required": ["wave"], "properties": input},
        "MadeCodes": {"type": "object", "required": ["wave", "created", "unchanged", "codes", "server_time"], "properties": {
            "wave": id, "created": count, "unchanged": count, "server_time": time,
            "codes": {"type": "array", "items": {"type": "object", "required": ["id"],
                "properties": {"id": hash, "code": text}}}}},
        "AccessCode": {"type": "object", "required": ["id", "state", "wave"], "properties": code},
        "Wave": {"type": "object", "required": ["wave", "counts"], "properties": wave},
        "CodeList": {"type": "object", "required": ["items", "next", "server_time"], "properties": {
            "items": {"type": "array", "items": {"oneOf": [of("AccessCode"), of("Wave")]}},
            "next": text_or_null, "server_time": time}},
        "RevokeInput": {"type": "object", "additionalProperties": false, "properties": {
            "wave": id, "ids": {"type": "array", "items": hash}, "reason": {"type": "string", "maxLength": 500}}},
        "RevokedCodes": {"type": "object", "required": ["revoked", "unchanged", "in_use", "server_time"], "properties": {
            "revoked": count, "unchanged": count, "in_use": count, "server_time": time}}})
}
