//! One call of the API: what a handler gets to see of the request, already read and already told who it comes from.
//!
//! Handlers take a [`Call`] and give an [`Outcome`](crate::answer::Outcome); whether it came through axum's router or
//! was matched by hand before it makes no difference to them.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, Method, Uri};
use onsale_engine::Engine;
use onsale_engine::ids::{CartId, IdKind, PublicId};
use onsale_engine::refusal::Missing;
use onsale_engine::request::{Caller, KeyUse};
use onsale_engine::sale::IfMatch;
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::auth::Principal;
use crate::idempotency;
use crate::problem::{Code, Problem};
use crate::wire::read;

/// The body of a request.
#[derive(Debug)]
pub enum Payload {
    /// All of it, within the limit.
    Whole(Bytes),
    /// To be read piece by piece, without limit.
    /// The lock is never taken: it only lets a call be shared between threads, as axum asks of its handlers.
    Stream(Mutex<Body>),
}

/// The values of a path's variables, in order.
#[derive(Debug)]
pub enum Params {
    /// Taken apart and decoded by the router.
    Decoded(Vec<String>),
    /// The only one, which stands here in the path.
    InPath(Range<usize>),
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// What it can reach.
    pub app: Arc<App>,
    /// Who calls.
    pub principal: Principal,
    /// From where, as far as trusted proxies say.
    pub address: Option<IpAddr>,
    /// From where, unless it is exempt from what is counted by address.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The values of the path's variables.
    pub params: Params,
    /// The body.
    pub body: Payload,
}

/// How long `Prefer: wait` may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Call {
    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// The path's variable at `place`.
    #[must_use]
    pub fn param(&self, place: usize) -> &str {
        match &self.params {
            Params::Decoded(all) => all.get(place).map_or("", String::as_str),
            Params::InPath(here) if place == 0 => self.uri.path().get(here.clone()).unwrap_or_default(),
            Params::InPath(_) => "",
        }
    }

    /// The cart a path's variable names, as cart, order or checkout; the second number is the checkout's.
    ///
    /// # Errors
    /// `not-found` for what is no id of that kind.
    pub fn id(&self, place: usize, kind: IdKind) -> Result<PublicId, Problem> {
        PublicId::parse(kind, self.param(place)).ok_or_else(|| {
            onsale_engine::refusal::Refusal::NotFound(match kind {
                IdKind::Cart => Missing::Cart,
                IdKind::Order => Missing::Order,
                IdKind::Checkout => Missing::Checkout,
                IdKind::Hold | IdKind::Bundle => Missing::Hold,
            })
            .into()
        })
    }

    /// The body, when it came whole.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Payload::Whole(bytes) => bytes,
            Payload::Stream(_) => &[],
        }
    }

    /// The media type, without its parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        media_type(&self.headers)
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// `media-type`, or what [`read::json`] says.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        self.expect_json()?;
        read::json(self.bytes())
    }

    /// Reads a JSON body that may be left out.
    ///
    /// # Errors
    /// `media-type`, or what [`read::json_or_empty`] says.
    pub fn json_or_empty<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        if !self.bytes().is_empty() {
            self.expect_json()?;
        }
        read::json_or_empty(self.bytes())
    }

    /// Refuses a body that says it is something else than JSON. One that says nothing is taken as JSON.
    ///
    /// # Errors
    /// `media-type`
    pub fn expect_json(&self) -> Result<(), Problem> {
        // Nearly everybody says exactly this.
        if self.headers.get(CONTENT_TYPE).is_some_and(|media| media == "application/json") {
            return Ok(());
        }
        match self.media_type() {
            None => Ok(()),
            Some(media)
                if media.eq_ignore_ascii_case("application/json")
                    || media.eq_ignore_ascii_case("application/merge-patch+json") =>
            {
                Ok(())
            }
            Some(media) => Err(Problem::new(
                Code::MediaType,
                format!("`{media}` is not understood here; send `Content-Type: application/json`."),
            )),
        }
    }

    /// Reads the query string.
    ///
    /// # Errors
    /// What [`read::query`] says.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read::query(&self.uri)
    }

    /// The idempotency key of a call that must have one, under the sale it belongs to.
    ///
    /// # Errors
    /// `malformed`
    pub fn key(&self, caller: Caller, sale: &str) -> Result<KeyUse, Problem> {
        let key = idempotency::required(&self.headers)?;
        let request = [self.method.as_str().as_bytes(), self.uri.path().as_bytes(), self.bytes()];
        Ok(self.engine().key_use(caller.credential, sale, key, &request))
    }

    /// The same for a call that names a cart: the scope is the cart's sale, which is looked up.
    ///
    /// # Errors
    /// `malformed`
    pub fn key_of_cart(&self, caller: Caller, cart: CartId) -> Result<KeyUse, Problem> {
        idempotency::required(&self.headers)?;
        let sale = self.engine().sale_of_cart(caller, cart);
        self.key(caller, sale.as_deref().unwrap_or_default())
    }

    /// `Prefer: wait=N`, in seconds; 60 at most.
    #[must_use]
    pub fn prefer_wait(&self) -> Option<Duration> {
        wait_in(&self.headers)
    }

    /// What the caller says about the version it wants to change. Of several, the one that stands there now is meant: `current` is
    /// asked for it, and whatever changes it in between is noticed as with a single one.
    ///
    /// # Errors
    /// `malformed`
    pub fn if_match(&self, current: impl FnOnce(&Engine) -> Option<u64>) -> Result<IfMatch, Problem> {
        Ok(match tags(&self.headers)?.as_deref() {
            None => IfMatch::Absent,
            Some(tags) if tags.contains(&Tag::Any) => IfMatch::Any,
            Some([Tag::Ours(revision)]) => IfMatch::Revision(*revision),
            Some(tags) => {
                let current = current(self.engine()).filter(|current| tags.contains(&Tag::Ours(*current)));
                // Nothing comes to this revision.
                IfMatch::Revision(current.unwrap_or(u64::MAX))
            }
        })
    }

    /// Whether the caller means to make something new: `If-None-Match: *`.
    ///
    /// # Errors
    /// `malformed` for anything else there.
    pub fn create_only(&self) -> Result<bool, Problem> {
        match single(&self.headers, &IF_NONE_MATCH)? {
            None => Ok(false),
            Some("*") => Ok(true),
            Some(_) => Err(Problem::malformed("If-None-Match is `*` where something is made.")),
        }
    }

    /// Whether the caller already has this version.
    #[must_use]
    pub fn has_already(&self, current: u64) -> bool {
        let values = self.headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| {
            // Weak comparison: a 304 is right for both forms.
            tag == "*" || revision(tag.strip_prefix("W/").unwrap_or(tag)) == Some(current)
        })
    }
}

