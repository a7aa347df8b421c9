//! Access codes: operators make them, look at them and take them back; and how a code that somebody sends is read.

use http::StatusCode;
use onsale_engine::codes::{CodeHash, MAX_CODES_AT_ONCE};
use onsale_engine::decide::{MakeCodes, RevokeCodes, Which};
use onsale_engine::refusal::{Missing, Refusal};
use serde::Deserialize;

use super::slots_import::BYTE_ORDER_MARK;
use crate::access_code::{make, normal};
use crate::answer::{Outcome, PRIVATE, Said, json};
use crate::call::Call;
use crate::durable::settle;
use crate::edge::guesses::Charged;
use crate::idempotency;
use crate::mac::Mac;
use crate::problem::{Code, Problem};
use crate::wire::access_code::{
    CodeLine, CodesInput, MadeCode, MadeCodes, RevokeInput, RevokedCodes, WrittenCode, WrittenWave, hash_of,
    id_of,
};
use crate::wire::list::{List, limit};
use crate::wire::read;
use crate::wire::time::Written;

/// What codes that are made here follow from.
const SECRET: &str = "access codes";

/// A code that somebody sends.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// Its hash.
    pub hash: CodeHash,
    charged: Option<Charged>,
}

impl Call {
    /// Reads a code. Who shows no key is slowed down once he has been wrong too often; what can be no code is as unknown as
    /// one that nobody has.
    ///
    /// # Errors
    /// `too-fast`, `not-found`.
    pub fn try_code(&self, sale: &str, text: &str) -> Result<Tried, Problem> {
        let client = self.client.filter(|_| !self.principal.has_key());
        let charged = client.map(|client| self.app.guesses.try_one(client)).transpose()?;
        let text = normal(text).ok_or(Refusal::NotFound(Missing::AccessCode))?;
        Ok(Tried { hash: self.engine().code_hash(sale, &text), charged })
    }

    /// Gives the outcome of a request with a code on; one that was found costs nothing.
    ///
    /// # Errors
    /// That of the outcome.
    pub fn tried<T>(&self, tried: Option<Tried>, outcome: Result<T, Problem>) -> Result<T, Problem> {
        let unknown = matches!(&outcome, Err(problem) if problem.code() == Some(Code::NotFound));
        if let Some(charged) = tried.and_then(|tried| tried.charged).filter(|_| !unknown) {
            self.app.guesses.right(charged);
        }
        outcome
    }
}

/// `POST /v1/sales/{sale}/access-codes`
pub async fn post(call: Call) -> Outcome {
    let caller = call.principal.operator()?;
    let sale = call.param(0);
    let input = asked(&call)?;
    let terms = input.terms()?;
    let sent = idempotency::optional(&call.headers)?;
    let key = if sent.is_some() { Some(call.key(caller, sale)?) } else { None };
    let (texts, made_here) = match (input.codes, input.count) {
        (Some(codes), None) => (codes, false),
        (None, Some(count)) if (1..=MAX_CODES_AT_ONCE as u64).contains(&u64::from(count)) => {
            let mac = Mac::new(&call.engine().secret(SECRET));
            // The key as it was sent is written down nowhere: with the data alone nobody can make these codes again.
            let seed = match sent {
                Some(sent) => {
                    mac.tag(&[b"seed of codes\0", &caller.credential.to_le_bytes(), sent.as_bytes()])
                }
                None => random()?,
            };
            (make(&mac, &seed, count as usize).collect(), true)
        }
        (None, Some(0)) => return Err(Problem::malformed("`count` is at least 1.")),
        (None, Some(_)) => {
            return Err(Problem::new(
                Code::TooLargeNumber,
                format!("`count` is at most {MAX_CODES_AT_ONCE}; send another request for more."),
            ));
        }
        _ => return Err(Problem::malformed("Send either `codes`, a list, or `count`, how many to make.")),
    };
    let mut codes = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let normal = normal(text).ok_or_else(|| {
            let detail =
                format!("`codes[{place}]` is no code: 6 to 64 letters and digits, in groups if you like.");
            Problem::malformed(detail)
        })?;
        codes.push(call.engine().code_hash(sale, &normal));
    }
    let wave = terms.name.clone();
    let request = MakeCodes { sale, terms, codes: &codes, key, credential: caller.credential };
    let made = settle(call.engine(), call.engine().make_codes(&request)).await?;
    let all = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    let written = texts.into_iter().zip(&codes);
    let written = written.map(|(text, hash)| MadeCode { id: id_of(*hash), code: made_here.then_some(text) });
    let said = MadeCodes {
        wave,
        created: made.value.created,
        unchanged: all - made.value.created,
        codes: written.collect(),
        server_time: Written(made.now.wall),
    };
    let status = if said.created > 0 { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &said).cached(PRIVATE).replayed(made.replayed))
}

