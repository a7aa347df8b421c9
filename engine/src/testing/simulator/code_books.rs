//! The naive twin of access codes, kept from the answers alone: which codes there are and until when, which carts have their
//! uses, and which units are set aside for whom.
//!
//! What a code holds is kept here like in the engine, by the code and not by its cart: a cart that stands on units of its
//! code has none of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::codes::{CodeHash, Reserve, WaveTerms};
use crate::ids::{CartId, Quantity};
use crate::request::Want;
use crate::sequence::Sequence;
use crate::time::{Timestamp, WallTime};

use super::books::{Books, CartBook, Line, Stage};

/// Units of a slot.
pub(super) type Units = (String, Quantity);

/// A code as its operator and its holder were told of it.
#[derive(Clone, Debug)]
pub(super) struct CodeBook {
    pub sale: &'static str,
    pub terms: Arc<WaveTerms>,
    /// From here on it lets nobody in, and holds nothing.
    pub until: Option<Timestamp>,
    pub revoked: bool,
    /// The last cart of each use that was begun.
    pub carts: Vec<CartId>,
    /// What it holds, as long as it is good.
    pub units: Vec<Units>,
    pub touched: Sequence,
}

/// What a success of an operator changed.
#[derive(Clone, Debug)]
pub(super) enum CodeEntry {
    Made {
        sale: &'static str,
        terms: Box<WaveTerms>,
        until: Option<Timestamp>,
        codes: Vec<(CodeHash, Vec<Units>)>,
    },
    Revoked {
        codes: Vec<CodeHash>,
    },
}

/// How a use of a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Free,
    InCart(Timestamp),
    Ordered,
}

impl CodeBook {
    /// Whether its end has not come.
    pub fn lasts(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// What it holds at a time.
    pub fn holds(&self, at: Timestamp) -> &[Units] {
        if self.lasts(at) { &self.units } else { &[] }
    }

    /// Units of a slot that it holds at a time.
    pub fn held(&self, slot: &str, at: Timestamp) -> Quantity {
        self.holds(at).iter().filter(|(of, _)| of == slot).map(|(_, units)| units).sum()
    }

    /// Why it lets nobody in, at all or by now.
    pub fn is_bad(&self, at: Timestamp, wall: WallTime) -> bool {
        self.revoked || !self.lasts(at) || self.terms.valid_from.is_some_and(|from| wall < from)
    }

    /// What who names nothing gets.
    pub fn wants(&self) -> Vec<Want> {
        match &self.terms.reserve {
            Some(Reserve::Bundle { rule, .. }) if !self.units.is_empty() => {
                let slots = self.units.iter().map(|(slot, _)| slot.clone()).collect();
                vec![Want::Bundle { rule: rule.clone(), slots }]
            }
            _ => {
                let want = |(slot, units): &Units| Want::Slot { slot: slot.clone(), quantity: *units };
                self.units.iter().map(want).collect()
            }
        }
    }

    fn let_go(&mut self, gone: &[Line]) {
        for line in gone {
            let same = |(slot, units): &Units| *slot == line.slot && *units == line.quantity;
            if let Some(place) = self.units.iter().position(same) {
                self.units.remove(place);
            }
        }
    }

    fn take(&mut self, lines: &[Line]) {
        self.units.extend(lines.iter().map(|line| (line.slot.clone(), line.quantity)));
    }
}

impl Books {
    /// A code of a sale.
    pub fn code(&self, sale: &str, hash: CodeHash) -> Option<&CodeBook> {
        self.codes.get(&hash).filter(|code| code.sale == sale)
    }

    /// The terms of a wave.
    pub fn wave(&self, sale: &str, name: &str) -> Option<&Arc<WaveTerms>> {
        self.waves.iter().find(|(of, terms)| *of == sale && terms.name == name).map(|(_, terms)| terms)
    }

    /// How the use stands that a cart has, or had.
    pub fn fate(&self, cart: CartId, at: Timestamp) -> Use {
        match self.carts.get(&cart) {
            Some(book) if book.live(at) => Use::InCart(book.deadline),
            Some(book) if book.stage == Stage::Ordered && !book.present().is_empty() => Use::Ordered,
            _ => Use::Free,
        }
    }

    /// How all uses of a code stand.
    pub fn fates(&self, code: &CodeBook, at: Timestamp) -> Vec<Use> {
        let begun = code.carts.iter().map(|cart| self.fate(*cart, at));
        begun.chain(std::iter::repeat(Use::Free)).take(usize::from(code.terms.uses)).collect()
    }

    /// Carts and orders that have a use of a code, counted by what they say themselves.
    pub fn uses(&self, hash: CodeHash, at: Timestamp) -> usize {
        let made_with = self.carts.iter().filter(|(_, book)| book.code == Some(hash));
        made_with.filter(|(cart, _)| self.fate(**cart, at) != Use::Free).count()
    }