fn wait_in(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).find_map(|preference| {
        let (name, seconds) = preference.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("wait") {
            return None;
        }
        let digits = seconds.trim().trim_matches('"');
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // However many digits they are, it is a number.
        let seconds = digits.parse().unwrap_or(u64::MAX);
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    })
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text.trim())),
        _ => Err(Problem::malformed(format!("One `{name}` header with one value was expected."))),
    }
}

/// One of those that `If-Match` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// `*`: whatever stands there.
    Any,
    /// A revision of ours.
    Ours(u64),
    /// A tag that we have not given, or a weak one, which never says that two are the same byte for byte.
    Other,
}

/// All that `If-Match` names, in however many lines; none if it is not there.
fn tags(headers: &HeaderMap) -> Result<Option<Vec<Tag>>, Problem> {
    let mut lines = headers.get_all(IF_MATCH).into_iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let mut tags = Vec::new();
    for line in lines {
        let read = line.to_str().ok().and_then(|line| read_tags(line, &mut tags));
        read.ok_or_else(|| Problem::malformed("`If-Match` is `*`, or ETags in their quotes, as `\"1\"`."))?;
    }
    if tags.is_empty() {
        return Err(Problem::malformed("`If-Match` names no ETag."));
    }
    Ok(Some(tags))
}

/// Tags with commas between them; a comma inside of the quotes is a part of the tag.
fn read_tags(line: &str, tags: &mut Vec<Tag>) -> Option<()> {
    const BETWEEN: [char; 3] = [' ', '\t', ','];
    let mut rest = line.trim_start_matches(BETWEEN);
    while !rest.is_empty() {
        let (tag, behind) = if let Some(behind) = rest.strip_prefix('*') {
            (Tag::Any, behind)
        } else {
            let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
            let len = quoted.strip_prefix('"')?.find('"')? + 2;
            let (quoted, behind) = quoted.split_at(len);
            (revision(quoted).filter(|_| !weak).map_or(Tag::Other, Tag::Ours), behind)
        };
        tags.push(tag);
        let next = behind.trim_start_matches([' ', '\t']);
        if !next.is_empty() && !next.starts_with(',') {
            return None;
        }
        rest = next.trim_start_matches(BETWEEN);
    }
    Some(())
}

/// The revision a tag of ours is: digits as we write them.
fn revision(tag: &str) -> Option<u64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let ours =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| ours)
}

/// The media type of the body, without its parameters.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim()).filter(|media| !media.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn if_match_is_a_list_of_tags() {
        use Tag::{Any, Other, Ours};
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(IF_MATCH, HeaderValue::from_static(line));
            }
            tags(&headers).map_err(|problem| problem.code())
        };
        assert_eq!(read(&[]), Ok(None));
        for (line, named) in [
            ("*", vec![Any]),
            ("\"1\"", vec![Ours(1)]),
            (" \"0\" ", vec![Ours(0)]),
            ("\"1\", \"2\"", vec![Ours(1), Ours(2)]),
            ("\"1\",,\t\"2\",", vec![Ours(1), Ours(2)]),
            ("W/\"1\", \"2\"", vec![Other, Ours(2)]),
            ("\"01\", \"-1\", \"+1\", \"\", \"a,b\"", vec![Other; 5]),
            ("\"99999999999999999999\"", vec![Other]),
        ] {
            assert_eq!(read(&[line]), Ok(Some(named)), "{line}");
        }
        assert_eq!(read(&["\"1\"", "\"2\""]), Ok(Some(vec![Ours(1), Ours(2)])));
        for line in ["", ",", "1", "nonsense", "\"1", "\"1\" \"2\"", "\"1\"2", "w/\"1\"", "W/1", "**"] {
            assert_eq!(read(&[line]), Err(Some(Code::Malformed)), "{line}");
        }
    }

    #[test]
    fn a_wait_is_a_minute_at_most_however_long_it_is_written() {
        for (value, seconds) in [
            ("wait=0", Some(0)),
            ("respond-async, wait=10", Some(10)),
            ("Wait = \"59\"; x=y", Some(59)),
            ("wait=61", Some(60)),
            ("wait=18446744073709551615", Some(60)),
            ("wait=99999999999999999999", Some(60)),
            ("wait=-99999999999999999999", None),
            ("wait=", None),
            ("wait=1.5", None),
            ("wait=99999999999999999999x", None),
            ("waits=5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(value));
            assert_eq!(wait_in(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
