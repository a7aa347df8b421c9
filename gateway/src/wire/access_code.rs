//! Access codes on the wire: what operators make and what they are shown. A code itself is written once, in the answer that
//! made it.

use onsale_engine::codes::{Reserve, WaveTerms};
use onsale_engine::decide::{CodeState, CodeView, WaveCounts, WaveView};
use onsale_engine::time::{Now, WallTime};
use serde::{Deserialize, Serialize};

use super::time::{Deadline, Written};
use crate::problem::Problem;

/// `POST /v1/sales/{sale}/access-codes`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodesInput {
    /// The wave the codes come with.
    pub wave: String,
    /// The codes, as they were printed.
    pub codes: Option<Vec<String>>,
    /// How many to make, if they are not given.
    pub count: Option<u32>,
    /// The lane who comes with one joins.
    pub lane: Option<String>,
    /// The channel that takes them.
    pub channel: Option<String>,
    /// The venues they are good for.
    #[serde(default)]
    pub venues: Vec<String>,
    /// What the operator calls those who were invited.
    pub group: Option<String>,
    /// How many carts each may make.
    pub uses: Option<u16>,
    /// Not good before.
    pub valid_from: Option<Written>,
    /// Not good from here on.
    pub expires_at: Option<Written>,
    /// What each holds until then.
    pub reserve: Option<ReserveInput>,
}

/// A line of NDJSON behind the first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeLine {
    /// The code.
    pub code: String,
}

/// What each code of a wave holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveInput {
    venue: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Written>,
}

impl ReserveInput {
    fn reserve(self) -> Result<Reserve, Problem> {
        let Self { venue, product, quantity, rule, from, to } = self;
        match rule {
            Some(rule) if product.is_none() && quantity.is_none() => {
                let (from, to) = (from.map(|time| time.0), to.map(|time| time.0));
                Ok(Reserve::Bundle { rule, venue, from, to })
            }
            None if from.is_none() && to.is_none() => {
                Ok(Reserve::Units { venue, product, quantity: quantity.unwrap_or(1) })
            }
            Some(_) => Err(Problem::malformed(
                "`reserve` with a `rule` sets one bundle aside: leave `product` and `quantity` out.",
            )),
            None => Err(Problem::malformed("`reserve.from` and `reserve.to` go with a `rule`.")),
        }
    }

    fn of(reserve: &Reserve) -> Self {
        match reserve.clone() {
            Reserve::Units { venue, product, quantity } => {
                Self { venue, product, quantity: Some(quantity), rule: None, from: None, to: None }
            }
            Reserve::Bundle { rule, venue, from, to } => Self {
                venue,
                product: None,
                quantity: None,
                rule: Some(rule),
                from: from.map(Written),
                to: to.map(Written),
            },
        }
    }
}

impl CodesInput {
    /// The terms of the wave. Whether they fit together is asked by the engine.
    ///
    /// # Errors
    /// `malformed`, if it cannot be told what is to be set aside.
    pub fn terms(&self) -> Result<WaveTerms, Problem> {
        Ok(WaveTerms {
            name: self.wave.clone(),
            lane: self.lane.clone(),
            channel: self.channel.clone(),
            venues: self.venues.clone(),
            group: self.group.clone(),
            uses: self.uses.unwrap_or(1),
            valid_from: self.valid_from.map(|time| time.0),
            expires_at: self.expires_at.map(|time| time.0),
            reserve: self.reserve.clone().map(ReserveInput::reserve).transpose()?,
        })
    }
}