/// The request: JSON, or NDJSON whose first line says what the others are.
fn asked(call: &Call) -> Result<CodesInput, Problem> {
    if !call.media_type().is_some_and(|media| media.eq_ignore_ascii_case("application/x-ndjson")) {
        return call.json();
    }
    let text = call.bytes();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let mut lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let (_, first) = lines.next().ok_or_else(|| {
        Problem::malformed("The first line says what the codes are: `{\"wave\": \"…\"}`; each other line is `{\"code\": \"…\"}`.")
    })?;
    let mut input: CodesInput = read::line(first)?;
    let mut codes = input.codes.take().unwrap_or_default();
    for (number, line) in lines {
        let CodeLine { code } = read::line(line).map_err(|problem: Problem| {
            let detail = format!("line {}: {} Nothing was made.", number + 1, problem.detail());
            Problem::new(problem.code().unwrap_or(Code::Malformed), detail)
        })?;
        codes.push(code);
    }
    // Lines beside `count` are refused with it, not dropped.
    if input.count.is_none() || !codes.is_empty() {
        input.codes = Some(codes);
    }
    Ok(input)
}

fn random() -> Result<[u8; 32], Problem> {
    let mut seed = [0_u8; 32];
    let mut filled = 0;
    while filled < seed.len() {
        let got = rustix::rand::getrandom(&mut seed[filled..], rustix::rand::GetRandomFlags::empty());
        filled += got.map_err(|_| {
            Problem::new(Code::Overloaded, "The system gave no random bits for codes; nothing was made.")
        })?;
    }
    Ok(seed)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListInput {
    by: Option<String>,
    wave: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
}

/// `GET /v1/sales/{sale}/access-codes`
pub async fn list(call: Call) -> Outcome {
    call.principal.operator()?;
    let ListInput { by, wave, limit: asked, after } = call.query()?;
    let (sale, limit) = (call.param(0), limit(asked)?);
    match by.as_deref() {
        None => {}
        Some("wave") => {
            let waves = settle(call.engine(), call.engine().waves(sale, wave.as_deref())).await?;
            let mut rest = waves.value.iter().map(|wave| WrittenWave::new(wave, waves.now));
            // Waves are in the order they were made: a mark is how many were shown.
            let from = after.map_or(Ok(0), |after| after.parse::<usize>());
            let from = from.map_err(|_| Problem::malformed("`after` is the `next` of the page before."))?;
            let items: Vec<_> = rest.by_ref().skip(from).take(limit).collect();
            let next = rest.next().map(|_| (from + items.len()).to_string());
            let server_time = Written(waves.now.wall);
            return Ok(json(StatusCode::OK, &List { items, next, server_time }).cached(PRIVATE));
        }
        Some(_) => return Err(Problem::malformed("`by` is `wave`, or left out for single codes.")),
    }
    let after = after
        .map(|after| {
            hash_of(&after).ok_or_else(|| Problem::malformed("`after` is the `next` of the page before."))
        })
        .transpose()?;
    let page = settle(call.engine(), call.engine().codes(sale, wave.as_deref(), after, limit)).await?;
    let now = page.now;
    let items = page.value.items.into_iter().map(|view| WrittenCode::new(view, now, false)).collect();
    let list = List { items, next: page.value.next, server_time: Written(now.wall) };
    Ok(json(StatusCode::OK, &list).cached(PRIVATE))
}

/// `GET /v1/sales/{sale}/access-codes/{code}`
pub async fn get(call: Call) -> Outcome {
    call.principal.operator()?;
    let hash = hash_of(call.param(1)).ok_or(Refusal::NotFound(Missing::AccessCode))?;
    let code = settle(call.engine(), call.engine().code(call.param(0), hash)).await?;
    Ok(json(StatusCode::OK, &WrittenCode::new(code.value, code.now, true)).cached(PRIVATE))
}

/// `POST /v1/sales/{sale}/access-codes/revoke`
pub async fn revoke(call: Call) -> Outcome {
    let caller = call.principal.operator()?;
    let sale = call.param(0);
    let sent = idempotency::optional(&call.headers)?.is_some();
    let key = if sent { Some(call.key(caller, sale)?) } else { None };
    let RevokeInput { wave, ids, reason } = call.json()?;
    let hashes = ids
        .iter()
        .flatten()
        .map(|id| hash_of(id).ok_or(Refusal::NotFound(Missing::AccessCode)))
        .collect::<Result<Vec<_>, _>>()?;
    let which = match (&wave, &ids) {
        (Some(wave), None) => Which::Wave(wave),
        (None, Some(_)) => Which::Codes(&hashes),
        _ => return Err(Problem::malformed("Send either `wave` or `ids`.")),
    };
    let (reason, credential) = (reason.as_deref(), caller.credential);
    let request = RevokeCodes { sale, which, reason, key, credential };
    let done = settle(call.engine(), call.engine().revoke_codes(&request)).await?;
    let said = RevokedCodes {
        revoked: done.value.revoked,
        unchanged: done.value.unchanged,
        in_use: done.value.in_use,
        server_time: Written(done.now.wall),
    };
    Ok(json(StatusCode::OK, &said).replayed(done.replayed))
}