    /// Units of a slot that codes hold.
    pub fn set_aside(&self, sale: &str, slot: &str, at: Timestamp) -> Quantity {
        self.codes.values().filter(|code| code.sale == sale).map(|code| code.held(slot, at)).sum()
    }

    pub fn enter_code(&mut self, number: Sequence, at: Timestamp, entry: &CodeEntry) {
        match entry {
            CodeEntry::Made { sale, terms, until, codes } => {
                let terms = self.wave(sale, &terms.name).cloned().unwrap_or_else(|| {
                    let terms = Arc::new((**terms).clone());
                    self.waves.push((sale, Arc::clone(&terms)));
                    terms
                });
                for (hash, units) in codes {
                    let book = CodeBook {
                        sale,
                        terms: Arc::clone(&terms),
                        until: *until,
                        revoked: false,
                        carts: Vec::new(),
                        units: units.clone(),
                        touched: number,
                    };
                    let known = self.codes.insert(*hash, book);
                    assert!(known.is_none(), "{hash:?} was made twice: {known:?}");
                    self.touch_code(*hash, number);
                }
            }
            CodeEntry::Revoked { codes } => {
                for hash in codes {
                    self.touch_code(*hash, number);
                    let live = self.live_cart(*hash, at);
                    let Some(code) = self.codes.get_mut(hash) else { continue };
                    // What a live cart stands on stays its own until it ends.
                    let lasts = live.filter(|_| !code.units.is_empty()).map_or(at, |until| until.max(at));
                    if code.lasts(at) && lasts <= at {
                        code.units.clear();
                    }
                    code.until = Some(code.until.map_or(lasts, |until| until.min(lasts)));
                    code.revoked = true;
                }
            }
        }
    }

    /// When the last live cart of a code ends.
    fn live_cart(&self, hash: CodeHash, at: Timestamp) -> Option<Timestamp> {
        let fates = self.fates(self.codes.get(&hash)?, at);
        let until = |fate: &Use| if let Use::InCart(until) = fate { Some(*until) } else { None };
        fates.iter().filter_map(until).max()
    }

    /// A cart was made with a code: it has the first use that is free, and stands on what the code holds.
    pub fn redeem(&mut self, cart: CartId, book: &CartBook, at: Timestamp, number: Sequence) {
        let Some(hash) = book.code else { return };
        self.touch_code(hash, number);
        let Some(code) = self.codes.get(&hash) else { return };
        let free = code.carts.iter().position(|other| self.fate(*other, at) == Use::Free);
        let all_begun = code.carts.len() >= usize::from(code.terms.uses);
        let Some(code) = self.codes.get_mut(&hash) else { return };
        match free.filter(|_| all_begun) {
            Some(nth) => code.carts[nth] = cart,
            None => code.carts.push(cart),
        }
        if !book.reserves {
            return;
        }
        let (mut wanted, mut there) = (Vec::new(), code.units.clone());
        wanted.extend(book.lines.iter().map(|line| (line.slot.clone(), line.quantity)));
        wanted.sort_unstable();
        there.sort_unstable();
        // The very units stay where they are; others come in exchange for all of them.
        if wanted != there {
            code.units.clear();
            code.take(&book.lines);
        }
    }

    /// A cart that stands on units of its code goes its way, or the order it became: what becomes of the units. `lines`
    /// came for those that went `out`.
    pub fn move_units(&mut self, cart: CartId, out: &[u8], lines: &[Line], at: Timestamp) {
        let Some(book) = self.carts.get(&cart).filter(|book| book.reserves) else { return };
        // Who names a hold twice means it once.
        let out: BTreeSet<u8> = out.iter().copied().collect();
        let gone: Vec<Line> = out.iter().map(|place| book.lines[usize::from(*place)].clone()).collect();
        let whole = book.present().iter().all(|place| out.contains(place));
        let stage = book.stage;
        let Some(code) = book.code.and_then(|hash| self.codes.get_mut(&hash)) else { return };
        match stage {
            Stage::Ordered if whole && !code.revoked && code.lasts(at) => code.take(&gone),
            Stage::Ordered => {}
            // Given back, they stay with the code, unless it was taken back.
            _ if lines.is_empty() && !code.revoked => {}
            _ => {
                code.let_go(&gone);
                code.take(lines);
            }
        }
    }

    /// The code of a cart that became an order holds nothing any more.
    pub fn sell_units(&mut self, cart: CartId) {
        let Some(book) = self.carts.get(&cart).filter(|book| book.reserves) else { return };
        if let Some(code) = book.code.and_then(|hash| self.codes.get_mut(&hash)) {
            code.units.clear();
        }
    }

    /// The code and the slots it holds units of.
    pub fn touch_code(&mut self, hash: CodeHash, number: Sequence) {
        let Some(code) = self.codes.get_mut(&hash) else { return };
        code.touched = number;
        for (slot, _) in &code.units {
            if let Some(book) = self.slots.get_mut(&(code.sale, slot.clone())) {
                book.touched = number;
            }
        }
    }
}
