//! Access codes are taken back. Units they hold are free at once; what a live cart stands on stays its own until it ends.

use super::{Core, Decision};
use crate::codes::{CodeHash, CodeRef, CodeShard, MAX_CODES_AT_ONCE, Standing, stands};
use crate::fact::{CodesRevoked, Cold, Kind};
use crate::ids::SaleIx;
use crate::keys::{Answered, KeyRecord, KeyShard, ThreeCounts};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::KeyUse;
use crate::sequence::Sequence;
use crate::time::{Now, Timestamp};

/// The most bytes of a reason.
const MAX_REASON: usize = 500;

/// Which codes.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// All of a wave.
    Wave(&'a str),
    /// These.
    Codes(&'a [CodeHash]),
}

/// `POST /v1/sales/{sale}/access-codes/revoke`
#[derive(Clone, Copy, Debug)]
pub struct RevokeCodes<'a> {
    /// The sale's public id.
    pub sale: &'a str,
    /// Which.
    pub which: Which<'a>,
    /// Why.
    pub reason: Option<&'a str>,
    /// The key of the request, if it has one.
    pub key: Option<KeyUse>,
    /// Which credential it is.
    pub credential: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Codes that are taken back by this.
    pub revoked: u32,
    /// Codes that were taken back before.
    pub unchanged: u32,
    /// Those of the first that a live cart or an order has: they keep what they have.
    pub in_use: u32,
}

/// The most bytes of a code in the fact: place 6, time 9.
const CODE_BYTES: usize = 16;

impl Core {
    /// Takes codes back. Again changes nothing; under its key it says the same as well, unless it changed nothing the first time.
    pub fn revoke_codes(&self, now: Now, request: &RevokeCodes<'_>) -> Answer<Revoked> {
        let Some(sale) = self.state.names.listing().sale(request.sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        if request.reason.is_some_and(|reason| reason.len() > MAX_REASON) {
            return Self::refuse(now, Refusal::TooLarge { field: "reason", most: MAX_REASON as u64 });
        }
        // A wave can have more codes than one fact should: it is taken back in steps, each whole.
        let (mut sum, mut rests_on) = (None::<Revoked>, Sequence::ZERO);
        loop {
            let bytes = 1_024 + MAX_CODES_AT_ONCE * CODE_BYTES;
            let mut decision = match Decision::begin(self, now, bytes) {
                Ok(decision) => decision,
                Err(_) if sum.is_some() => {
                    return Answer { rests_on, ..Self::refuse(now, Refusal::Unfinished) };
                }
                Err(refusal) => return Self::refuse(now, refusal),
            };
            if let Some(key) = request.key {
                decision.guards.lock_keys(KeyShard::of(key.key, self.state.shards()));
                let told = |record: &KeyRecord| {
                    let [revoked, unchanged, in_use] = record.counts().0;
                    Revoked { revoked, unchanged, in_use }
                };
                if let Some(answer) = decision.replay_other(key, Answered::CodesRevoked, told) {
                    return answer;
                }
            }
            for shard in 0..self.state.shards() {
                decision.guards.lock_codes(shard);
            }
            let found = match decision.find_codes(sale, request.which) {
                Ok(found) => found,
                Err(refusal) => {
                    decision.fix_time();
                    return decision.answer(Err(refusal));
                }
            };
            let (all, more) = decision.revoke(sale, &found, request, sum);
            sum = Some(all);
            let answer = decision.answer(Ok(all));
            if !more {
                return answer;
            }
            rests_on = answer.rests_on;
        }
    }
}

impl Decision<'_> {
    fn find_codes(&self, sale: SaleIx, which: Which<'_>) -> Result<Vec<CodeRef>, Refusal> {
        let shards = self.core.state.shards();
        match which {
            Which::Wave(name) => {
                let Some(wave) = self.guards.look_codes(0).wave_named(sale, name) else {
                    return Err(Refusal::NotFound(Missing::Wave(name.to_owned())));
                };
                let of_shard = |shard: u8| {
                    let codes = self.guards.look_codes(shard);
                    (0..codes.len())
                        .filter(move |index| codes.code(*index).wave == wave)
                        .map(move |index| CodeRef { shard, index })
                };
                Ok((0..shards).flat_map(of_shard).collect())
            }
            Which::Codes(hashes) => {
                let mut found: Vec<CodeRef> = Vec::new();
                for hash in hashes {
                    let shard = u8::try_from(CodeShard::of(*hash, shards)).unwrap_or(0);
                    let codes = self.guards.look_codes(shard);
                    let index = codes.find(*hash).filter(|index| {
                        codes.wave_of(codes.code(*index)).is_some_and(|wave| wave.sale == sale)
                    });
                    let index = index.ok_or(Refusal::NotFound(Missing::AccessCode))?;
                    found.push(CodeRef { shard, index });
                }
                found.sort_unstable();
                found.dedup();
                Ok(found)
            }
        }
    }

