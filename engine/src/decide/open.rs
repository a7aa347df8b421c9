//! A cart and its first holds, in one step, all or nothing.

use super::aim::{Aim, Basis, locks_for};
use super::choose::Missed;
use super::codes::Shown;
use super::line::{Session, Wish};
use super::stock::{Sums, sum};
use super::wants::Resolved;
use super::{Core, Decision, step_bytes};
use crate::carts::Cart;
use crate::codes::CodeHash;
use crate::fact::{Kind, Opened, Redeemed};
use crate::ids::{CartId, Quantity, SaleIx};
use crate::keys::KeyShard;
use crate::limits::{MAX_BEST, MAX_HOLDS, MAX_OF_CUSTOMER, MAX_PARTS, MAX_TRIES};
use crate::outcome::{Answer, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, Notes, OpenCart, Want};
use crate::sale::SaleRules;
use crate::state::Held;
use crate::time::{Now, Timestamp};
use crate::visitors::{FOR_EVER, VisitorShard};
use crate::waiting_room::{LineShard, Mode};

/// The most bytes of notes: 10 pairs of 100 + 100, a reference, a customer, and postcard's lengths.
const NOTES_BYTES: usize = 2_600;

/// How many items the wants of a request can come to, for the reservation.
pub(super) fn item_bound(wants: &[Want]) -> usize {
    wants
        .iter()
        .map(|want| match want {
            Want::Slot { .. } => 1,
            Want::Bundle { slots, .. } => slots.len(),
            Want::AnyBundle { .. } => MAX_PARTS,
            Want::Best { quantity, .. } => (*quantity).min(MAX_BEST) as usize,
        })
        .sum()
}

impl Core {
    /// Makes a cart. A refusal has changed nothing but what was past its deadline. With a pass its session begins, if this
    /// is the first use: a refused cart costs nothing of it but time.
    pub fn open_cart(&self, now: Now, request: &OpenCart<'_>) -> Answer<CartView> {
        let Some(holder) = request.caller.holder else { return self.open_cart_of_key(now, request) };
        let Answer { rests_on, now: used_at, result: used, .. } = self.use_pass(now, holder.ticket);
        let mut answer = match used {
            Ok(session) => self.open_in_session(now, request, session),
            // What was answered once is answered again, whatever became of the pass.
            Err(refusal) => self.kept_cart(now, request).unwrap_or_else(|| Self::refuse(used_at, refusal)),
        };
        answer.rests_on = answer.rests_on.max(rests_on);
        answer
    }

    /// What is refused for want of stock leaves somebody inside with nothing, until a later wish is granted.
    fn open_in_session(&self, now: Now, request: &OpenCart<'_>, session: Session) -> Answer<CartView> {
        let answer = self.open_cart_of_key(now, request);
        let wish = match &answer.result {
            Ok(cart) => {
                let units = cart.items.iter().map(|item| u64::from(item.quantity)).sum();
                Wish::Granted { units: if answer.replayed { 0 } else { units }, until: cart.expires_at }
            }
            Err(
                Refusal::SlotTaken { .. }
                | Refusal::AllHeld { .. }
                | Refusal::SoldOut { .. }
                // Of all bundles that could have been chosen none was left.
                | Refusal::BundleIncomplete { scope: Some(_), .. },
            ) => Wish::Refused,
            // Who has a cart is not idle while it lives.
            Err(Refusal::SessionBusy) => match self.lives_until(now, request) {
                Some(until) => Wish::Extended { until },
                None => return answer,
            },
            Err(_) => return answer,
        };
        if !matches!(wish, Wish::Refused) || !session.empty_handed {
            self.note_wish(now, session.ticket, wish);
        }
        answer
    }

    /// When the last live cart of the session ends.
    fn lives_until(&self, now: Now, request: &OpenCart<'_>) -> Option<Timestamp> {
        let sale = self.state.names.listing().sale(request.sale)?;
        let visitors = self.state.lock_visitors(VisitorShard::of(request.customer, self.state.shards()));
        let live = visitors.live_carts(request.customer, sale, now.engine);
        drop(visitors);
        let own = live.iter().filter(|entry| self.sale_of(request.caller, entry.cart).is_some());
        own.map(|entry| entry.until).max()
    }

