//! What the naive twin does with carts and orders: one function a request.

use super::wants::New;
use super::*;

impl Model {
    // Keys.

    /// The kept answer, if the key was used before.
    pub fn kept(&self, key: &str, body: u64, of_order: bool) -> Option<Result<&Kept, Refusal>> {
        let kept = self.keys.get(key).filter(|kept| self.now < kept.at + self.key_keep)?;
        self.cart(kept.cart)?;
        if kept.body != body || kept.of_order != of_order {
            return Some(Err(Refusal::KeyReused));
        }
        Some(Ok(kept))
    }

    /// The kept answer as it is said again: `expires_at` is of now.
    pub(super) fn again(&self, kept: &Kept) -> Said {
        let mut answer = kept.answer.clone();
        if let (Said::Cart(seen), Some(cart)) = (&mut answer, self.cart(kept.cart)) {
            seen.expires_at = cart.deadline;
        }
        answer
    }

    pub(super) fn keep(&mut self, key: Option<(&str, u64)>, fact: u64, cart: CartId, answer: &Said) {
        if let Some((key, body)) = key {
            let of_order = matches!(answer, Said::Order(_));
            let kept = Kept { at: self.now, body, answer: answer.clone(), cart, of_order, fact };
            self.keys.insert(key.to_owned(), kept);
        }
    }

    // Carts.

    /// `hint`: what the core said, for what only it can choose (the id, the parts of a bundle), which is then checked.
    pub fn open(
        &mut self,
        sale: &str,
        customer: u128,
        wants: &[Want],
        key: (&str, u64),
        hint: &Said,
        fact: u64,
    ) -> Said {
        if !self.sales.contains_key(sale) {
            return Said::No(Refusal::NotFound(Missing::Sale));
        }
        match self.kept(key.0, key.1, false) {
            Some(Ok(kept)) => return self.again(kept),
            Some(Err(refusal)) => return Said::No(refusal),
            None => {}
        }
        let chosen = match hint {
            Said::Cart(seen) => seen.items.clone(),
            _ => Vec::new(),
        };
        let rules = self.sales[sale].0.clone();
        let taken = self.take(sale, &rules, customer, wants, (0, 0), &[], &chosen, hint);
        let new = match taken {
            Ok(new) => new,
            Err(refusal) => return Said::No(refusal),
        };
        let Said::Cart(seen) = hint else { return Said::Done };
        assert!(self.cart(seen.cart).is_none(), "{:?} is a cart already", seen.cart);
        let deadline = self.now + rules.hold_ttl.0;
        let cart = Cart {
            id: seen.cart,
            sale: sale.to_owned(),
            customer,
            items: new.iter().map(New::item).collect(),
            deadline,
            hard: self.now + rules.hold_max.0,
            stage: Stage::Open,
        };
        let answer = Said::Cart(self.cart_seen(&cart));
        self.touch(&cart.items, fact);
        self.carts.push(cart);
        self.keep(Some(key), fact, seen.cart, &answer);
        answer
    }

    pub(super) fn touch(&mut self, items: &[Item], fact: u64) {
        for item in items {
            self.slots[item.slot].touched = fact;
        }
    }

    /// What everything that changes a cart begins with: the cart, then the key, then whether it is open.
    pub(super) fn begin(
        &self,
        id: CartId,
        key: Option<(&str, u64)>,
        missing: Missing,
        open: bool,
    ) -> Result<Cart, Said> {
        let Some(cart) = self.cart(id) else { return Err(Said::No(Refusal::NotFound(missing))) };
        if let Some((key, body)) = key {
            let of_order = missing == Missing::Order;
            match self.kept(key, body, of_order) {
                Some(Ok(kept)) => return Err(self.again(kept)),
                Some(Err(refusal)) => return Err(Said::No(refusal)),
                None => {}
            }
        }
        if open {
            match cart.stage {
                Stage::Open if cart.live(self.now) => {}
                Stage::Open => return Err(Said::No(Refusal::CartExpired)),
                Stage::Ordered | Stage::Abandoned => return Err(Said::No(Refusal::CartNotOpen)),
            }
        }
        Ok(cart.clone())
    }

