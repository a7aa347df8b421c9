//! The table of what happens to a visitor with a token, a cookie, or neither.

use std::num::NonZeroU16;

use onsale_gateway::queue_it::link_token::LinkToken;
use onsale_gateway::queue_it::paths::{ErrorCode, Place};
use onsale_gateway::queue_it::query::{Arrival, Rejection};
use serde_json::json;

use crate::shop::{ACCOUNT, PAGE, ask, ask_one, event, now_s, secret, token, visit, with};

const COOKIE: &str = "QueueITAccepted-SDFrts345E-V3_";

fn mint(token: &LinkToken) -> String {
    token.mint(&secret())
}

#[test]
fn a_fresh_token_lets_in_and_sets_the_cookie_of_its_room() {
    for id in ["vacc01", "vacc02"] {
        let answer = ask_one(visit(&mint(&LinkToken { event: event(id), ..token() })));
        assert!(answer.passed_with_cookie(), "{answer:?}");
        assert_eq!(answer.queue, token().queue.map(|queue| queue.to_string()));
        assert_eq!(answer.redirect_type.as_deref(), Some("queue"));
        assert_eq!(answer.cookies[0].name, format!("{COOKIE}{id}"));
        assert!(answer.cookies[0].value.starts_with(&format!("EventId={id}&QueueId=")), "{answer:?}");
    }
}

#[test]
fn the_cookie_lets_in_without_a_token_and_is_renewed() {
    let first = ask_one(visit(&mint(&token())));
    let cookies = json!({first.cookies[0].name.clone(): first.cookies[0].value});
    let answers = ask(&[
        with(visit(""), json!({"cookies": cookies})),
        with(visit(""), json!({"cookies": cookies, "extend": false})),
    ]);
    assert!(answers[0].passed_with_cookie() && answers[0].queue == first.queue, "{answers:?}");
    assert!(answers[1].redirect.is_none() && answers[1].cookies.is_empty(), "{answers:?}");
}

#[test]
fn who_has_nothing_is_sent_to_wait() {
    let answer = ask_one(visit(""));
    let (place, query) = answer.place();
    let arrival = Arrival::read(query).unwrap();
    assert_eq!((place, arrival.account.as_str()), (Place::Queue, ACCOUNT));
    assert_eq!((arrival.event, arrival.target.as_deref()), (event("vacc01"), Some(PAGE)));
    assert_eq!(arrival.connector.as_deref(), Some("javascript-5.0.1"));
    assert_eq!((arrival.integration_version, arrival.action.as_deref()), (Some(3), Some("book a seat")));
    assert_eq!((arrival.culture.as_deref(), arrival.layout.as_deref()), (Some("de-DE"), Some("dark")));
}

#[test]
fn a_bad_token_is_sent_to_the_page_of_its_fault() {
    let good = mint(&token());
    let hash = good.len() - 64;
    let calls = [
        (mint(&LinkToken { expires_at_s: now_s() - 1, ..token() }), ErrorCode::Timestamp),
        (mint(&LinkToken { event: event("vacc03"), ..token() }), ErrorCode::EventId),
        (good.replace("11111111", "11111112"), ErrorCode::Hash),
        (format!("{}{}", &good[..hash], good[hash..].to_uppercase()), ErrorCode::Hash),
    ];
    let answers = ask(&calls.clone().map(|(token, _)| visit(&token)));
    for ((token, code), answer) in calls.into_iter().zip(answers) {
        let (place, query) = answer.place();
        assert_eq!(place, Place::Error(code), "{answer:?}");
        let rejection = Rejection::read(query).unwrap();
        assert_eq!(rejection.token, Some(token));
        assert!(rejection.at_s.is_some_and(|at| at.abs_diff(now_s()) < 60));
        assert_eq!(rejection.arrival.target.as_deref(), Some(PAGE));
        assert!(answer.cookies.is_empty());
    }
}

#[test]
fn every_changed_byte_of_a_token_is_refused() {
    let good = mint(&token());
    let calls: Vec<_> = (0..good.len())
        .map(|place| {
            let mut bytes = good.clone().into_bytes();
            bytes[place] ^= 1;
            visit(&String::from_utf8(bytes).unwrap())
        })
        .collect();
    for answer in ask(&calls) {
        assert!(
            answer.redirect.is_some() && answer.cookies.is_empty() && answer.threw.is_none(),
            "{answer:?}"
        );
    }
}

#[test]
fn a_token_can_be_bound_to_an_address() {
    let address = secret().address("203.0.113.7".parse().unwrap());
    let bound = mint(&LinkToken { address: Some(address), ..token() });
    let answers = ask(&[
        with(visit(&bound), json!({"ip": "203.0.113.7"})),
        with(visit(&bound), json!({"ip": "203.0.113.8"})),
    ]);
    assert!(answers[0].passed_with_cookie(), "{answers:?}");
    let (place, query) = answers[1].place();
    assert_eq!(place, Place::Error(ErrorCode::Address));
    assert!(Rejection::read(query).unwrap().arrival.cookie_fault.is_some_and(|why| why.contains("hip:")));

    // The cookie is bound as well, and has an error page of its own.
    let cookie = &answers[0].cookies[0];
    let stolen = json!({"ip": "203.0.113.8", "cookies": {cookie.name.clone(): cookie.value}});
    let answer = ask_one(with(visit(""), stolen));
    let (place, query) = answer.place();
    assert_eq!(place, Place::Error(ErrorCode::SessionState));
    assert_eq!(Rejection::read(query).unwrap().token, None);
}

#[test]
fn cookie_minutes_reach_the_cookie() {
    let answer = ask_one(visit(&mint(&LinkToken { cookie_minutes: NonZeroU16::new(5), ..token() })));
    assert!(answer.passed_with_cookie(), "{answer:?}");
    assert!(answer.cookies[0].value.contains("&FixedValidityMins=5&"), "{answer:?}");
}

/// What our types make impossible, shown with tokens written by hand: why they do.
#[test]
fn what_we_cannot_mint_would_have_failed() {
    let signed = |text: String| format!("{text}~h_{}", secret().sign(&text));
    let ts = now_s() + 60;
    let upper = signed(format!("e_Vacc01~q_1~ts_{ts}~ce_true~rt_queue"));
    let upper_visit = |token: &str| with(visit(token), json!({"event": "Vacc01", "also": []}));
    let answers = ask(&[
        visit(&signed(format!("e_vacc01~q_1~ts_{ts}~ce_true"))),
        visit(&signed(format!("e_vacc01~q_a_b~ts_{ts}~ce_true~rt_queue"))),
        with(visit(&signed(format!("e_vacc_1~q_1~ts_{ts}~ce_true~rt_queue"))), json!({"event": "vacc_1"})),
        upper_visit(&upper),
    ]);
    assert!(answers[0].threw.is_some(), "no reason: {:?}", answers[0]);
    assert!(
        answers[1].passed_with_cookie() && answers[1].queue.is_none(),
        "the place is lost: {:?}",
        answers[1]
    );
    assert_eq!(answers[2].place().0, Place::Error(ErrorCode::EventId));
    assert!(answers[3].passed_with_cookie(), "{:?}", answers[3]);
    let cookie = &answers[3].cookies[0];
    let bounced = with(upper_visit(""), json!({"cookies": {cookie.name.clone(): cookie.value}}));
    assert!(ask_one(bounced).redirect.is_some(), "a capital letter passes once");
}
