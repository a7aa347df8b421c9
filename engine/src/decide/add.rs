//! More holds for an open cart. They get the cart's deadline, whatever the sale's `hold_ttl_ms` is by now.

use super::aim::{Aim, Basis, locks_for};
use super::cart::{Beside, Called};
use super::choose::Missed;
use super::open::item_bound;
use super::stock::{Sums, sum};
use super::{Core, Decision};
use crate::carts::MAX_VERSION;
use crate::fact::{Kind, NewItems};
use crate::ids::{CartId, Quantity, SaleIx};
use crate::limits::{MAX_BUNDLES, MAX_HOLDS, MAX_TRIES};
use crate::outcome::{Answer, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, OnCart, Want};
use crate::time::Now;

use super::wants::Resolved;
use crate::carts::bundle_number;

impl Core {
    /// Adds to a cart, all or nothing.
    pub fn add_holds(&self, now: Now, on: OnCart, wants: &[Want]) -> Answer<CartView> {
        self.with_wants(now, on, wants, |decision, resolved, aim| {
            if decision.coded(on.cart).is_some_and(|coded| coded.reserves) {
                let why =
                    "the cart of an invitation has what the invitation is for; exchange a hold for another";
                return Err(Refusal::Rule { why: why.into() }.into());
            }
            let items = decision.take_more(on.cart, wants, resolved, aim, &Sums::new(), 0)?;
            decision.commit(Kind::Added { cart: on.cart, items, key: on.key });
            Ok(())
        })
    }

    /// Resolves wants against the cart's sale and acts with all shards of both locked; what is to be chosen is looked for
    /// before, as for a new cart.
    pub(super) fn with_wants(
        &self,
        now: Now,
        on: OnCart,
        wants: &[Want],
        mut act: impl FnMut(&mut Decision<'_>, &mut Resolved, Option<&Aim>) -> Result<(), Missed>,
    ) -> Answer<CartView> {
        let bytes = super::step_bytes(item_bound(wants));
        let replayed = |decision: &mut Decision<'_>, key| decision.replay_cart(key);
        for attempt in 0..=MAX_TRIES {
            let (mut mask, mut aim) = (0, None);
            // A name nobody knows is refused under the locks, after the key was looked at.
            let sale = self.sale_of(on.caller, on.cart);
            if let Some(sale) = sale
                && let Ok(resolved) = self.resolve(sale, wants, 0)
            {
                if attempt < MAX_TRIES && !resolved.choices.is_empty() && resolved.mask().count_ones() > 1 {
                    aim = self.aim(now, sale, wants, &resolved);
                }
                mask = locks_for(&resolved, aim.as_ref());
            }
            let mut lost = false;
            let beside = Beside { bytes, shards: mask, line: None };
            let mut answer = self.on_cart(now, on, Called::Cart, beside, replayed, |decision| {
                decision.demand_open(on.cart)?;
                let cart = decision.found(on.cart);
                let (sale, bundles) = (cart.sale, cart.bundles);
                let mut resolved = self.resolve(sale, wants, bundles)?;
                if resolved.items.is_empty() && resolved.choices.is_empty() {
                    return Err(Refusal::Rule { why: "at least one item is needed".into() });
                }
                // A venue that got its first slot in another shard since we looked; the next try knows it.
                if locks_for(&resolved, aim.as_ref()) & !decision.guards.mask() != 0 {
                    return Err(Refusal::Overloaded);
                }
                match act(decision, &mut resolved, aim.as_ref()) {
                    Ok(()) => Ok(decision.cart_view(on.cart, None)),
                    Err(Missed::Refused(refusal)) => Err(refusal),
                    Err(Missed::Lost) => {
                        lost = true;
                        Err(Refusal::Overloaded)
                    }
                }
            });
            if !lost {
                if let Some(sale) = sale {
                    self.name_elsewhere(sale, &mut answer);
                }
                return answer;
            }
        }
        unreachable!("without an aim nothing is lost")
    }

    /// The sale of a cart the caller may see.
    pub(crate) fn sale_of(&self, caller: Caller, cart: CartId) -> Option<SaleIx> {
        let shard = u8::try_from(cart.shard()).ok().filter(|shard| *shard < self.state.shards())?;
        let shard = self.state.lock_shard(shard);
        let found = shard.carts.get(cart.index()).filter(|found| found.generation() == cart.generation())?;
        caller.may_see(found.sale, found.channel, found.customer()).then_some(found.sale)
    }
}

impl Decision<'_> {
    /// Checks new items of an open cart and gives them. `coming_back` units of leaving items count as free.
    pub(super) fn take_more(
        &mut self,
        id: CartId,
        wants: &[Want],
        resolved: &mut Resolved,
        aim: Option<&Aim>,
        coming_back: &Sums,
        leaving: Quantity,
    ) -> Result<NewItems, Missed> {
        let wall = self.now_at().wall;
        let cart = self.found(id);
        let (sale, customer) = (cart.sale, cart.customer());
        let rules = match super::open::lowest(self.guards.mask()) {
            Some(shard) => self.rules(sale, shard)?,
            None => return Err(Refusal::NotFound(Missing::Sale).into()),
        };
        self.check_room()?;
        self.check_wants(sale, &rules, wall, wants, resolved)?;
        let units = Self::units_wanted(&rules, wants, resolved);
        self.check_limits(sale, &rules, customer, units, leaving)?;
        if !resolved.choices.is_empty() {
            let basis = Basis { sale, wall, at: self.at(), back: coming_back };
            self.choose(basis, &rules, wants, resolved, aim)?;
            self.check_wants(sale, &rules, wall, wants, resolved)?;
        }
        if let Some(coded) = self.coded(id) {
            self.check_scope_of_more(coded, &rules, resolved, leaving)?;
        }
        let cart = self.found(id);
        let bundles = resolved.items.iter().map(|item| bundle_number(item.bundle)).max().unwrap_or(0);
        if cart.items.len() + resolved.items.len() > MAX_HOLDS {
            let what = "holds of a cart, those it no longer has included";
            return Err(Refusal::LimitReached { what, limit: MAX_HOLDS as u64 }.into());
        }
        if bundles > MAX_BUNDLES {
            let what = "bundles of a cart, those it no longer has included";
            return Err(Refusal::LimitReached { what, limit: u64::from(MAX_BUNDLES) }.into());
        }
        if cart.version >= MAX_VERSION {
            return Err(Refusal::LimitReached { what: "changes", limit: u64::from(MAX_VERSION) }.into());
        }
        self.stock(&sum(&resolved.items), coming_back)?;
        Ok(std::mem::take(&mut resolved.items))
    }
}