/// A code in the answer that made it.
#[derive(Debug, Serialize)]
pub struct MadeCode {
    /// Its hash, by which it is named from here on.
    pub id: String,
    /// The code, if we have made it: nobody sees it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What came of making codes.
#[derive(Debug, Serialize)]
pub struct MadeCodes {
    /// Their wave.
    pub wave: String,
    /// How many are new.
    pub created: u32,
    /// How many were there.
    pub unchanged: u32,
    /// All of the request, in its order.
    pub codes: Vec<MadeCode>,
    /// When.
    pub server_time: Written,
}

/// `POST /v1/sales/{sale}/access-codes/revoke`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeInput {
    /// All of a wave.
    pub wave: Option<String>,
    /// These.
    pub ids: Option<Vec<String>>,
    /// Why.
    pub reason: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct RevokedCodes {
    /// Taken back by this request.
    pub revoked: u32,
    /// Taken back before.
    pub unchanged: u32,
    /// Of the first, how many a cart or an order has: these keep what they have.
    pub in_use: u32,
    /// When.
    pub server_time: Written,
}

#[derive(Debug, Serialize)]
struct HeldUnits {
    slot: String,
    quantity: u32,
}

/// Terms of a wave, as they are read back.
#[derive(Debug, Serialize)]
struct WrittenTerms {
    wave: String,
    lane: Option<String>,
    channel: Option<String>,
    venues: Vec<String>,
    group: Option<String>,
    uses: u16,
    valid_from: Option<Written>,
}

fn terms(terms: &WaveTerms) -> WrittenTerms {
    WrittenTerms {
        wave: terms.name.clone(),
        lane: terms.lane.clone(),
        channel: terms.channel.clone(),
        venues: terms.venues.clone(),
        group: terms.group.clone(),
        uses: terms.uses,
        valid_from: terms.valid_from.map(Written),
    }
}

/// A code, as operators see it.
#[derive(Debug, Serialize)]
pub struct WrittenCode {
    id: String,
    state: &'static str,
    #[serde(flatten)]
    terms: WrittenTerms,
    used: u32,
    in_carts: u32,
    #[serde(flatten)]
    deadline: Option<Deadline>,
    reserved: Vec<HeldUnits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<Written>,
}

impl WrittenCode {
    /// The code as it stood at `now`; inside a list, without its own time.
    #[must_use]
    pub fn new(view: CodeView, now: Now, alone: bool) -> Self {
        let reserved = view.holds.into_iter().map(|(slot, quantity)| HeldUnits { slot, quantity }).collect();
        Self {
            id: id_of(view.hash),
            state: state_word(view.state),
            terms: terms(&view.wave.terms),
            used: view.used,
            in_carts: view.in_carts,
            deadline: view.until.map(|until| Deadline::new(now, until)),
            reserved,
            server_time: alone.then_some(Written(now.wall)),
        }
    }
}

/// The id of a code: its hash.
#[must_use]
pub fn id_of(hash: onsale_engine::codes::CodeHash) -> String {
    format!("{:032x}", hash.0)
}

/// The hash an id stands for.
#[must_use]
pub fn hash_of(id: &str) -> Option<onsale_engine::codes::CodeHash> {
    let bytes: [u8; 16] = crate::hex::decode(id)?;
    Some(onsale_engine::codes::CodeHash(u128::from_be_bytes(bytes)))
}

const fn state_word(state: CodeState) -> &'static str {
    match state {
        CodeState::Revoked => "revoked",
        CodeState::Used => "used",
        CodeState::InCart => "in_cart",
        CodeState::Lapsed => "lapsed",
        CodeState::Upcoming => "upcoming",
        CodeState::Live => "live",
    }
}

#[derive(Debug, Serialize)]
struct WrittenCounts {
    codes: u32,
    live: u32,
    upcoming: u32,
    in_cart: u32,
    used: u32,
    lapsed: u32,
    revoked: u32,
    units_reserved: u64,
}

/// A wave, as operators see it.
#[derive(Debug, Serialize)]
pub struct WrittenWave {
    #[serde(flatten)]
    terms: WrittenTerms,
    expires_at: Option<Written>,
    expires_in_ms: Option<u64>,
    reserve: Option<ReserveInput>,
    made_at: Written,
    counts: WrittenCounts,
}

/// From `now` on; 0 when it has passed.
fn left(now: WallTime, until: WallTime) -> u64 {
    u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0)
}

impl WrittenWave {
    /// The wave with its codes counted at `now`. Its deadline is the one that was set; that of a code moves when an outage does.
    #[must_use]
    pub fn new(view: &WaveView, now: Now) -> Self {
        let WaveView { wave, counts } = view;
        let WaveCounts { codes, live, upcoming, in_cart, used, lapsed, revoked, units_reserved } = *counts;
        Self {
            terms: terms(&wave.terms),
            expires_at: wave.terms.expires_at.map(Written),
            expires_in_ms: wave.terms.expires_at.map(|at| left(now.wall, at)),
            reserve: wave.terms.reserve.as_ref().map(ReserveInput::of),
            made_at: Written(wave.made),
            counts: WrittenCounts { codes, live, upcoming, in_cart, used, lapsed, revoked, units_reserved },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_wave_is_never_less_than_nothing() {
        assert_eq!(left(WallTime(1_000), WallTime(3_500)), 2_500);
        assert_eq!(left(WallTime(1_000), WallTime(1_000)), 0);
        assert_eq!(left(WallTime(1_000), WallTime(-5)), 0);
    }
}
