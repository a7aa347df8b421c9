//! The API description: built once, from the table of routes and the table of problems.
//!
//! It is made by hand instead of by annotations on the handlers: the routes are a table already, and the shapes on the
//! wire are few. Tests hold it together: every route is in it, every reference leads somewhere.

mod access_codes;
mod schemas;
pub mod viewer;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::api::routes::{Access, Entry, Route, TABLE};
use crate::problem::Code;
use crate::waiting_page::visit;

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// The document.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

fn build() -> Value {
    let mut paths = Map::new();
    for entry in &TABLE {
        let path = paths.entry(entry.path).or_insert_with(|| json!({}));
        path[entry.verb.to_ascii_lowercase()] = operation(entry);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "onsale",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reservations on launch days: carts, holds, checkout, orders. Every answer rests on what is on disk.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer", "description": "An operator key, `op_…`"},
                "server": {"type": "http", "scheme": "bearer", "description": "A server key, `sk_…`; belongs to one channel"},
                "pass": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The pass of who was called: for their own carts and orders in its sale"},
            },
        },
    })
}

fn operation(entry: &Entry) -> Value {
    let mut responses = Map::new();
    for (status, schema) in entry.answers {
        let mut response = json!({"description": http_reason(*status)});
        if let Some(schema) = schema {
            let media = if *schema == "TicketEvents" { "text/event-stream" } else { "application/json" };
            response["content"] = json!({media: {"schema": reference(schema)}});
        }
        responses.insert(status.to_string(), response);
    }
    for (status, codes) in problems(entry) {
        let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
        let mut content = json!({"application/problem+json": {"schema": reference("Problem")}});
        if is_for_people(entry) {
            content["text/html"] = json!({});
        }
        responses.insert(status.to_string(), json!({"description": names.join(", "), "content": content}));
    }
    let mut operation = json!({
        "operationId": format!("{:?}", entry.route),
        "summary": entry.summary,
        "parameters": parameters(entry),
        "responses": responses,
    });
    match entry.access {
        Access::Anyone => {}
        Access::Seller => operation["security"] = json!([{"server": []}, {"operator": []}, {"pass": []}]),
        Access::Operator => operation["security"] = json!([{"operator": []}]),
    }
    if let Some(schema) = entry.accepts {
        let media =
            if is_for_people(entry) { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut content = json!({media: {"schema": reference(schema)}});
        if schema == "SlotImport" {
            content["application/x-ndjson"] = json!({"schema": reference("SlotInput")});
        }
        operation["requestBody"] =
            json!({"required": !MAY_BE_LEFT_OUT.contains(&schema), "content": content});
    }
    operation
}

/// Bodies that may be left out.
const MAY_BE_LEFT_OUT: [&str; 3] = ["Empty", "CancelInput", "JoinInput"];

/// The waiting page says its own refusals as pages; the edge does so to browsers only.
fn is_for_people(entry: &Entry) -> bool {
    visit::is_for_people(entry.path)
}

/// What any request of this kind can meet, and what this one can, by status.
fn problems(entry: &Entry) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = entry.problems.to_vec();
    if ["/v1/", "/status/"].iter().any(|room| entry.path.starts_with(room)) || is_for_people(entry) {
        codes.extend([Code::Malformed, Code::UnknownField, Code::TooLargeNumber, Code::TooLarge]);
        codes.extend([Code::Overloaded, Code::DiskFull, Code::JournalFailed, Code::OutcomeUnknown]);
    } else if entry.path == "/readyz" {
        codes.extend([Code::Overloaded, Code::DiskFull, Code::JournalFailed]);
    } else if !entry.route.is_about_the_server() {
        codes.push(Code::Overloaded);
    }
    // What is shown is checked, also where nothing is needed; and who shows no key is counted, also where he shows a wrong one.
    codes.extend([Code::Credentials, Code::PassExpired, Code::TooFast]);
    if entry.access == Access::Operator {
        codes.push(Code::NotAllowed);
    }
    if entry.accepts.is_some() {
        codes.push(Code::MediaType);
    }
    if entry.needs_key || TAKES_KEY.contains(&entry.route) {
        codes.push(Code::KeyReused);
    }
    codes.sort_unstable();
    codes.dedup();
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        by_status.entry(code.entry().status).or_default().push(code);
    }
    by_status
}

