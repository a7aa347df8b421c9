//! Access codes as operators see them: never the code, only its hash and what became of it.
//!
//! Codes are looked at under their locks and their carts afterwards, a shard at a time: a list explains, it decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Core;
use super::views::Page;
use crate::codes::{Code, CodeHash, CodeShard, Standing, Wave, stands};
use crate::ids::{CartId, SaleIx};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::sequence::Sequence;
use crate::time::{Now, Timestamp};

/// How a code stands. The first that fits, from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// Taken back by an operator.
    Revoked,
    /// All its uses became orders.
    Used,
    /// All its uses are in orders or in live carts.
    InCart,
    /// Its end has come.
    Lapsed,
    /// Its time has not begun.
    Upcoming,
    /// It lets its holder in.
    Live,
}

/// A code.
#[derive(Clone, Debug)]
pub struct CodeView {
    /// Its hash, by which it is named.
    pub hash: CodeHash,
    /// Its wave.
    pub wave: Arc<Wave>,
    /// How it stands.
    pub state: CodeState,
    /// Uses that became orders.
    pub used: u32,
    /// Uses that are in live carts.
    pub in_carts: u32,
    /// When it ends, if it does.
    pub until: Option<Timestamp>,
    /// What it holds: public id of the slot and units.
    pub holds: Vec<(String, u32)>,
}

/// The codes of a wave, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaveCounts {
    /// All of them.
    pub codes: u32,
    /// Good, and not in use.
    pub live: u32,
    /// Not good yet.
    pub upcoming: u32,
    /// In live carts.
    pub in_cart: u32,
    /// Ordered with.
    pub used: u32,
    /// Past their end without an order.
    pub lapsed: u32,
    /// Taken back.
    pub revoked: u32,
    /// Units that are set aside now.
    pub units_reserved: u64,
}

/// A wave.
#[derive(Clone, Debug)]
pub struct WaveView {
    /// The wave.
    pub wave: Arc<Wave>,
    /// Its codes, counted.
    pub counts: WaveCounts,
}

type Found = (Code, Arc<Wave>);

