//! The shop of these tests: its secret, its connector, and the visitors that come to it.

use std::time::{SystemTime, UNIX_EPOCH};

use onsale_gateway::queue_it::ids::{EventId, QueueId};
use onsale_gateway::queue_it::link_token::{LinkToken, RedirectType};
use onsale_gateway::queue_it::paths::Place;
use onsale_gateway::queue_it::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::node;

pub const ACCOUNT: &str = "shop";
pub const DOMAIN: &str = "queue.shop.example";
pub const PAGE: &str = "https://shop.example/book?seat=1&row=2";
pub const SECRET: &str = "demo-secret-not-for-production-0001";

/// What the connector made of a request.
#[derive(Debug, Deserialize)]
pub struct Answer {
    pub action: Option<String>,
    pub ajax: Option<String>,
    pub cookies: Vec<Cookie>,
    pub name: Option<String>,
    pub queue: Option<String>,
    pub redirect: Option<String>,
    pub threw: Option<String>,
    #[serde(rename = "type")]
    pub redirect_type: Option<String>,
}

/// A cookie the connector set.
#[derive(Debug, Deserialize)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub expires: i64,
}

impl Answer {
    /// Whether the visitor sees the page and the connector has written down that they may.
    pub fn passed_with_cookie(&self) -> bool {
        self.threw.is_none() && self.redirect.is_none() && self.cookies.len() == 1
    }

    /// Our path and query, if the visitor is sent to us.
    pub fn place(&self) -> (Place, &str) {
        let url = self.redirect.as_deref().unwrap_or_else(|| panic!("nobody is sent anywhere: {self:?}"));
        let ours = url.strip_prefix("https://queue.shop.example/").expect("our domain, with TLS");
        let (path, query) = ours.split_once('?').expect("a query");
        (Place::read(path).unwrap_or_else(|| panic!("we have no {path}")), query)
    }
}

pub fn secret() -> Secret {
    Secret::new(SECRET).expect("a secret")
}

pub fn event(id: &str) -> EventId {
    EventId::new(id).expect("an event")
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// A token that lets in for a minute.
pub fn token() -> LinkToken {
    LinkToken {
        event: event("vacc01"),
        queue: QueueId::new("11111111-2222-4333-8444-555555555555"),
        expires_at_s: now_s() + 60,
        extendable: true,
        cookie_minutes: None,
        redirect: RedirectType::Queue,
        address: None,
    }
}

/// A request for the page, by somebody with this token.
pub fn visit(token: &str) -> Value {
    json!({"kind": "queue", "url": PAGE, "token": token, "event": "vacc01", "also": ["vacc02"], "domain": DOMAIN})
}

/// The same request with other fields.
pub fn with(mut call: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        call[name] = value.clone();
    }
    call
}

/// What the connector makes of these requests.
pub fn ask(calls: &[Value]) -> Vec<Answer> {
    let input = json!({"account": ACCOUNT, "secret": SECRET, "calls": calls});
    let answers: Vec<Answer> = serde_json::from_value(node::run("connector.mjs", input)).expect("answers");
    assert_eq!(answers.len(), calls.len());
    answers
}

/// What the connector makes of this request.
pub fn ask_one(call: Value) -> Answer {
    ask(&[call]).remove(0)
}

/// Tokens made by the vendor's package.
pub fn enqueue_tokens(wanted: &[Value]) -> Vec<Value> {
    let input = json!({"account": ACCOUNT, "secret": SECRET, "wanted": wanted});
    serde_json::from_value(node::run("enqueue.mjs", input)).expect("tokens")
}