/// Routes that keep an idempotency key if they are given one.
const TAKES_KEY: [Route; 6] = [
    Route::LineAdmit,
    Route::CodesPost,
    Route::CodesRevoke,
    Route::SlotsPost,
    Route::CartAbandon,
    Route::HoldRelease,
];

fn parameters(entry: &Entry) -> Vec<Value> {
    let in_path = entry.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "maxLength": 64}}))
        .collect();
    for name in entry.query {
        let schema = match *name {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
            _ => json!({"type": "string"}),
        };
        parameters.push(json!({"name": name, "in": "query", "schema": schema}));
    }
    let mut header = |name: &str, required: bool, description: &str| {
        parameters
            .push(json!({"name": name, "in": "header", "required": required, "description": description,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255}}));
    };
    if entry.needs_key || TAKES_KEY.contains(&entry.route) {
        header("Idempotency-Key", entry.needs_key, "New for every request, the same when one is repeated");
    }
    let versioned = ["/v1/sales/{sale}", "/v1/sales/{sale}/queue"].contains(&entry.path);
    if versioned && matches!(entry.verb, "PUT" | "PATCH") {
        header("If-Match", false, "The ETag that is to be changed");
    }
    match entry.route {
        Route::SaleGet => {
            header("If-None-Match", false, "The ETag that is there already: 304 if it is still that")
        }
        Route::SalePut => header("If-None-Match", false, "`*`: only if there is no such sale"),
        _ => {}
    }
    if entry.path.ends_with("/checkout") {
        header("Prefer", false, "`wait=N`: answer when it is confirmed, or after N seconds");
    }
    parameters
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn http_reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Answered")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(target)) = object.get("$ref") {
                    found.push(target.clone());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn headers_that_count_and_refusals_that_are_met_everywhere_are_told() {
        let document = document();
        let headers = |verb: &str, path: &str| -> Vec<(String, bool)> {
            let parameters = document["paths"][path][verb]["parameters"].as_array().unwrap().iter();
            let headers = parameters.filter(|parameter| parameter["in"] == "header");
            let named = |header: &Value| {
                (header["name"].as_str().unwrap().to_owned(), header["required"].as_bool().unwrap())
            };
            headers.map(named).collect()
        };
        let may = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), false)).collect::<Vec<_>>();
        assert_eq!(headers("get", "/v1/sales/{sale}"), may(&["If-None-Match"]));
        assert_eq!(headers("put", "/v1/sales/{sale}"), may(&["If-Match", "If-None-Match"]));
        assert_eq!(headers("patch", "/v1/sales/{sale}"), may(&["If-Match"]));
        for path in ["/v1/carts/{cart}", "/v1/carts/{cart}/holds/{hold}"] {
            assert_eq!(headers("delete", path), may(&["Idempotency-Key"]), "{path}");
            assert!(document["paths"][path]["delete"]["responses"]["422"].is_object(), "{path}");
        }
        let needs_body = |path: &str| document["paths"][path]["post"]["requestBody"]["required"].clone();
        for path in ["/v1/sales/{sale}/queue", "/v1/carts/{cart}/extend", "/v1/orders/{order}/cancel"] {
            assert_eq!(needs_body(path), false, "{path}");
        }
        assert_eq!(needs_body("/v1/sales/{sale}/carts"), true);
        for path in ["slots", "access-codes", "access-codes/revoke", "queue/admit"] {
            let path = format!("/v1/sales/{{sale}}/{path}");
            assert_eq!(headers("post", &path), may(&["Idempotency-Key"]), "{path}");
        }
        assert_eq!(headers("post", "/v1/sales/{sale}/carts"), [("Idempotency-Key".to_owned(), true)]);
        for entry in &TABLE {
            let operation = &document["paths"][entry.path][entry.verb.to_ascii_lowercase()];
            assert!(operation["responses"]["429"].is_object(), "{} {}", entry.verb, entry.path);
        }
    }

    #[test]
    fn every_route_is_described_and_every_reference_leads_somewhere() {
        let document = document();
        for entry in &TABLE {
            let operation = &document["paths"][entry.path][entry.verb.to_ascii_lowercase()];
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{}", entry.path);
        }
        let mut found = Vec::new();
        references(document, &mut found);
        assert!(found.len() > 50);
        for target in found {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
    }
}
