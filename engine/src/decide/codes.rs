//! What an access code lets its holder do: join a line, and make a cart.
//!
//! The code's lock is held from when it is looked up until what is done with it is a fact, so of two who come at once the
//! second finds what the first has done. Whether a use is free is read from the cart that was made with it, under that
//! cart's lock.

use std::sync::Arc;

use super::line::{JoinLine, JoinedLine};
use super::stock::Sums;
use super::wants::Resolved;
use super::{Core, Decision};
use crate::codes::{Code, CodeHash, CodeRef, CodeShard, Coded, Reserve, Reserved, Standing, Wave, stands};
use crate::fact::{NewItem, NewItems};
use crate::ids::{CartId, ChannelIx, SaleIx};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::sale::SaleRules;
use crate::state::Held;
use crate::time::{Now, Timestamp, WallTime};
use crate::waiting_room::LineShard;

/// A code that somebody came with; its lock is held.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub code: CodeRef,
    wave: Arc<Wave>,
    until: Timestamp,
    revoked: bool,
    /// Carts of its uses, if all of them were begun.
    begun: Option<smallvec::SmallVec<[CartId; 1]>>,
    next: u16,
    units: Sums,
    /// The same, hold by hold.
    held: NewItems,
    /// Inventory shards that are needed to decide about it.
    pub mask: u64,
}

impl Shown {
    fn new(code: CodeRef, found: &Code, wave: &Arc<Wave>) -> Self {
        let all_begun = found.carts.len() >= usize::from(wave.terms.uses);
        let homes = if all_begun { found.homes() } else { 0 };
        Self {
            code,
            wave: Arc::clone(wave),
            until: found.until,
            revoked: found.revoked,
            begun: all_begun.then(|| found.carts.clone()),
            next: u16::try_from(found.carts.len()).unwrap_or(u16::MAX),
            units: found.units().into_iter().collect(),
            held: found.reserved.iter().map(as_item).collect(),
            mask: homes | found.shards(),
        }
    }

    /// Who names nothing takes what the code holds.
    pub fn fill(&self, resolved: &mut Resolved) {
        if !resolved.items.is_empty() || !resolved.choices.is_empty() {
            return;
        }
        match &self.wave.terms.reserve {
            Some(Reserve::Bundle { rule, .. }) if !self.held.is_empty() => {
                let parts: Vec<_> = self.held.iter().map(|item| item.slot).collect();
                resolved.add_bundle(rule, &parts, 1);
            }
            _ => resolved.items.extend(self.held.iter().copied()),
        }
    }

    /// What the code holds at an instant: it comes back for whatever is taken with it.
    pub fn back(&self, at: Timestamp) -> Sums {
        if at < self.until { self.units.clone() } else { Sums::new() }
    }

    /// When a cart made with it ends at the latest: with what it stands on.
    pub fn last(&self, at: Timestamp) -> Option<Timestamp> {
        (at < self.until && !self.units.is_empty()).then_some(self.until)
    }

    /// Whether it is good at all now.
    fn check_good(&self, at: Timestamp, wall: WallTime) -> Result<(), Refusal> {
        let scope = |why: &str| Err(Refusal::CodeScope { why: why.to_owned() });
        if self.revoked {
            return scope("This access code was taken back; ask whoever sent it.");
        }
        if at >= self.until {
            return scope("This access code has expired; ask whoever sent it for another.");
        }
        if self.wave.terms.valid_from.is_some_and(|from| wall < from) {
            return scope("This access code is not good yet; come back later.");
        }
        Ok(())
    }

    /// Whether a channel may take it.
    fn check_channel(&self, core: &Core, channel: ChannelIx) -> Result<(), Refusal> {
        let Some(wanted) = &self.wave.terms.channel else { return Ok(()) };
        let listing = core.state.names.listing();
        let here = listing.channels.get(usize::from(channel.0));
        if here.is_some_and(|name| **name == **wanted) {
            return Ok(());
        }
        Err(Refusal::CodeScope { why: format!("This access code is for channel `{wanted}` only.") })
    }
}

fn as_item(units: &Reserved) -> NewItem {
    NewItem { slot: units.slot, quantity: u32::from(units.quantity), bundle: 0 }
}

