//! Access codes are made: all of a request in one fact, with the units they hold, or none.

use super::set_aside::Share;
use super::{Core, Decision};
use crate::codes::{CodeHash, CodeShard, MAX_CODES_AT_ONCE, MAX_WAVES, Reserve, WaveTerms};
use crate::fact::{CodeEntry, CodesMade, Cold, Kind};
use crate::ids::SaleIx;
use crate::keys::{Answered, KeyRecord, KeyShard};
use crate::limits::MAX_CODES_IN_SHARD;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::KeyUse;
use crate::state::MAX_SHARDS;
use crate::time::{Now, Timestamp};

/// `POST /v1/sales/{sale}/access-codes`
#[derive(Clone, Debug)]
pub struct MakeCodes<'a> {
    /// The sale's public id.
    pub sale: &'a str,
    /// The wave they come with: a new one, or one with just these terms.
    pub terms: WaveTerms,
    /// The codes, at least 1, at most [`MAX_CODES_AT_ONCE`].
    pub codes: &'a [CodeHash],
    /// The key of the request, if it has one.
    pub key: Option<KeyUse>,
    /// Which credential it is.
    pub credential: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodesMadeView {
    /// Codes that are new.
    pub created: u32,
    /// Codes that were there already, in this wave.
    pub unchanged: u32,
}

/// The furthest a code's end may be away: ten years.
const LONGEST_MS: i64 = 10 * 366 * 86_400_000;

/// So often what became due, or where the venue is, is looked at once more.
const MORE_ROUNDS: u8 = 4;

/// The most bytes of a wave's terms: 100 venues of 64 bytes and some names.
const TERMS_BYTES: usize = 8_192;

/// The most bytes of a code in the fact: hash 19, count 1, and 9 for each part.
const fn code_bytes(parts: usize) -> usize {
    20 + parts * 9
}

impl Core {
    /// Makes codes. Those of a wave that reserves each hold their units from this instant on, or none of them is made.
    pub fn make_codes(&self, now: Now, request: &MakeCodes<'_>) -> Answer<CodesMadeView> {
        let Some(sale) = self.state.names.listing().sale(request.sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        if request.codes.len() > MAX_CODES_AT_ONCE {
            let most = MAX_CODES_AT_ONCE as u64;
            return Self::refuse(now, Refusal::TooLarge { field: "codes", most });
        }
        let reserve = request.terms.reserve.as_ref();
        let here = || reserve.map_or(0, |reserve| self.state.names.venue(sale, reserve.venue()));
        let shards = self.state.shards();
        let all = if shards >= MAX_SHARDS { u64::MAX } else { (1 << shards) - 1 };
        let parts = match &request.terms.reserve {
            None => 0,
            Some(Reserve::Units { .. }) => 1,
            Some(Reserve::Bundle { .. }) => crate::limits::MAX_PARTS,
        };
        // What is due counts as free, so it is settled before; what becomes due meanwhile, in another round, at the time
        // that the locks of the codes have seen: nobody may have looked at the venue since. And the venue may be given another
        // shard before its locks are held: "not enough" is said of all of it, so this is another round too, and the last one
        // holds every shard.
        let mut now = now;
        for round in 0_u8.. {
            let last = round >= MORE_ROUNDS;
            let mask = if last && reserve.is_some() { all } else { here() };
            self.settle_all(now, mask);
            let bytes = TERMS_BYTES + request.codes.len() * code_bytes(parts);
            let mut decision = match Decision::begin(self, now, bytes) {
                Ok(decision) => decision,
                Err(refusal) => return Self::refuse(now, refusal),
            };
            if let Some(key) = request.key {
                decision.guards.lock_keys(KeyShard::of(key.key, self.state.shards()));
                let told = |record: &KeyRecord| {
                    let created = u32::try_from(record.cart.0 & ((1 << 24) - 1)).unwrap_or(u32::MAX);
                    CodesMadeView { created, unchanged: 0 }
                };
                if let Some(answer) = decision.replay_other(key, Answered::CodesMade, told) {
                    return answer;
                }
            }
            for shard in 0..self.state.shards() {
                decision.guards.lock_codes(shard);
            }
            decision.guards.lock_shards(mask);
            decision.fix_time();
            if here() & !mask != 0 && !last {
                continue;
            }
            let result = decision.make_codes(sale, request);
            let due = (0..64).filter(|shard| mask >> shard & 1 == 1).any(|shard| {
                let here = decision.guards.look(shard);
                here.may_be_due(decision.at())
            });
            if due && !last && matches!(result, Err(Refusal::AllotmentExhausted { .. })) {
                now = decision.now_at();
                continue;
            }
            return decision.answer(result);
        }
        unreachable!("the last round answers")
    }

    fn settle_all(&self, now: Now, mask: u64) {
        for shard in (0..64).filter(|shard| mask >> shard & 1 == 1) {
            while self.settle_shard(now, shard).is_ok_and(|ticked| ticked.more) {}
        }
    }
}

impl Decision<'_> {
    fn make_codes(&mut self, sale: SaleIx, request: &MakeCodes<'_>) -> Result<CodesMadeView, Refusal> {
        let rule = |why: String| Refusal::Rule { why };
        let MakeCodes { terms, codes, .. } = request;
        terms.check().map_err(rule)?;
        if codes.is_empty() {
            return Err(rule("name at least one code in `codes`, or say how many to make in `count`".into()));
        }
        let listing = self.core.state.names.listing();
        let Some(rules) = listing.sales.get(usize::from(sale.0)).map(|sale| sale.rules.clone()) else {
            return Err(Refusal::NotFound(Missing::Sale));
        };
        self.check_names(sale, terms, &rules)?;
        let until = self.end_of(terms)?;
        let wave = self.guards.look_codes(0).wave_named(sale, &terms.name);
        if let Some(wave) = wave {
            let standing = &self.guards.look_codes(0).waves()[usize::try_from(wave).unwrap_or(0)].terms;
            if standing != terms {
                return Err(rule(format!(
                    "wave `{}` was made with other terms; give these codes another wave",
                    terms.name
                )));
            }
        }
        let next = u32::try_from(self.guards.look_codes(0).waves().len()).unwrap_or(u32::MAX);
        if wave.is_none() && next >= MAX_WAVES {
            return Err(Refusal::LimitReached { what: "waves", limit: u64::from(MAX_WAVES) });
        }
        let (fresh, unchanged) = self.fresh(sale, wave, codes)?;
        if fresh.is_empty() {
            return Ok(CodesMadeView { created: 0, unchanged });
        }
        let shares = match &terms.reserve {
            None => vec![Share::new(); fresh.len()],
            Some(reserve) => {
                self.check_room()?;
                let shares = self.set_aside(sale, &rules, reserve, fresh.len())?;
                if shares.len() < fresh.len() {
                    return Err(Refusal::AllotmentExhausted {
                        wanted: fresh.len() as u64,
                        possible: shares.len() as u64,
                        each: each_of(reserve),
                    });
                }
                shares
            }
        };
        let created = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let entries = fresh.into_iter().zip(shares).map(|(hash, units)| CodeEntry { hash, units });
        let fact = CodesMade {
            sale,
            wave: wave.unwrap_or(next),
            terms: wave.is_none().then(|| terms.clone()),
            until,
            codes: entries.collect(),
            wall: self.now_at().wall,
            credential: request.credential,
            key: request.key.map(|key| (key.key, key.fingerprint)),
        };
        self.commit(Kind::Cold(Box::new(Cold::CodesMade(Box::new(fact)))));
        Ok(CodesMadeView { created, unchanged })
    }