    /// The kept answer to the request's key.
    fn kept_cart(&self, now: Now, request: &OpenCart<'_>) -> Option<Answer<CartView>> {
        let mut decision = Decision::begin(self, now, step_bytes(0)).ok()?;
        let shards = self.state.shards();
        decision.guards.lock_visitors(VisitorShard::of(request.customer, shards));
        decision.guards.lock_keys(KeyShard::of(request.key.key, shards));
        decision.replay_cart(request.key)
    }

    fn open_cart_of_key(&self, now: Now, request: &OpenCart<'_>) -> Answer<CartView> {
        let Some(sale) = self.state.names.listing().sale(request.sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let notes = if request.notes.is_empty() { 0 } else { NOTES_BYTES };
        // Who names nothing may get what a code holds.
        let items = if request.wants.is_empty() { MAX_HOLDS } else { item_bound(request.wants) };
        let mut decision = match Decision::begin(self, now, step_bytes(items) + notes) {
            Ok(decision) => decision,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let shards = self.state.shards();
        decision.guards.lock_visitors(VisitorShard::of(request.customer, shards));
        decision.guards.lock_keys(KeyShard::of(request.key.key, shards));
        // Where the visitor is found is wanted soon: the processor fetches it while it looks for the key.
        std::hint::black_box(decision.guards.look_visitors().touch(request.customer, sale));
        if let Some(answer) = decision.replay_cart(request.key) {
            return answer;
        }
        // Names are resolved after the key: a request that was answered once is answered again, whatever it names.
        let mut resolved = match self.resolve(sale, request.wants, 0) {
            Ok(resolved) => resolved,
            Err(refusal) => return decision.answer(Err(refusal)),
        };
        let shown = match decision.shown(sale, request) {
            Ok(shown) => shown,
            Err(refusal) => {
                // That a code is needed is said on account of the sale's terms, which every shard has: any of them will do.
                decision.guards.lock_shards(1 << VisitorShard::of(request.customer, shards));
                decision.fix_time();
                return decision.answer(Err(refusal));
            }
        };
        if let Some(shown) = &shown {
            resolved.beside = shown.mask;
            shown.fill(&mut resolved);
        }
        if request.caller.holder.is_some() {
            // Whose the customer's live carts are is read where they live.
            let live = decision.guards.look_visitors().live_carts(request.customer, sale, now.engine);
            resolved.beside |= live.iter().fold(0, |mask, entry| mask | 1 << entry.cart.shard());
        }
        let result = decision.open_somewhere(now, sale, request, &mut resolved, shown.as_ref());
        let result = result.map(|cart| {
            #[expect(clippy::cast_possible_truncation, reason = "a cart that was made lives in a shard")]
            self.note_opened(cart.shard() as u8, decision.guards.shard_locks());
            decision.cart_view(cart, None)
        });
        let mut answer = decision.answer(result);
        drop(decision);
        self.name_elsewhere(sale, &mut answer);
        answer
    }
}

impl Decision<'_> {
    /// The code a cart is made with, if it is: the one that was given, or the one a pass was had for.
    fn shown(&mut self, sale: SaleIx, request: &OpenCart<'_>) -> Result<Option<Shown>, Refusal> {
        if let Some(hash) = request.code {
            let shown = self.show(sale, hash).ok_or(Refusal::NotFound(Missing::AccessCode))?;
            return Ok(Some(shown));
        }
        if request.caller.holder.is_some()
            && let Some(shown) = self.show(sale, CodeHash(request.customer.0))
        {
            return Ok(Some(shown));
        }
        let listing = self.core.state.names.listing();
        let terms = listing.sales.get(usize::from(sale.0)).and_then(|sale| sale.rules.codes.clone());
        if terms.is_some_and(|terms| terms.carts) && !request.caller.operator {
            return Err(Refusal::CodeRequired);
        }
        Ok(None)
    }

    /// Makes the cart of what is named, or of what a first look finds, or of what is left with everything locked.
    fn open_somewhere(
        &mut self,
        now: Now,
        sale: SaleIx,
        request: &OpenCart<'_>,
        resolved: &mut Resolved,
        shown: Option<&Shown>,
    ) -> Result<CartId, Refusal> {
        if resolved.mask().count_ones() > 1 && !resolved.choices.is_empty() {
            for _ in 0..MAX_TRIES {
                let Some(aim) = self.core.aim(now, sale, request.wants, resolved) else { break };
                self.lock_for(request.caller, locks_for(resolved, Some(&aim)));
                match self.open(sale, request, &mut resolved.clone(), Some(&aim), shown) {
                    Ok(cart) => return Ok(cart),
                    Err(Missed::Refused(refusal)) => return Err(refusal),
                    Err(Missed::Lost) => {
                        self.guards.unlock_lines();
                        self.guards.unlock_shards();
                    }
                }
            }
        }
        self.lock_for(request.caller, resolved.mask());
        match self.open(sale, request, resolved, None, shown) {
            Ok(cart) => Ok(cart),
            Err(Missed::Refused(refusal)) => Err(refusal),
            Err(Missed::Lost) => unreachable!("without an aim nothing is lost"),
        }
    }

    /// Takes these shards, and the line of a pass's session: it must not end before its cart is made.
    fn lock_for(&mut self, caller: Caller, shards: u64) {
        self.guards.lock_shards(shards);
        if let Some(holder) = caller.holder {
            self.guards.lock_lines(LineShard::of(holder.ticket.sale, self.core.state.shards()));
        }
        self.fix_time();
    }

    fn open(
        &mut self,
        sale: SaleIx,
        request: &OpenCart<'_>,
        resolved: &mut Resolved,
        aim: Option<&Aim>,
        shown: Option<&Shown>,
    ) -> Result<CartId, Missed> {
        let wall = self.now_at().wall;
        let nothing = resolved.items.is_empty() && resolved.choices.is_empty();
        let Some(any_shard) = lowest(self.guards.mask()).filter(|_| !nothing) else {
            // A code that was used holds nothing any more: that is said first.
            if let Some(shown) = shown {
                self.check_code(shown, request.caller.channel)?;
            }
            return Err(Refusal::Rule { why: "a cart needs at least one item".into() }.into());
        };
        let rules = self.rules(sale, any_shard)?;
        self.check_room()?;
        self.check_admitted(sale, &rules, request)?;
        if self.guards.look_visitors().is_full(request.customer, sale) {
            let limit = MAX_OF_CUSTOMER as u64;
            return Err(Refusal::LimitReached { what: "carts and orders", limit }.into());
        }
        let nth = shown.map(|shown| self.check_code(shown, request.caller.channel)).transpose()?;
        let back = shown.map_or_else(Sums::new, |shown| shown.back(self.at()));
        self.check_wants(sale, &rules, wall, request.wants, resolved)?;
        let units = Self::units_wanted(&rules, request.wants, resolved);
        self.check_limits(sale, &rules, request.customer, units, 0)?;
        if !resolved.choices.is_empty() {
            let basis = Basis { sale, wall, at: self.at(), back: &back };
            self.choose(basis, &rules, request.wants, resolved, aim)?;
            self.check_wants(sale, &rules, wall, request.wants, resolved)?;
        }
        if let Some(shown) = shown {
            self.check_scope(shown, &rules, resolved)?;
        }
        self.stock(&sum(&resolved.items), &back)?;

        let home = resolved.items[0].slot.shard;
        let carts = &self.guards.look(home).carts;
        let index = carts.next_index();
        if index > CartId::MAX_INDEX {
            return Err(Refusal::Overloaded.into());
        }
        let generation = carts.get(index).map_or(0, |cart: &Cart| cart.generation() + 1);
        let cart = CartId::new(self.core.partition, home, generation, index);
        let at = self.at();
        let last = shown.and_then(|shown| shown.last(at)).unwrap_or(FOR_EVER);
        let opened = Opened {
            cart,
            sale,
            channel: request.caller.channel,
            customer: request.customer,
            deadline: at.plus(rules.hold_ttl).min(last),
            hard_deadline: at.plus(rules.hold_max).min(last),
            items: std::mem::take(&mut resolved.items),
            key: Some(request.key),
            notes: notes_to_keep(&rules, &request.notes),
        };
        self.commit(match shown.zip(nth) {
            None => Kind::Opened(opened),
            Some((shown, nth)) => Kind::Redeemed(Box::new(Redeemed { opened, code: shown.code, nth })),
        });
        Ok(cart)
    }

    /// Whether the caller may make a cart as far as the waiting room goes: a pass's session has one live cart at a time,
    /// and a key needs a pass unless the room lets its channel, or everybody, through. A cart that another channel holds for the
    /// same customer is none of the session's: whoever shows the pass could neither use that one nor give it back.
    fn check_admitted(
        &mut self,
        sale: SaleIx,
        rules: &SaleRules,
        request: &OpenCart<'_>,
    ) -> Result<(), Refusal> {
        let Caller { channel, operator, holder, .. } = request.caller;
        if let Some(holder) = holder {
            // Since the pass was used its session may have ended: with an order, because its holder went away, or at its time, of
            // which the cart's locks may know a later one.
            if !self.is_inside(holder.ticket) {
                return Err(Refusal::PassExpired);
            }
            let live = self.guards.look_visitors().live_carts(request.customer, sale, self.at());
            let has_own = live.iter().any(|entry| self.cart(request.caller, entry.cart).is_some());
            return if has_own { Err(Refusal::SessionBusy) } else { Ok(()) };
        }
        let Some(room) = rules.room.as_deref().filter(|_| !operator) else { return Ok(()) };
        let listing = self.core.state.names.listing();
        let channel = listing.channels.get(usize::from(channel.0));
        if channel.is_some_and(|name| room.open_channels.iter().any(|open| **open == **name)) {
            return Ok(());
        }
        let line = LineShard::of(sale, self.core.state.shards());
        self.guards.lock_lines(line);
        let here = self.guards.lines(line).lines.get_mut(&sale);
        // A request that looks several times for what it wants has come once.
        let first = !std::mem::replace(&mut self.arrived, true);
        let mode = here.map(|line| {
            if first && line.mode == Mode::PassThrough {
                line.arrivals.note();
            }
            line.mode
        });
        self.guards.unlock_lines();
        if mode == Some(Mode::PassThrough) { Ok(()) } else { Err(Refusal::NotAdmitted) }
    }

    /// Whether the disk has room for more holds.
    pub(super) fn check_room(&self) -> Result<(), Refusal> {
        self.core.check_room()
    }

    /// Whether the customer may have so many units more. `leaving` units go in the same step.
    pub(super) fn check_limits(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        customer: crate::ids::CustomerHash,
        units: Quantity,
        leaving: Quantity,
    ) -> Result<(), Refusal> {
        if rules.limit_units.is_none() && rules.limit_orders.is_none() {
            return Ok(());
        }
        let having = self.guards.look_visitors().having(customer, sale, self.at());
        if let Some(limit) = rules.limit_orders
            && having.orders >= u64::from(limit)
        {
            return Err(Refusal::LimitReached { what: "orders", limit: u64::from(limit) });
        }
        // Whose units do not become more keeps them, also under terms that would not let them be taken anew.
        if let Some(limit) = rules.limit_units
            && units > leaving
            && having.units + u64::from(units) > u64::from(limit) + u64::from(leaving)
        {
            return Err(Refusal::LimitReached { what: "units", limit: u64::from(limit) });
        }
        Ok(())
    }
}

fn notes_to_keep(rules: &SaleRules, notes: &Notes) -> Option<Box<Notes>> {
    if notes.is_empty() {
        return None;
    }
    let customer = notes.customer.clone().filter(|_| rules.keep_customer);
    let kept = Notes { customer, ..notes.clone() };
    (!kept.is_empty()).then(|| Box::new(kept))
}

/// The lowest shard of a mask.
pub(super) fn lowest(mask: u64) -> Option<u8> {
    (mask != 0).then(|| u8::try_from(mask.trailing_zeros()).unwrap_or(0))
}
