//! From what a request wants to the items the naive twin would give: names, terms, limits, choices, stock.

use super::*;

/// An item that would come in.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) slot: usize,
    pub(super) quantity: u32,
    pub(super) bundle: u8,
    pub(super) divisible: bool,
}

impl Model {
    pub(super) fn orders(&self, sale: &str, customer: u128) -> u32 {
        let orders = self.carts.iter().filter(|cart| {
            cart.sale == sale && cart.customer == customer && cart.stage == Stage::Ordered && cart.units() > 0
        });
        u32::try_from(orders.count()).expect("few")
    }

    pub(super) fn named(&self, sale: &str, wants: &[Want]) -> Result<(), Refusal> {
        for want in wants {
            let slots: Vec<&String> = match want {
                Want::Slot { quantity: 0, .. } => return Err(rule_broken()),
                Want::Slot { slot, .. } => vec![slot],
                Want::Bundle { slots, .. } => slots.iter().collect(),
                Want::AnyBundle { venue, .. } => {
                    if !self.slots.iter().any(|slot| slot.sale == sale && slot.spec.venue == *venue) {
                        return Err(Refusal::NotFound(Missing::Venue(venue.clone())));
                    }
                    Vec::new()
                }
                Want::Best { .. } => return Err(rule_broken()),
            };
            for slot in slots {
                self.found(sale, slot)?;
            }
        }
        let nothing = |want: &Want| matches!(want, Want::Bundle { slots, .. } if slots.is_empty());
        if wants.iter().all(nothing) { Err(rule_broken()) } else { Ok(()) }
    }

