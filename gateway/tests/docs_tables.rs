//! Tables in `docs/` that repeat what the code knows: settings, metrics, refusals, endpoints. When either side changes,
//! the other has to.

mod server_common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use onsale_gateway::api::routes;
use onsale_gateway::config::table::{self, Kind};
use onsale_gateway::openapi;
use onsale_gateway::problem;
use server_common::{OPERATOR, TestServer};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the one table that begins with this head, cell by cell, without backticks around a whole cell.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let mut lines = page.lines().skip_while(|line| *line != head);
    assert_eq!(lines.next(), Some(head), "there is such a table");
    assert!(lines.next().is_some_and(|line| line.starts_with("|---")));
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            cells.map(|cell| whole_code(cell).unwrap_or(cell).to_owned()).collect()
        })
        .collect()
}

/// What is between backticks, if that is all there is.
fn whole_code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`').filter(|inner| !inner.contains('`'))
}

/// `1,048,576`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[test]
fn the_settings_are_those_of_the_table() {
    let written = rows(&page("operating.md"), "| setting | may be | default | what it is |");
    let known: Vec<_> = table::TABLE
        .iter()
        .map(|setting| {
            let may_be = match setting.kind {
                Kind::Address => "address and port".to_owned(),
                Kind::Path => "path".to_owned(),
                Kind::Number { least, most } => format!("{} to {}", grouped(least), grouped(most)),
                Kind::Ack => "`fsync`, `interval:Nms`, `none`".to_owned(),
                Kind::Filter => "`tracing` filter".to_owned(),
                Kind::Shop => "https address".to_owned(),
                Kind::Account => "letters, digits, hyphens".to_owned(),
                Kind::Secret => "text, never shown".to_owned(),
                Kind::Hosts => "hosts, with commas".to_owned(),
                Kind::Host => "host".to_owned(),
                Kind::Pages => "sales and paths, with commas".to_owned(),
                Kind::Switch => "`true`, `false`".to_owned(),
                Kind::Networks => "addresses and networks, with commas".to_owned(),
            };
            let default = if setting.default.is_empty() { "none" } else { setting.default };
            vec![setting.name.to_owned(), may_be, default.to_owned(), setting.about.to_owned()]
        })
        .collect();
    assert_eq!(written, known);
}

#[test]
fn the_refusals_are_those_of_the_list() {
    let api = page("api.md");
    let written = rows(&api, "| code | status | when | what to do next |");
    let known: Vec<_> = problem::TABLE.iter().map(|entry| (entry.name, entry.status.to_string())).collect();
    let pairs: Vec<_> = written.iter().map(|row| (row[0].as_str(), row[1].clone())).collect();
    assert_eq!(pairs, known);
    for row in &written {
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(!row[2].is_empty() && !row[3].is_empty(), "{row:?}");
        let is_reserved = row[2].starts_with("reserved");
        assert_eq!(is_reserved, row[3] == "-", "what to do about a refusal that is never given: {row:?}");
    }
}

#[test]
fn the_endpoints_are_those_of_the_router() {
    let api = page("api.md");
    let mut written: Vec<_> =
        api.lines().filter_map(|line| whole_code(line.strip_prefix("### ")?).map(str::to_owned)).collect();
    let mut known: Vec<_> =
        routes::TABLE.iter().map(|entry| format!("{} {}", entry.verb, entry.path)).collect();
    written.sort();
    known.sort();
    assert_eq!(written, known);
    let mut described = Vec::new();
    for (path, operations) in openapi::document()["paths"].as_object().expect("paths") {
        let verbs = operations.as_object().expect("operations").keys();
        described.extend(verbs.map(|verb| format!("{} {path}", verb.to_ascii_uppercase())));
    }
    described.sort();
    assert_eq!(described, known);
}

/// The parameters of a query are named in the endpoint's own section.
#[test]
fn the_parameters_of_each_query_are_named() {
    let api = page("api.md");
    for entry in &routes::TABLE {
        let head = format!("### `{} {}`\n", entry.verb, entry.path);
        let (_, section) = api.split_once(&head).unwrap_or_else(|| panic!("no section {head}"));
        let section = section.split("\n### ").next().unwrap_or_default();
        for name in entry.query {
            assert!(section.contains(&format!("`{name}`")), "{head} does not name `{name}`");
        }
    }
}

#[test]
fn the_metrics_are_those_that_are_printed() {
    let server = TestServer::with_sample();
    // What waiting rooms count is there once there is one.
    let room = serde_json::json!({"time_zone": "Europe/Berlin", "waiting_room": {"enabled": true}});
    assert_eq!(server.json("PUT", "/v1/sales/room", OPERATOR, "k", &room).status, 201);
    // A route is counted from its first request on.
    assert_eq!(server.send("GET", "/livez", &[], "").status, 200);
    let printed = server.send("GET", "/metrics", &[], "").body;
    let known: BTreeMap<_, _> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    assert!(known.len() > 20, "{printed}");
    let written: BTreeMap<_, _> = rows(&page("operating.md"), "| metric | kind | what it is |")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(written, known);
}

#[test]
fn the_connectors_paths_and_limits_are_those_of_the_code() {
    use onsale_gateway::queue_it::paths::{ErrorCode, Place};
    use onsale_gateway::queue_it::{enqueue_token, integration, link_token, query, target};
    let page = page("queue-it.md");
    let paths = rows(&page, "| path | means |");
    let read: Vec<_> = paths.iter().map(|row| Place::read(&row[0].replace("{account}", "shop"))).collect();
    let errors: Vec<_> = ErrorCode::ALL.map(|code| Some(Place::Error(code))).into();
    assert_eq!((&read[0], &read[1..7]), (&Some(Place::Queue), errors.as_slice()));
    assert!(matches!(read[7..], [Some(Place::Cancel(_))]));
    let limits: Vec<_> = rows(&page, "| what | at most |").into_iter().map(|row| row[1].clone()).collect();
    let known = [
        query::MAX_QUERY,
        target::MAX_TARGET,
        link_token::MAX_LINK_TOKEN,
        enqueue_token::MAX_ENQUEUE_TOKEN,
        enqueue_token::MAX_VISITOR_KEY,
        enqueue_token::MAX_TOKEN_ID,
        query::MAX_ROOMS,
        target::MAX_HOSTS,
        integration::MAX_LIST,
        integration::MAX_TEXT,
    ];
    assert_eq!(limits, known.map(|limit| grouped(limit.try_into().expect("a small number"))));
}