impl Core {
    /// Codes of a sale, of one wave if asked, in the order of their hashes' shards; `after` is the hash of the last one seen.
    pub fn codes(
        &self,
        now: Now,
        sale: &str,
        wave: Option<&str>,
        after: Option<CodeHash>,
        limit: usize,
    ) -> Answer<Page<CodeView>> {
        let sale = match self.sale_with_wave(sale, wave) {
            Ok(sale) => sale,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let mut rests_on = Sequence::ZERO;
        let mut found: Vec<Found> = Vec::new();
        let shards = self.state.shards();
        let first = after.map_or(0, |after| CodeShard::of(after, shards));
        for number in first..usize::from(shards) {
            let shard = self.state.lock_codes(number);
            rests_on = rests_on.max(shard.stamp.sequence);
            let from =
                after.filter(|_| number == first).and_then(|after| shard.find(after)).map_or(0, |at| at + 1);
            for index in from..shard.len() {
                let code = shard.code(index);
                let Some(here) = shard.wave_of(code).filter(|here| here.sale == sale) else { continue };
                if wave.is_none_or(|wave| here.terms.name == wave) {
                    found.push((code.clone(), Arc::clone(here)));
                }
                if found.len() > limit {
                    break;
                }
            }
            if found.len() > limit {
                break;
            }
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(code, _)| format!("{:032x}", code.hash().0));
        let items = self.code_views(now, &found, &mut rests_on);
        Answer { rests_on, now, replayed: false, result: Ok(Page { items, next }) }
    }

    /// One code.
    pub fn code(&self, now: Now, sale: &str, hash: CodeHash) -> Answer<CodeView> {
        let sale = match self.sale_with_wave(sale, None) {
            Ok(sale) => sale,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let (found, mut rests_on) = {
            let shard = self.state.lock_codes(CodeShard::of(hash, self.state.shards()));
            let code = shard.find(hash).map(|index| shard.code(index).clone());
            let found = code.and_then(|code| {
                let wave = shard.wave_of(&code).filter(|wave| wave.sale == sale).cloned()?;
                Some((code, wave))
            });
            (found, shard.stamp.sequence)
        };
        let mut views = self.code_views(now, found.as_slice(), &mut rests_on);
        let result = views.pop().ok_or(Refusal::NotFound(Missing::AccessCode));
        Answer { rests_on, now, replayed: false, result }
    }

    /// The waves of a sale in the order they were made, or the one of that name.
    pub fn waves(&self, now: Now, sale: &str, name: Option<&str>) -> Answer<Vec<WaveView>> {
        let sale = match self.sale_with_wave(sale, name) {
            Ok(sale) => sale,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let mut rests_on = Sequence::ZERO;
        let mut views: BTreeMap<u32, WaveView> = BTreeMap::new();
        for number in 0..usize::from(self.state.shards()) {
            let (found, stamp) = {
                let shard = self.state.lock_codes(number);
                for (wave, here) in (0..).zip(shard.waves()) {
                    let wanted = here.sale == sale && name.is_none_or(|name| here.terms.name == name);
                    if wanted {
                        let new = || WaveView { wave: Arc::clone(here), counts: WaveCounts::default() };
                        views.entry(wave).or_insert_with(new);
                    }
                }
                let codes = (0..shard.len()).map(|index| shard.code(index));
                let codes = codes.filter(|code| views.contains_key(&code.wave));
                let found: Vec<Found> =
                    codes.filter_map(|code| Some((code.clone(), shard.wave_of(code).cloned()?))).collect();
                (found, shard.stamp.sequence)
            };
            rests_on = rests_on.max(stamp);
            let fates = self.fates(now, &found, &mut rests_on);
            for (code, _) in &found {
                let Some(view) = views.get_mut(&code.wave) else { continue };
                let counts = &mut view.counts;
                counts.codes += 1;
                *match state_of(code, &view.wave, &fates, now).0 {
                    CodeState::Revoked => &mut counts.revoked,
                    CodeState::Used => &mut counts.used,
                    CodeState::InCart => &mut counts.in_cart,
                    CodeState::Lapsed => &mut counts.lapsed,
                    CodeState::Upcoming => &mut counts.upcoming,
                    CodeState::Live => &mut counts.live,
                } += 1;
                if now.engine < code.until {
                    counts.units_reserved +=
                        code.units().iter().map(|(_, units)| u64::from(*units)).sum::<u64>();
                }
            }
        }
        Answer { rests_on, now, replayed: false, result: Ok(views.into_values().collect()) }
    }

    fn sale_with_wave(&self, sale: &str, wave: Option<&str>) -> Result<SaleIx, Refusal> {
        let sale = self.state.names.listing().sale(sale).ok_or(Refusal::NotFound(Missing::Sale))?;
        match wave {
            Some(name) if self.state.lock_codes(0).wave_named(sale, name).is_none() => {
                Err(Refusal::NotFound(Missing::Wave(name.to_owned())))
            }
            _ => Ok(sale),
        }
    }

    /// How the carts of codes stand, looked at one shard after the other.
    fn fates(&self, now: Now, found: &[Found], rests_on: &mut Sequence) -> BTreeMap<CartId, Standing> {
        let mut carts: Vec<CartId> = found.iter().flat_map(|(code, _)| code.carts.iter().copied()).collect();
        carts.sort_unstable_by_key(|cart| (cart.shard(), *cart));
        let mut fates = BTreeMap::new();
        for here in carts.chunk_by(|one, other| one.shard() == other.shard()) {
            let home = u8::try_from(here[0].shard()).ok().filter(|home| *home < self.state.shards());
            let Some(home) = home else { continue };
            let shard = self.state.lock_shard(home);
            *rests_on = (*rests_on).max(shard.stamp.sequence);
            let at = now.engine.max(shard.stamp.at);
            fates.extend(here.iter().map(|id| (*id, stands(shard.carts.get(id.index()), *id, at))));
        }
        fates
    }

    fn code_views(&self, now: Now, found: &[Found], rests_on: &mut Sequence) -> Vec<CodeView> {
        let fates = self.fates(now, found, rests_on);
        let view = |(code, wave): &Found| {
            let (state, used, in_carts) = state_of(code, wave, &fates, now);
            let units = if now.engine < code.until { code.units() } else { smallvec::SmallVec::new() };
            let name = |slot: crate::ids::SlotRef| {
                self.state.lock_shard(slot.shard).slot_name(slot.index).to_owned()
            };
            let holds = units.into_iter().map(|(slot, units)| (name(slot), units)).collect();
            let (hash, wave, until) = (code.hash(), Arc::clone(wave), code.ends());
            CodeView { hash, wave, state, used, in_carts, until, holds }
        };
        found.iter().map(view).collect()
    }
}

fn state_of(code: &Code, wave: &Wave, fates: &BTreeMap<CartId, Standing>, now: Now) -> (CodeState, u32, u32) {
    let (mut used, mut in_carts) = (0, 0);
    for cart in &code.carts {
        match fates.get(cart) {
            Some(Standing::Ordered) => used += 1,
            Some(Standing::InCart(_)) => in_carts += 1,
            Some(Standing::Free) | None => {}
        }
    }
    let uses = u32::from(wave.terms.uses);
    let state = if code.revoked {
        CodeState::Revoked
    } else if used >= uses {
        CodeState::Used
    } else if used + in_carts >= uses {
        CodeState::InCart
    } else if now.engine >= code.until {
        CodeState::Lapsed
    } else if wave.terms.valid_from.is_some_and(|from| now.wall < from) {
        CodeState::Upcoming
    } else {
        CodeState::Live
    };
    (state, used, in_carts)
}
