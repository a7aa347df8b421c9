//! What Queue-it's connectors and their visitors send: queries, addresses to go back to, tokens.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use md5::Md5;
use onsale_gateway::queue_it::enqueue_token::{self, EnqueueToken};
use onsale_gateway::queue_it::ids::{Account, EventId};
use onsale_gateway::queue_it::link_token::{self, LinkToken};
use onsale_gateway::queue_it::paths::Place;
use onsale_gateway::queue_it::query::{Arrival, Cancel, MAX_ROOMS, Rejection};
use onsale_gateway::queue_it::secret::Secret;
use onsale_gateway::queue_it::target::{AllowedHosts, Target};
use sha2::{Digest, Sha256};

const SECRET: &str = "demo-secret-not-for-production-0001";

/// The first byte says what the others are.
pub fn connector(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(body) else { return };
    match kind % 8 {
        0 => drop(Arrival::read(text).map(|arrival| arrived(&arrival))),
        1 => drop(Rejection::read(text).map(|rejection| arrived(&rejection.arrival))),
        2 => drop(Cancel::read(text).map(|cancel| {
            assert!((1..=MAX_ROOMS).contains(&cancel.rooms.len()));
            cancel.target.iter().for_each(|target| back(target));
        })),
        3 => back(text),
        4 => link(text),
        // Nobody without the secret makes a token, however close.
        5 => assert!(enqueue(text).is_none(), "{text}"),
        6 => {
            let (header, payload) = text.split_once('\n').unwrap_or((text, ""));
            let _ = enqueue(&sealed(header, payload));
        }
        _ => drop(Place::read(text)),
    }
}

fn secret() -> Secret {
    Secret::new(SECRET).expect("a secret")
}

fn arrived(arrival: &Arrival) {
    let texts =
        [&arrival.connector, &arrival.action, &arrival.culture, &arrival.layout, &arrival.cookie_fault];
    for text in texts.into_iter().chain([&arrival.enqueue_token, &arrival.target]).flatten() {
        assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
    }
    arrival.target.iter().for_each(|target| back(target));
    arrival.enqueue_token.iter().for_each(|token| drop(enqueue(token)));
}

/// Whoever is sent back is sent to a host of the list, by an address that fits into a header and is read as it is.
fn back(text: &str) {
    let hosts = AllowedHosts::new(["shop.example", "http://localhost:3000"]).expect("hosts");
    let Ok(target) = Target::read(text, &hosts) else { return };
    assert!(target.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    let origin = target.origin().to_ascii_lowercase();
    let known = ["https://shop.example", "https://shop.example:443", "http://localhost:3000"];
    assert!(known.iter().any(|known| port(&origin) == port(known)), "{origin}");
    assert_eq!(Target::read(target.as_str(), &hosts), Ok(target));
}

/// An origin with its port as a number: leading zeros change nothing.
fn port(origin: &str) -> (&str, u16) {
    match origin.rsplit_once(':') {
        Some((host, port)) if !port.starts_with('/') => (host, port.parse().expect("a port")),
        _ => (origin, 443),
    }
}

/// What is signed and read is minted as something that is read as the same.
fn link(text: &str) {
    let events = [EventId::new("vacc01").expect("an event")];
    let expected = link_token::Expected { events: &events, now_s: 0, address: None };
    let signed = format!("{text}~h_{}", secret().sign(text));
    if let Ok(token) = LinkToken::verify(&signed, &secret(), expected) {
        assert_eq!(LinkToken::verify(&token.mint(&secret()), &secret(), expected), Ok(token));
    }
}

fn enqueue(text: &str) -> Option<EnqueueToken> {
    let (account, event) = (Account::new("shop")?, EventId::new("vacc01")?);
    let expected = enqueue_token::Expected { account: &account, event: &event, now_ms: 1_000, address: None };
    let token = EnqueueToken::read(text, &secret(), expected).ok()?;
    let key = token.key.as_deref().unwrap_or("-");
    assert!((1..=enqueue_token::MAX_VISITOR_KEY).contains(&key.len()) && !key.chars().any(char::is_control));
    assert!((1..=enqueue_token::MAX_TOKEN_ID).contains(&token.id.len()));
    Some(token)
}

/// A token of these two, encrypted and signed as a shop does it.
fn sealed(header: &str, payload: &str) -> String {
    let said: serde_json::Value = serde_json::from_str(header).unwrap_or_default();
    let iv: [u8; 16] = Md5::digest(said["ti"].as_str().unwrap_or_default()).into();
    let key: [u8; 32] = Sha256::digest(SECRET).into();
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into());
    let payload =
        if payload.is_empty() { Vec::new() } else { cipher.encrypt_padded_vec::<Pkcs7>(payload.as_bytes()) };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let seal = Sha256::digest(format!("{signed}{SECRET}"));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(seal))
}
