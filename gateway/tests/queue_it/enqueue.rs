//! Enqueue tokens made by the vendor's package, and by its connector, read by us.

use std::collections::BTreeMap;

use onsale_gateway::queue_it::enqueue_token::{EnqueueToken, EnqueueTokenError, Expected, Origin};
use onsale_gateway::queue_it::ids::Account;
use onsale_gateway::queue_it::query::Arrival;
use onsale_gateway::queue_it::secret::Secret;
use serde_json::{Value, json};

use crate::shop::{ACCOUNT, ask_one, enqueue_tokens, event, now_s, secret, visit, with};

fn read(text: &str, ip: &str) -> Result<EnqueueToken, EnqueueTokenError> {
    let account = Account::new(ACCOUNT).unwrap();
    let address = Some(ip.parse().unwrap());
    let expected = Expected { account: &account, event: &event("vacc01"), now_ms: now_s() * 1000, address };
    EnqueueToken::read(text, &secret(), expected)
}

fn text(made: &Value) -> &str {
    made["token"].as_str().unwrap()
}

#[test]
fn what_the_vendors_package_says_is_read() {
    let custom = json!({"size": "medium", "Größe": "mittel 😀", "empty": ""});
    let wanted = [
        json!({}),
        json!({"payload": true}),
        json!({"payload": true, "key": "c-8231", "quality": 0.4578, "custom": custom, "event": "vacc01",
            "ip": "203.0.113.7", "valid_ms": 60_000, "origin": "InviteOnly"}),
        json!({"payload": true, "key": "jürgen@example.org", "quality": -2}),
        // The package forgets a prefix when it is told anything more.
        json!({"prefix": "before"}),
    ];
    let made = enqueue_tokens(&wanted);
    let tokens: Vec<_> = made.iter().map(|made| read(text(made), "203.0.113.7").unwrap()).collect();
    for (token, made) in tokens.iter().zip(&made) {
        assert_eq!(
            (json!(token.id), json!(token.issued_at_ms)),
            (made["id"].clone(), made["issued_at_ms"].clone())
        );
    }
    let bare = &tokens[0];
    assert!(bare.key.is_none() && bare.origin.is_none() && bare.expires_at_ms.is_none() && !bare.names_event);
    assert_eq!((&tokens[1].key, tokens[1].origin), (&None, Some(Origin::Connector)));
    let full = &tokens[2];
    assert!(full.names_event);
    assert_eq!(full.expires_at_ms, Some(full.issued_at_ms + 60_000));
    assert_eq!((full.key.as_deref(), full.quality), (Some("c-8231"), Some(0.4578)));
    assert_eq!(full.origin, Some(Origin::InviteOnly));
    let pairs = [("Größe", "mittel 😀"), ("empty", ""), ("size", "medium")];
    let expected: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(full.custom, expected);
    assert_eq!((tokens[3].key.as_deref(), tokens[3].quality), (Some("jürgen@example.org"), Some(-2.0)));
    assert!(tokens[4].id.starts_with("before~"));
}

#[test]
fn bad_ones_are_refused() {
    use EnqueueTokenError as Error;
    let good =
        json!({"payload": true, "key": "c-8231", "event": "vacc01", "ip": "203.0.113.7", "valid_ms": 60_000});
    let cases = [
        (json!({"secret": "another-secret-not-for-production"}), Error::Signature),
        (json!({"account": "other"}), Error::Account),
        (json!({"event": "vacc02"}), Error::Event),
        (json!({"valid_ms": -60_000}), Error::Expired),
        (json!({"ip": "203.0.113.8"}), Error::Address),
        (json!({"key": "k".repeat(129)}), Error::Payload),
        (json!({"key": "k".repeat(4_000)}), Error::Malformed),
    ];
    let wanted: Vec<_> = cases.iter().map(|(change, _)| with(good.clone(), change.clone())).collect();
    for (made, (change, error)) in enqueue_tokens(&wanted).iter().zip(&cases) {
        assert_eq!(read(text(made), "203.0.113.7"), Err(*error), "{change}");
    }
}

#[test]
fn no_byte_of_one_can_change() {
    let made = enqueue_tokens(&[json!({"payload": true, "key": "c-8231", "event": "vacc01"})]);
    let good = text(&made[0]);
    assert!(read(good, "203.0.113.7").is_ok());
    for bit in 0..8 * good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(changed) = std::str::from_utf8(&bytes) {
            assert!(read(changed, "203.0.113.7").is_err(), "{changed}");
        }
    }
}

#[test]
fn a_connector_that_makes_them_sends_one_along() {
    let answer = ask_one(with(visit(""), json!({"enqueue": true, "ip": "203.0.113.7"})));
    let arrival = Arrival::read(answer.place().1).unwrap();
    let shown = arrival.enqueue_token.expect("a token");
    let token = read(&shown, "203.0.113.7").unwrap();
    assert!(token.key.is_some() && token.names_event && token.expires_at_ms.is_some());
    assert_eq!(token.origin, Some(Origin::Connector));
    let other = Secret::new("another-secret-not-for-production").unwrap();
    let account = Account::new(ACCOUNT).unwrap();
    let expected = Expected { account: &account, event: &event("vacc01"), now_ms: 0, address: None };
    assert_eq!(EnqueueToken::read(&shown, &other, expected), Err(EnqueueTokenError::Signature));
}