impl Decision<'_> {
    /// Takes the lock of a code and looks at it. A code of another sale is as unknown as one nobody has made.
    pub(super) fn show(&mut self, sale: SaleIx, hash: CodeHash) -> Option<Shown> {
        let shard = u8::try_from(CodeShard::of(hash, self.guards.shards())).unwrap_or(0);
        self.guards.lock_codes(shard);
        let codes = self.guards.look_codes(shard);
        let found = codes.find(hash).and_then(|index| {
            let code = codes.code(index);
            let wave = codes.wave_of(code).filter(|wave| wave.sale == sale)?;
            Some(Shown::new(CodeRef { shard, index }, code, wave))
        });
        if found.is_none() {
            self.guards.unlock_codes();
        }
        found
    }

    /// The use of a code that can be begun; the homes of its carts are held.
    fn free_use(&self, shown: &Shown, while_in_cart: bool) -> Result<u16, Refusal> {
        let Some(carts) = &shown.begun else { return Ok(shown.next) };
        let mut back_at: Option<Timestamp> = None;
        for (nth, id) in (0_u16..).zip(carts) {
            let cart =
                u8::try_from(id.shard()).ok().and_then(|home| self.guards.look(home).carts.get(id.index()));
            match stands(cart, *id, self.at()) {
                Standing::Free => return Ok(nth),
                Standing::InCart(_) if while_in_cart => return Ok(nth),
                Standing::InCart(until) => back_at = Some(back_at.map_or(until, |at| at.min(until))),
                Standing::Ordered => {}
            }
        }
        Err(Refusal::CodeUsed { back_in: back_at.map(|at| at.since(self.at())) })
    }

    /// Whether a cart may be made with the code, what is in it aside. Gives which of its uses it will be.
    pub(super) fn check_code(&self, shown: &Shown, channel: ChannelIx) -> Result<u16, Refusal> {
        shown.check_good(self.at(), self.now_at().wall)?;
        shown.check_channel(self.core, channel)?;
        self.free_use(shown, false)
    }

    /// Whether what is in a cart is what the code is for.
    pub(super) fn check_scope(
        &self,
        shown: &Shown,
        rules: &SaleRules,
        resolved: &Resolved,
    ) -> Result<(), Refusal> {
        self.check_wave_scope(&shown.wave, rules, resolved, 0)
    }

    /// The same of what comes into a cart that was made with a code, whose lock is held; `leaving` units go.
    pub(super) fn check_scope_of_more(
        &self,
        coded: Coded,
        rules: &SaleRules,
        resolved: &Resolved,
        leaving: u32,
    ) -> Result<(), Refusal> {
        let codes = self.guards.look_codes(coded.code.shard);
        let code = codes.code(coded.code.index);
        let Some(wave) = codes.wave_of(code) else { return Ok(()) };
        let holds: u32 = code.reserved.iter().map(|units| u32::from(units.quantity)).sum();
        let stays = if coded.reserves { holds.saturating_sub(leaving) } else { 0 };
        self.check_wave_scope(wave, rules, resolved, stays)
    }

    /// Whether these items are in the scope of a wave, beside units that stay.
    fn check_wave_scope(
        &self,
        wave: &Wave,
        rules: &SaleRules,
        resolved: &Resolved,
        stays: u32,
    ) -> Result<(), Refusal> {
        let scope = |why: String| Err(Refusal::CodeScope { why });
        let terms = &wave.terms;
        let venue_of = |item: &NewItem| {
            let shard = self.guards.look(item.slot.shard);
            shard.names.name(shard.group_of(item.slot.index).key.venue).to_owned()
        };
        for item in resolved.items.iter().filter(|_| !terms.venues.is_empty()) {
            let venue = venue_of(item);
            if !terms.venues.contains(&venue) {
                let good = terms.venues.join("`, `");
                return scope(format!("This access code is for venue `{good}`, not for `{venue}`."));
            }
        }
        let Some(reserve) = &terms.reserve else { return Ok(()) };
        if let Some(venue) = resolved.items.iter().map(venue_of).find(|venue| venue != reserve.venue()) {
            let good = reserve.venue();
            return scope(format!("This access code is for venue `{good}`, not for `{venue}`."));
        }
        match reserve {
            Reserve::Units { product, quantity, .. } => {
                let product_of = |item: &NewItem| {
                    self.guards.look(item.slot.shard).product(item.slot.index).map(str::to_owned)
                };
                let other = resolved.items.iter().map(product_of).find(|here| here != product);
                if let (Some(product), Some(other)) = (product, other) {
                    let other = other.unwrap_or_default();
                    return scope(format!("This access code is for product `{product}`, not for `{other}`."));
                }
                let units = stays + resolved.items.iter().map(|item| item.quantity).sum::<u32>();
                if units > u32::from(*quantity) {
                    return scope(format!(
                        "This access code is for {quantity} units, {units} were asked for."
                    ));
                }
            }
            Reserve::Bundle { rule, from, to, .. } => {
                let parts = rules.bundle(rule).map_or(0, |rule| rule.parts.len());
                let whole = resolved.bundles.len() == 1
                    && resolved.bundles[0].0 == *rule
                    && resolved.items.len() == parts;
                if !whole {
                    return scope(format!(
                        "This access code is for one bundle `{rule}`, and for nothing else."
                    ));
                }
                let first = resolved.items[0].slot;
                let starts = self.guards.look(first.shard).info(first.index).starts_at;
                let early = from.is_some_and(|from| starts.is_none_or(|starts| starts < from));
                if early || to.is_some_and(|to| starts.is_none_or(|starts| starts >= to)) {
                    return scope("This access code is for another time.".into());
                }
            }
        }
        Ok(())
    }

    /// Whether somebody without a code may join a lane.
    pub(super) fn check_lane_without_code(&self, sale: SaleIx, lane: Option<&str>) -> Result<(), Refusal> {
        let listing = self.core.state.names.listing();
        let rules = listing.sales.get(usize::from(sale.0)).map(|sale| &sale.rules);
        let Some((codes, rules)) = rules.and_then(|rules| Some((rules.codes.as_deref()?, rules))) else {
            return Ok(());
        };
        let first =
            || rules.room.as_deref().and_then(|room| room.lanes.first()).map(|lane| lane.name.as_str());
        let lane = lane.or_else(first);
        let asked = lane.is_some_and(|lane| codes.lanes.iter().any(|name| name == lane));
        if codes.carts || codes.line || asked { Err(Refusal::CodeRequired) } else { Ok(()) }
    }
}