    /// One step, after those that did `before`. Gives what all of them have done, and whether there is more.
    fn revoke(
        &mut self,
        sale: SaleIx,
        found: &[CodeRef],
        request: &RevokeCodes<'_>,
        before: Option<Revoked>,
    ) -> (Revoked, bool) {
        let mut done = Revoked::default();
        let mut fresh = Vec::new();
        for which in found {
            if self.guards.look_codes(which.shard).code(which.index).revoked {
                done.unchanged += 1;
            } else {
                fresh.push(*which);
            }
        }
        let more = fresh.len() > MAX_CODES_AT_ONCE;
        fresh.truncate(MAX_CODES_AT_ONCE);
        let mask = fresh.iter().fold(0, |mask, which| {
            let code = self.guards.look_codes(which.shard).code(which.index);
            mask | code.shards() | code.homes()
        });
        self.guards.lock_shards(mask);
        self.fix_time();
        let mut codes = Vec::with_capacity(fresh.len());
        for which in fresh {
            let (until, used) = self.lasts(which);
            done.in_use += u32::from(used);
            codes.push((which, until));
        }
        done.revoked = u32::try_from(codes.len()).unwrap_or(u32::MAX);
        // What a step finds taken back already, the steps before it took back.
        let all = before.map_or(done, |before| Revoked {
            revoked: before.revoked + done.revoked,
            in_use: before.in_use + done.in_use,
            ..before
        });
        if !codes.is_empty() {
            let (wall, credential) = (self.now_at().wall, request.credential);
            let reason = request.reason.map(str::to_owned);
            let codes = Box::new(CodesRevoked { sale, codes, wall, credential, reason });
            // The key stands in the last fact: until then the request is not done.
            let fact = match request.key.filter(|_| !more) {
                None => Cold::CodesRevoked(codes),
                Some(KeyUse { key, fingerprint }) => {
                    let told = ThreeCounts([all.revoked, all.unchanged, all.in_use]);
                    Cold::CodesRevokedOnce { codes, told, key, fingerprint }
                }
            };
            self.commit(Kind::Cold(Box::new(fact)));
        }
        (all, more)
    }

    /// Until when what a code holds stays held once it is taken back, and whether it is in use.
    fn lasts(&self, which: CodeRef) -> (Timestamp, bool) {
        let code = self.guards.look_codes(which.shard).code(which.index);
        let (mut until, mut used) = (self.at(), false);
        for id in &code.carts {
            let cart =
                u8::try_from(id.shard()).ok().and_then(|home| self.guards.look(home).carts.get(id.index()));
            match stands(cart, *id, self.at()) {
                Standing::Free => {}
                Standing::Ordered => used = true,
                Standing::InCart(deadline) => {
                    used = true;
                    until = until.max(deadline);
                }
            }
        }
        // Units end with their code at the latest, and so does the cart on them.
        (if code.reserved.is_empty() { self.at() } else { until.min(code.until) }, used)
    }
}