    /// Whether all of it can be had, in the order in which the contract says no.
    pub(super) fn take(
        &self,
        sale: &str,
        rules: &SaleRules,
        customer: u128,
        wants: &[Want],
        (bundles, leaving): (u8, u32),
        back: &[(usize, u32)],
        chosen: &[Line],
        hint: &Said,
    ) -> Result<Vec<New>, Refusal> {
        self.named(sale, wants)?;
        let mut new: Vec<New> = Vec::new();
        let mut bundle = bundles;
        let mut choices: Vec<(u8, &Want)> = Vec::new();
        for want in wants {
            match want {
                Want::Slot { slot, quantity } => {
                    let slot = self.found(sale, slot)?;
                    new.push(New { slot, quantity: *quantity, bundle: 0, divisible: false });
                }
                Want::Bundle { rule, slots } => {
                    bundle += 1;
                    let divisible = rules.bundle(rule).is_some_and(|rule| rule.cancel_parts);
                    for slot in slots {
                        let slot = self.found(sale, slot)?;
                        new.push(New { slot, quantity: 1, bundle, divisible });
                    }
                }
                _ => {
                    bundle += 1;
                    choices.push((bundle, want));
                }
            }
        }
        for want in wants {
            if let Want::Bundle { rule, .. } | Want::AnyBundle { rule, .. } = want
                && rules.bundle(rule).is_none()
            {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())));
            }
        }
        let wall = self.now.cast_signed();
        let opens = rules.opens_at.filter(|opens| wall < opens.0);
        let releases = new.iter().filter_map(|item| self.slots[item.slot].spec.releases_at);
        let releases = releases.filter(|release| wall < release.0).max_by_key(|release| release.0);
        if let Some(next) = opens.into_iter().chain(releases).max_by_key(|next| next.0) {
            return Err(Refusal::NotReleased { next_release_at: Some(next) });
        }
        if rules.closes_at.is_some_and(|closes| wall >= closes.0) {
            return Err(Refusal::SaleClosed);
        }
        for item in new.iter().filter(|item| item.bundle == 0) {
            if let Some(product) = &self.slots[item.slot].spec.product
                && let Some(rule) = rules.sold_only_in(product)
            {
                return Err(Refusal::BundleOnly { rule: rule.to_owned() });
            }
        }
        for want in wants {
            if let Want::Bundle { rule, slots } = want {
                let slots: Vec<usize> =
                    slots.iter().map(|slot| self.found(sale, slot)).collect::<Result<_, _>>()?;
                let rule = rules.bundle(rule).expect("checked above");
                if !self.fits(rule, &slots) {
                    return Err(incomplete());
                }
            }
        }
        let to_come: usize = choices
            .iter()
            .map(|(_, want)| match want {
                Want::AnyBundle { rule, .. } => rules.bundle(rule).map_or(0, |rule| rule.parts.len()),
                _ => 0,
            })
            .sum();
        let units = new.iter().map(|item| item.quantity).sum::<u32>() + u32::try_from(to_come).expect("few");
        self.limits(sale, rules, customer, units, leaving)?;
        if !choices.is_empty() {
            // What was named is told whatever is left of the rest.
            self.stock(&new, back)?;
            self.choose(sale, rules, &choices, &mut new, back, chosen, hint)?;
        }
        self.stock(&new, back)?;
        Ok(new)
    }

    pub(super) fn limits(
        &self,
        sale: &str,
        rules: &SaleRules,
        customer: u128,
        units: u32,
        leaving: u32,
    ) -> Result<(), Refusal> {
        if let Some(limit) = rules.limit_orders
            && self.orders(sale, customer) >= limit
        {
            return Err(Refusal::LimitReached { what: "orders", limit: limit.into() });
        }
        let mine = self
            .carts
            .iter()
            .filter(|cart| cart.sale == sale && cart.customer == customer && cart.live(self.now));
        let having: u32 = mine.map(Cart::units).sum();
        // Who does not take more keeps what the terms allowed before.
        if let Some(limit) = rules.limit_units
            && units > leaving
            && having + units > limit + leaving
        {
            return Err(Refusal::LimitReached { what: "units", limit: limit.into() });
        }
        Ok(())
    }

    pub(super) fn fits(&self, rule: &BundleRule, slots: &[usize]) -> bool {
        slots.len() == rule.parts.len()
            && slots
                .iter()
                .zip(&rule.parts)
                .all(|(slot, part)| self.slots[*slot].spec.product.as_ref() == Some(part))
            && slots.windows(2).all(|pair| {
                let (one, next) = (&self.slots[pair[0]], &self.slots[pair[1]]);
                let gap = one.day().zip(next.day()).map(|(one, next)| next - one);
                (!rule.same_venue || one.spec.venue == next.spec.venue)
                    && rule.gap_days.is_none_or(|(least, most)| {
                        gap.is_some_and(|gap| (i64::from(least)..=i64::from(most)).contains(&gap))
                    })
            })
    }

    pub(super) fn asked(new: &[New], slot: usize) -> u64 {
        new.iter().filter(|item| item.slot == slot).map(|item| u64::from(item.quantity)).sum()
    }

    /// Bundles the server chose must be such that can be had; that there are none must be true of all there are.
    pub(super) fn choose(
        &self,
        sale: &str,
        rules: &SaleRules,
        choices: &[(u8, &Want)],
        new: &mut Vec<New>,
        back: &[(usize, u32)],
        chosen: &[Line],
        hint: &Said,
    ) -> Result<(), Refusal> {
        let wall = WallTime(self.now.cast_signed());
        let asked: Vec<(u8, &BundleRule, Vec<Vec<usize>>)> = choices
            .iter()
            .map(|(bundle, want)| {
                let (rule, all) = self.bundles_of(sale, rules, want, wall);
                (*bundle, rule, all)
            })
            .collect();
        if !matches!(hint, Said::No(_)) {
            for (bundle, rule, all) in &asked {
                let parts: Vec<usize> = chosen
                    .iter()
                    .filter(|line| line.bundle == *bundle)
                    .map(|line| self.slot(sale, &line.slot).expect("the core chose it"))
                    .collect();
                assert!(all.contains(&parts), "the core chose {parts:?} for {}: {chosen:?}", rule.name);
                new.extend(New::parts(&parts, *bundle, rule));
            }
            assert!(self.had(new, back), "the core chose what is not there: {chosen:?}");
            return Ok(());
        }
        let mut with = new.clone();
        if self.all_of(&asked, &mut with, back) {
            // Another part of the request may be what is refused: then the stock of it is short.
            self.stock(&with, back)?;
            panic!("the core said {hint:?}, the twin could hold {with:?}");
        }
        // Of a whole venue "sold out" and "all held" are said, and only if they are true of a part.
        let free = |slot: usize| self.free(slot) + Self::back(back, slot);
        let some_part = |none: &dyn Fn(usize) -> bool| {
            choices.iter().any(|(_, want)| {
                let Want::AnyBundle { rule, venue, .. } = want else { return false };
                rules.bundle(rule).expect("checked before").parts.iter().any(|part| {
                    let there = |slot: &Slot| slot.sale == sale && slot.spec.venue == *venue;
                    let of_part = |slot: &Slot| there(slot) && slot.spec.product.as_ref() == Some(part);
                    (0..self.slots.len()).filter(|place| of_part(&self.slots[*place])).all(none)
                })
            })
        };
        let true_of_some = match hint {
            Said::No(Refusal::SoldOut(_)) => {
                some_part(&|slot| free(slot) == 0 && self.counts(slot).held == 0)
            }
            // What is not for sale yet is nothing that is free.
            Said::No(Refusal::AllHeld(_)) => some_part(&|slot| {
                let later = self.slots[slot].spec.releases_at.is_some_and(|releases| wall < releases);
                free(slot) == 0 || later
            }),
            Said::No(Refusal::BundleIncomplete { .. }) => true,
            Said::No(Refusal::NotReleased { next_release_at: Some(next) }) => {
                let later: Vec<_> = choices
                    .iter()
                    .map(|(bundle, want)| {
                        let (rule, all) = self.bundles_of(sale, rules, want, *next);
                        (*bundle, rule, all)
                    })
                    .collect();
                // Each alone, at the least: the core names the release of the first that waits for one.
                later.iter().any(|one| self.all_of(std::slice::from_ref(one), &mut new.clone(), back))
            }
            _ => false,
        };
        let Said::No(refusal) = hint else { unreachable!("looked at above") };
        assert!(true_of_some, "the core said {refusal:?} of {choices:?}");
        Err(refusal.clone())
    }

    /// All bundles there are for a want, stock aside.
    pub(super) fn bundles_of<'a>(
        &self,
        sale: &str,
        rules: &'a SaleRules,
        want: &Want,
        wall: WallTime,
    ) -> (&'a BundleRule, Vec<Vec<usize>>) {
        let Want::AnyBundle { rule, venue, from, to } = want else { unreachable!("nothing else is chosen") };
        let rule = rules.bundle(rule).expect("checked before");
        let mut all: Vec<Vec<usize>> = vec![Vec::new()];
        for part in &rule.parts {
            let good = |slot: &usize| {
                let slot = &self.slots[*slot];
                slot.sale == sale
                    && slot.spec.venue == *venue
                    && slot.spec.product.as_ref() == Some(part)
                    && slot.spec.releases_at.is_none_or(|release| wall >= release)
            };
            let slots: Vec<usize> = (0..self.slots.len()).filter(good).collect();
            all = all
                .iter()
                .flat_map(|some| slots.iter().map(|next| [some.as_slice(), &[*next]].concat()))
                .collect();
        }
        all.retain(|slots| {
            let starts = self.slots[slots[0]].spec.starts_at;
            let inside = starts.map_or(from.is_none() && to.is_none(), |starts| {
                from.is_none_or(|from| starts >= from) && to.is_none_or(|to| starts < to)
            });
            inside && self.fits(rule, slots)
        });
        (rule, all)
    }

    /// Whether all can be had together: every way is tried.
    pub(super) fn all_of(
        &self,
        asked: &[(u8, &BundleRule, Vec<Vec<usize>>)],
        new: &mut Vec<New>,
        back: &[(usize, u32)],
    ) -> bool {
        let Some(((bundle, rule, all), rest)) = asked.split_first() else { return true };
        let before = new.len();
        for parts in all {
            new.extend(New::parts(parts, *bundle, rule));
            let there = |part: &usize| self.free(*part) + Self::back(back, *part) >= Self::asked(new, *part);
            if parts.iter().all(there) && self.all_of(rest, new, back) {
                return true;
            }
            new.truncate(before);
        }
        false
    }

    pub(super) fn had(&self, new: &[New], back: &[(usize, u32)]) -> bool {
        new.iter()
            .all(|item| self.free(item.slot) + Self::back(back, item.slot) >= Self::asked(new, item.slot))
    }

    pub(super) fn back(back: &[(usize, u32)], slot: usize) -> u64 {
        back.iter().filter(|(other, _)| *other == slot).map(|(_, units)| u64::from(*units)).sum()
    }

    pub(super) fn stock(&self, new: &[New], back: &[(usize, u32)]) -> Result<(), Refusal> {
        let mut order: Vec<usize> = Vec::new();
        for item in new {
            if !order.contains(&item.slot) {
                order.push(item.slot);
            }
        }
        let (mut conflicts, mut sold_out, mut none_free) = (Vec::new(), false, false);
        for slot in order {
            let wanted = Self::asked(new, slot);
            let free = self.free(slot) + Self::back(back, slot);
            if wanted > free {
                sold_out |= free == 0 && self.counts(slot).held == 0;
                none_free |= free == 0;
                let narrow = |units: u64| u32::try_from(units).expect("few");
                conflicts.push(Conflict {
                    slot: self.slots[slot].spec.id.clone(),
                    wanted: narrow(wanted),
                    free: narrow(free),
                });
            }
        }
        match (conflicts.is_empty(), sold_out, none_free) {
            (true, _, _) => Ok(()),
            (_, true, _) => Err(Refusal::SoldOut(conflicts.into())),
            (_, _, true) => Err(Refusal::AllHeld(conflicts.into())),
            _ => Err(Refusal::SlotTaken(conflicts.into())),
        }
    }
}

impl New {
    pub(super) fn parts(slots: &[usize], bundle: u8, rule: &BundleRule) -> impl Iterator<Item = Self> {
        let divisible = rule.cancel_parts;
        slots.iter().map(move |slot| Self { slot: *slot, quantity: 1, bundle, divisible })
    }

    pub(super) fn item(&self) -> Item {
        Item {
            slot: self.slot,
            quantity: self.quantity,
            bundle: self.bundle,
            divisible: self.divisible,
            there: true,
            bought: false,
        }
    }
}