impl Core {
    /// Gives the place of a code in a line, a new one if it has none.
    pub(super) fn join_with_code(
        &self,
        now: Now,
        sale: SaleIx,
        request: &JoinLine<'_>,
        hash: CodeHash,
    ) -> Answer<JoinedLine> {
        let mut decision = match Decision::begin(self, now, super::line::LINE_BYTES) {
            Ok(decision) => decision,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let Some(shown) = decision.show(sale, hash) else {
            decision.fix_time();
            return decision.answer(Err(Refusal::NotFound(Missing::AccessCode)));
        };
        let homes = shown.begun.as_ref().map_or(0, |_| shown.mask);
        decision.guards.lock_shards(homes);
        decision.guards.lock_lines(LineShard::of(sale, self.state.shards()));
        decision.fix_time();
        if !decision.guards.look_lines().lines.contains_key(&sale) {
            return decision.answer(Err(Refusal::NotFound(Missing::WaitingRoom)));
        }
        decision.look_at_sale(sale);
        let result = decision.join_shown(sale, request, &shown);
        let seen = decision.line(sale).stock.rests_on;
        let mut answer = decision.answer(result);
        // "Sold out" is said of what was seen elsewhere.
        answer.rests_on = answer.rests_on.max(seen);
        answer
    }
}

impl Decision<'_> {
    fn join_shown(
        &mut self,
        sale: SaleIx,
        request: &JoinLine<'_>,
        shown: &Shown,
    ) -> Result<JoinedLine, Refusal> {
        shown.check_good(self.at(), self.now_at().wall)?;
        // Who has a cart with it has not used it up: the place may be asked for until there is an order.
        self.free_use(shown, true)?;
        let lane = match (&shown.wave.terms.lane, request.lane) {
            (Some(own), Some(asked)) if own != asked => {
                let why = format!("This access code is for lane `{own}`, not for `{asked}`.");
                return Err(Refusal::CodeScope { why });
            }
            (Some(own), _) => Some(own.as_str()),
            (None, asked) => asked,
        };
        self.join(sale, &JoinLine { lane, ..*request }, |_| Ok(()))
    }
}