    pub(super) fn done(&mut self, id: CartId, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = self.cart(id).expect("it was changed").clone();
        let answer = Said::Cart(self.cart_seen(&cart));
        self.touch(&cart.items, fact);
        self.keep(key, fact, id, &answer);
        answer
    }

    pub fn add(&mut self, id: CartId, wants: &[Want], key: (&str, u64), hint: &Said, fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let rules = self.sales[&cart.sale].0.clone();
        let bundles = cart.items.iter().map(|item| item.bundle).max().unwrap_or(0);
        let chosen = lines_after(hint, cart.items.len());
        match self.take(&cart.sale, &rules, cart.customer, wants, (bundles, 0), &[], &chosen, hint) {
            Ok(new) => self.cart_mut(id).items.extend(new.iter().map(New::item)),
            Err(refusal) => return Said::No(refusal),
        }
        self.done(id, Some(key), fact)
    }

    pub fn exchange(
        &mut self,
        id: CartId,
        ordinal: u8,
        want: &Want,
        key: (&str, u64),
        hint: &Said,
        fact: u64,
    ) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let wants = std::slice::from_ref(want);
        // What a request names is looked for before what it gives.
        if let Err(refusal) = self.named(&cart.sale, wants) {
            return Said::No(refusal);
        }
        let out = match whole(&cart, ordinal) {
            Ok(out) => out,
            Err(refusal) => return Said::No(refusal),
        };
        let rules = self.sales[&cart.sale].0.clone();
        let leaving: u32 = out.iter().map(|ordinal| cart.items[*ordinal].quantity).sum();
        let back: Vec<(usize, u32)> =
            out.iter().map(|ordinal| (cart.items[*ordinal].slot, cart.items[*ordinal].quantity)).collect();
        let bundles = cart.items.iter().map(|item| item.bundle).max().unwrap_or(0);
        let chosen = lines_after(hint, cart.items.len());
        let taken =
            self.take(&cart.sale, &rules, cart.customer, wants, (bundles, leaving), &back, &chosen, hint);
        match taken {
            Ok(new) => {
                let changed = self.cart_mut(id);
                for ordinal in out {
                    changed.items[ordinal].there = false;
                }
                changed.items.extend(new.iter().map(New::item));
            }
            Err(refusal) => return Said::No(refusal),
        }
        self.done(id, Some(key), fact)
    }

    pub fn release(&mut self, id: CartId, ordinal: Option<u8>, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = match self.begin(id, key, Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let out = match ordinal {
            Some(ordinal) => match whole(&cart, ordinal) {
                Ok(out) => out,
                Err(refusal) => return Said::No(refusal),
            },
            None => (0..cart.items.len()).filter(|place| cart.items[*place].there).collect(),
        };
        let now = self.now;
        let changed = self.cart_mut(id);
        for ordinal in out {
            changed.items[ordinal].there = false;
        }
        if !changed.items.iter().any(|item| item.there) {
            changed.stage = Stage::Abandoned;
            changed.deadline = now;
        }
        self.done(id, key, fact)
    }

    pub fn extend(&mut self, id: CartId, key: (&str, u64), fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Cart, true) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        let rules = &self.sales[&cart.sale].0;
        if rules.closes_at.is_some_and(|closes| self.now.cast_signed() >= closes.0) {
            return Said::No(Refusal::SaleClosed);
        }
        let deadline = (self.now + rules.hold_ttl.0).min(cart.hard).max(cart.deadline);
        self.cart_mut(id).deadline = deadline;
        self.done(id, Some(key), fact)
    }

    pub fn checkout(&mut self, id: CartId, key: (&str, u64), fact: u64) -> Said {
        // The key of a checkout answers with an order.
        let cart = match self.begin(id, None, Missing::Cart, false) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        match self.kept(key.0, key.1, true) {
            Some(Ok(kept)) => return self.again(kept),
            Some(Err(refusal)) => return Said::No(refusal),
            None => {}
        }
        if let Err(said) = self.begin(id, None, Missing::Cart, true) {
            return said;
        }
        let rules = &self.sales[&cart.sale].0;
        if let Some(limit) = rules.limit_orders
            && self.orders(&cart.sale, cart.customer) >= limit
        {
            return Said::No(Refusal::LimitReached { what: "orders", limit: limit.into() });
        }
        let now = self.now;
        let changed = self.cart_mut(id);
        changed.stage = Stage::Ordered;
        changed.deadline = now;
        for item in &mut changed.items {
            item.bought = item.there;
        }
        self.ordered(id, Some(key), fact)
    }

    pub(super) fn ordered(&mut self, id: CartId, key: Option<(&str, u64)>, fact: u64) -> Said {
        let cart = self.cart(id).expect("it was changed").clone();
        let answer = Said::Order(self.order_seen(&cart));
        self.touch(&cart.items, fact);
        self.keep(key, fact, id, &answer);
        answer
    }

    pub fn cancel(&mut self, id: CartId, holds: Option<&[u8]>, key: (&str, u64), fact: u64) -> Said {
        let cart = match self.begin(id, Some(key), Missing::Order, false) {
            Ok(cart) => cart,
            Err(said) => return said,
        };
        if cart.stage != Stage::Ordered {
            return Said::No(Refusal::NotFound(Missing::Order));
        }
        let there = |place: usize| cart.items.get(place).is_some_and(|item| item.there);
        let out: Vec<usize> = match holds {
            None => (0..cart.items.len()).filter(|place| there(*place)).collect(),
            Some(holds) => holds.iter().map(|hold| usize::from(*hold)).collect(),
        };
        if !out.iter().all(|place| cart.items.get(*place).is_some_and(|item| item.bought)) {
            return Said::No(Refusal::NotFound(Missing::HoldOfOrder));
        }
        if out.is_empty() || !out.iter().all(|place| there(*place)) {
            return Said::No(rule_broken());
        }
        for place in &out {
            let item = &cart.items[*place];
            let rest = (0..cart.items.len()).any(|other| {
                there(other) && cart.items[other].bundle == item.bundle && !out.contains(&other)
            });
            if item.bundle != 0 && !item.divisible && rest {
                return Said::No(rule_broken());
            }
        }
        let changed = self.cart_mut(id);
        for place in out {
            changed.items[place].there = false;
        }
        self.ordered(id, Some(key), fact)
    }

    pub fn read_cart(&self, id: CartId) -> Said {
        match self.cart(id) {
            Some(cart) => Said::Cart(self.cart_seen(cart)),
            None => Said::No(Refusal::NotFound(Missing::Cart)),
        }
    }

    pub fn read_order(&self, id: CartId) -> Said {
        match self.cart(id) {
            Some(cart) if cart.stage == Stage::Ordered => Said::Order(self.order_seen(cart)),
            _ => Said::No(Refusal::NotFound(Missing::Order)),
        }
    }

    /// Carts that ended long ago are forgotten, orders are not.
    pub fn forget(&mut self) {
        let by = self.now.saturating_sub(self.cart_keep);
        self.carts.retain(|cart| cart.stage == Stage::Ordered || cart.deadline > by);
    }
}

/// A hold and all that belongs to its bundle.
pub(super) fn whole(cart: &Cart, ordinal: u8) -> Result<Vec<usize>, Refusal> {
    let place = usize::from(ordinal);
    let Some(item) = cart.items.get(place).filter(|item| item.there) else {
        return Err(Refusal::NotFound(Missing::Hold));
    };
    if item.bundle == 0 {
        return Ok(vec![place]);
    }
    let same = |place: &usize| cart.items[*place].there && cart.items[*place].bundle == item.bundle;
    Ok((0..cart.items.len()).filter(same).collect())
}

/// The lines of an answer from an ordinal on: those that this step brought.
pub(super) fn lines_after(said: &Said, first: usize) -> Vec<Line> {
    match said {
        Said::Cart(seen) => {
            seen.items.iter().filter(|line| usize::from(line.ordinal) >= first).cloned().collect()
        }
        _ => Vec::new(),
    }
}
