//! The integration document decides what the connector does; and leaving by it.

use std::num::{NonZeroU16, NonZeroU32};

use onsale_gateway::queue_it::ids::Account;
use onsale_gateway::queue_it::integration::{Action, BackTo, Integration, Room, Rule, Stay};
use onsale_gateway::queue_it::paths::Place;
use onsale_gateway::queue_it::query::{Arrival, Cancel};
use onsale_gateway::queue_it::target::{AllowedHosts, Target};
use onsale_gateway::queue_it::trigger::{Of, Part, Subject, Test, Trigger};
use serde_json::{Value, json};

use crate::shop::{ACCOUNT, Answer, DOMAIN, PAGE, ask, ask_one, event, secret, token, with};

fn room() -> Room {
    Room {
        event: event("vacc01"),
        also: vec![event("vacc02")],
        domain: DOMAIN.to_owned(),
        path_prefix: String::new(),
        cookie_domain: None,
    }
}

fn queue(back_to: BackTo) -> Action {
    let cookie_minutes = NonZeroU16::new(20).unwrap();
    Action::Queue(room(), Stay { cookie_minutes, extend: true, culture: None, layout: None, back_to })
}

fn part(subject: Subject, test: Test) -> Part {
    Part { subject, test, negative: false, any_case: true }
}

fn path(text: &str) -> Part {
    part(Subject::Path, Test::Contains(text.to_owned()))
}

fn rule(name: &str, action: Action, of_parts: Of, parts: Vec<Part>) -> Rule {
    Rule { name: name.to_owned(), action, triggers: vec![Trigger { of_parts, parts }] }
}

fn document(rules: Vec<Rule>) -> String {
    let document = Integration::new(NonZeroU32::new(7).unwrap(), rules).unwrap();
    serde_json::to_string(&document).unwrap()
}

fn request(document: &str, url: &str) -> Value {
    json!({"kind": "integration", "url": url, "token": "", "integration": document})
}

/// A document of four rules: health checks are free, leaving, the start page for a few agents, and booking.
fn shop() -> String {
    let monitors = vec!["probe".to_owned(), "uptime".to_owned()];
    document(vec![
        rule(
            "free",
            Action::Ignore,
            Of::Any,
            vec![
                part(Subject::UserAgent, Test::ContainsAny(monitors)),
                part(Subject::Header("x-internal".to_owned()), Test::Equals("yes".to_owned())),
            ],
        ),
        rule("leave", Action::Cancel(room()), Of::All, vec![path("/leave")]),
        rule(
            "book",
            queue(BackTo::Wanted),
            Of::All,
            vec![
                path("/BOOK"),
                Part {
                    negative: true,
                    ..part(Subject::Cookie("staff".to_owned()), Test::Equals("1".to_owned()))
                },
                part(
                    Subject::Host,
                    Test::EqualsAny(vec!["shop.example".to_owned(), "www.shop.example".to_owned()]),
                ),
            ],
        ),
    ])
}

fn did(answer: &Answer) -> (Option<&str>, Option<&str>, bool) {
    (answer.action.as_deref(), answer.name.as_deref(), answer.redirect.is_some())
}

#[test]
fn the_first_rule_that_fits_decides() {
    let shop = shop();
    let page = || request(&shop, PAGE);
    let answers = ask(&[
        page(),
        with(page(), json!({"agent": "Uptime/1.0"})),
        with(page(), json!({"headers": {"x-internal": "YES"}})),
        with(page(), json!({"cookies": {"staff": "1"}})),
        request(&shop, "https://other.example/book"),
        request(&shop, "https://shop.example/about"),
    ]);
    assert_eq!(did(&answers[0]), (Some("Queue"), Some("book"), true));
    assert_eq!(did(&answers[1]), (Some("Ignore"), Some("free"), false));
    assert_eq!(did(&answers[2]), (Some("Ignore"), Some("free"), false));
    for free in &answers[3..] {
        assert_eq!(did(free), (None, None, false), "no rule fits");
    }
    let (place, query) = answers[0].place();
    let arrival = Arrival::read(query).unwrap();
    assert_eq!((place, arrival.integration_version), (Place::Queue, Some(7)));
    assert_eq!(arrival.action.as_deref(), Some("book"));
    assert_eq!(arrival.target.as_deref(), Some(PAGE));
}

#[test]
fn a_token_lets_in_by_the_document_too() {
    let answer = ask_one(with(request(&shop(), PAGE), json!({"token": token().mint(&secret())})));
    assert!(answer.passed_with_cookie(), "{answer:?}");
}

#[test]
fn the_document_says_where_visitors_come_back() {
    let allowed = AllowedHosts::new(["shop.example"]).unwrap();
    let start = Target::read("https://shop.example/start", &allowed).unwrap();
    for (back_to, wanted) in [
        (BackTo::Wanted, Some(PAGE)),
        (BackTo::Event, None),
        (BackTo::Page(start), Some("https://shop.example/start")),
    ] {
        let document = document(vec![rule("book", queue(back_to), Of::All, vec![path("/book")])]);
        let answer = ask_one(request(&document, PAGE));
        assert_eq!(Arrival::read(answer.place().1).unwrap().target.as_deref(), wanted);
    }
}

#[test]
fn an_ajax_call_is_answered_for_its_page() {
    let headers = json!({"x-queueit-ajaxpageurl": "https%3A%2F%2Fshop.example%2Fbook%3Fpage"});
    let call = with(request(&shop(), "https://shop.example/book/api"), json!({"headers": headers}));
    let answer = ask_one(call);
    assert!(answer.ajax.as_ref().is_some_and(|url| url.starts_with("https%3A%2F%2Fqueue.shop.example%2F")));
    let arrival = Arrival::read(answer.place().1).unwrap();
    assert_eq!(arrival.target.as_deref(), Some("https://shop.example/book?page"));
}

#[test]
fn leaving_clears_the_cookie_and_names_the_place() {
    let shop = shop();
    let cookie =
        ask_one(with(request(&shop, PAGE), json!({"token": token().mint(&secret())}))).cookies.remove(0);
    let cookies = json!({"cookies": {cookie.name.clone(): cookie.value}});
    let leave = "https://shop.example/leave";
    let local =
        json!({"kind": "cancel", "url": leave, "event": "vacc01", "also": ["vacc02"], "domain": DOMAIN});
    for call in [request(&shop, leave), local] {
        let [stranger, visitor] = ask(&[call.clone(), with(call, cookies.clone())]).try_into().unwrap();
        assert_eq!((stranger.redirect, stranger.cookies.len()), (None, 0), "nothing to leave");
        let (place, query) = visitor.place();
        assert_eq!(place, Place::Cancel(Account::new(ACCOUNT).unwrap()));
        let cancel = Cancel::read(query).unwrap();
        assert_eq!(cancel.rooms, [(event("vacc01"), token().queue), (event("vacc02"), None)]);
        assert_eq!(cancel.target.as_deref(), Some(leave));
        let cleared = &visitor.cookies[0];
        assert_eq!((cleared.name.as_str(), cleared.value.as_str(), cleared.expires), (&*cookie.name, "", 0));
    }
}
