//! One request that changes something, small enough to be kept for a whole run and asked again at its end; and the answer
//! it got, reduced to what must never change.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::Value;

use crate::client::{Answer, Call};

/// Members of an answer that are of now: they move with the clock and with every outage.
const OF_NOW: [&str; 4] = ["server_time", "expires_at", "expires_in_ms", "hard_deadline"];

/// A changing request with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    method: Method,
    path: Box<str>,
    body: Bytes,
    once: Box<str>,
    waits: bool,
}

impl Asked {
    /// A request under a key of its own.
    pub fn new(method: Method, path: String, body: Option<&Value>, once: String) -> Self {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Self { method, path: path.into(), body, once: once.into(), waits: false }
    }

    /// The same with `Prefer: wait`, which a repetition must say as well to get the same status.
    pub fn waiting(mut self, waits: bool) -> Self {
        self.waits = waits;
        self
    }

    /// As it goes over the wire; the same each time.
    pub fn call(&self, credential: &HeaderValue) -> Call {
        let mut call =
            Call::new(self.method.clone(), &*self.path).key(credential).once(self.once.to_string());
        if !self.body.is_empty() {
            call = call.body(self.body.clone(), "application/json");
        }
        call.wait_s = self.waits.then_some(5);
        call
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was sent with it; null if nothing was.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// For words.
    pub fn name(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {} {body} [Idempotency-Key: {}]", self.method, self.path, self.once)
    }
}

/// An acknowledged request.
#[derive(Clone, Debug)]
pub struct Ack {
    /// What was asked.
    pub asked: Asked,
    /// The status it got.
    status: u16,
    content: Content,
}

/// The body in words while a round lasts, afterwards only its hash: hundreds of thousands are kept.
#[derive(Clone, Debug)]
enum Content {
    Words(Box<str>),
    Hash(u64),
}

impl Ack {
    /// The acknowledgement in this answer.
    pub fn new(asked: Asked, answer: &Answer) -> Self {
        Self { asked, status: answer.status, content: Content::Words(lasting(answer).into()) }
    }

    /// The same in less room.
    pub fn small(mut self) -> Self {
        if let Content::Words(words) = &self.content {
            self.content = Content::Hash(hash(words));
        }
        self
    }

    /// What is wrong with a repetition's answer, if anything is: it must be the kept one, with the same status, ids and
    /// content.
    pub fn differs(&self, again: &Answer) -> Option<String> {
        let now = lasting(again);
        let same = match &self.content {
            Content::Words(words) => **words == now,
            Content::Hash(hashed) => *hashed == hash(&now),
        };
        if again.replayed && again.status == self.status && same {
            return None;
        }
        let was = match &self.content {
            Content::Words(words) => words,
            Content::Hash(_) => "(kept as a hash only)",
        };
        let kept = if again.replayed { "replayed" } else { "not replayed" };
        let (name, before, after) = (self.asked.name(), self.status, again.status);
        Some(format!("{name}: was {before} {was}, now {after} ({kept}) {now}"))
    }
}

/// The body without what is of now.
fn lasting(answer: &Answer) -> String {
    match answer.read::<Value>() {
        Ok(Value::Object(mut members)) => {
            members.retain(|name, _| !OF_NOW.contains(&name.as_str()));
            Value::Object(members).to_string()
        }
        _ => String::from_utf8_lossy(&answer.body).into_owned(),
    }
}

fn hash(words: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, replayed: bool, body: &str) -> Answer {
        let times = (std::time::Instant::now(), std::time::Instant::now());
        Answer { status, retry_after: false, replayed, times, etag: None, body: body.to_owned().into() }
    }

    #[test]
    fn only_the_times_may_differ() {
        let asked = Asked::new(Method::POST, "/v1/x".into(), None, "k".into());
        let first = Ack::new(asked, &answer(201, false, r#"{"cart": "c", "server_time": "1"}"#));
        for ack in [first.clone(), first.small()] {
            assert_eq!(ack.differs(&answer(201, true, r#"{"server_time": "2", "cart": "c"}"#)), None);
            for wrong in [
                answer(201, false, r#"{"cart": "c"}"#),
                answer(200, true, r#"{"cart": "c"}"#),
                answer(201, true, r#"{"cart": "d"}"#),
                answer(404, false, "gone"),
            ] {
                assert!(ack.differs(&wrong).is_some(), "{wrong:?}");
            }
        }
    }
}