    /// Whether lane, channel and venues are ones of the sale: a slip of the pen would make codes nobody can use.
    fn check_names(
        &self,
        sale: SaleIx,
        terms: &WaveTerms,
        rules: &crate::sale::SaleRules,
    ) -> Result<(), Refusal> {
        let rule = |why: String| Err(Refusal::Rule { why });
        if let Some(lane) = &terms.lane
            && rules.room.as_deref().is_none_or(|room| room.lane(lane).is_none())
        {
            return rule(format!("the sale's waiting room has no lane `{lane}`"));
        }
        let listing = self.core.state.names.listing();
        if let Some(channel) = &terms.channel
            && listing.channel(channel).is_none()
        {
            return rule(format!("there is no channel `{channel}`: no key belongs to it"));
        }
        let unknown = |venue: &&String| self.core.state.names.venue(sale, venue) == 0;
        match terms.venues.iter().find(unknown) {
            Some(venue) => Err(Refusal::NotFound(Missing::Venue(venue.clone()))),
            None => Ok(()),
        }
    }

    /// The engine time of the end of the codes.
    fn end_of(&self, terms: &WaveTerms) -> Result<Option<Timestamp>, Refusal> {
        let Some(expires) = terms.expires_at else { return Ok(None) };
        let wall = self.now_at().wall;
        let ahead = expires.0.saturating_sub(wall.0);
        let rule = |why: &str| Err(Refusal::Rule { why: why.to_owned() });
        match u64::try_from(ahead) {
            Ok(ms) if ms > 0 && ahead <= LONGEST_MS => Ok(Some(self.at().plus(crate::time::Millis(ms)))),
            Ok(ms) if ms > 0 => rule("`expires_at` is at most ten years ahead"),
            _ => rule("`expires_at` has passed"),
        }
    }

    /// The codes that are not there yet, each once, and how many are there, in this wave.
    fn fresh(
        &self,
        sale: SaleIx,
        wave: Option<u32>,
        codes: &[CodeHash],
    ) -> Result<(Vec<CodeHash>, u32), Refusal> {
        let mut seen = std::collections::BTreeSet::new();
        let (mut fresh, mut unchanged) = (Vec::new(), 0);
        for (place, hash) in codes.iter().enumerate() {
            if !seen.insert(*hash) {
                let why = format!("code {} of the request is there twice", place + 1);
                return Err(Refusal::Rule { why });
            }
            let shard = u8::try_from(CodeShard::of(*hash, self.core.state.shards())).unwrap_or(0);
            let shard = self.guards.look_codes(shard);
            let Some(known) = shard.find(*hash).map(|index| shard.code(index)) else {
                if shard.len() >= MAX_CODES_IN_SHARD {
                    return Err(Refusal::LimitReached {
                        what: "codes",
                        limit: u64::from(MAX_CODES_IN_SHARD),
                    });
                }
                fresh.push(*hash);
                continue;
            };
            if Some(known.wave) != wave || shard.wave_of(known).is_none_or(|wave| wave.sale != sale) {
                let name = shard.wave_of(known).map_or("", |wave| &wave.terms.name);
                let why = format!(
                    "code {} of the request is there already, in wave `{name}`; nothing was made",
                    place + 1
                );
                return Err(Refusal::Rule { why });
            }
            unchanged += 1;
        }
        Ok((fresh, unchanged))
    }
}

fn each_of(reserve: &Reserve) -> String {
    match reserve {
        Reserve::Units { venue, product, quantity } => {
            let of = product.as_ref().map_or_else(String::new, |product| format!(" of product `{product}`"));
            format!("{quantity} units of one slot{of} at venue `{venue}`")
        }
        Reserve::Bundle { rule, venue, .. } => format!("a bundle `{rule}` at venue `{venue}`"),
    }
}
