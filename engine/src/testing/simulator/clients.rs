//! Who asks what next: customers, a phone desk and an operator, none of them careful. They repeat requests under old keys,
//! ask for what is not theirs or not there, and come back to carts that ended long ago.

use std::collections::VecDeque;

use crate::decide::SlotChange;
use crate::ids::{CartId, CustomerHash};
use crate::request::{Caller, Notes, Want};
use crate::sale::IfMatch;
use crate::testing::rng::SimRng;
use crate::time::WallTime;

use super::books::Books;
use super::code_clients;
use super::line_clients;
use super::plan::Plan;
use super::plan::{self, ARENA, BLOCKS, CENTRES, DOOR, DOSES, OPERATOR, PAIR, PHONE, SHOW, START, WEB};
use super::request::{Asked, Request};

/// What clients remember.
#[derive(Debug, Default)]
pub(super) struct Clients {
    keys: u64,
    /// Requests that had a key, the newest last.
    asked: VecDeque<Asked>,
    /// Carts somebody was given, the newest last.
    carts: VecDeque<CartId>,
}

/// How far back clients remember.
const MEMORY: usize = 40;

fn remember<T>(into: &mut VecDeque<T>, value: T) {
    if into.len() >= MEMORY {
        into.pop_front();
    }
    into.push_back(value);
}

impl Clients {
    /// Somebody was given a cart.
    pub fn know(&mut self, cart: CartId) {
        remember(&mut self.carts, cart);
    }

    /// Requests that had a key, of callers who are still who they were.
    pub fn asked<'a>(&'a self, books: &'a Books) -> impl DoubleEndedIterator<Item = &'a Asked> {
        self.asked.iter().filter(|asked| line_clients::stands(asked.caller, books))
    }

    /// The next request.
    pub fn next(&mut self, dice: &mut SimRng, plan: &Plan, books: &Books, wall: WallTime) -> Asked {
        if dice.chance(12)
            && let Some(asked) = self.again(dice, plan.customers, books, wall)
        {
            return asked;
        }
        if [DOSES, SHOW, DOOR].iter().any(|sale| !books.sales.contains_key(sale)) || dice.chance(8) {
            let asked = operator(dice, books, wall);
            if !matches!(asked.request, Request::AddSlots { atomic: true, .. }) {
                return asked;
            }
            let asked = self.keyed(dice, asked.caller, asked.request);
            if asked.key.is_some() {
                remember(&mut self.asked, asked.clone());
            }
            return asked;
        }
        let (caller, request) = if dice.chance(plan.codes) {
            code_clients::visit(dice, plan.customers, books, wall)
        } else if dice.chance(plan.waiting) {
            line_clients::visit(dice, books)
        } else {
            let caller = *dice.pick(&[WEB, WEB, WEB, PHONE, OPERATOR]);
            (caller, self.request(dice, plan.customers, books))
        };
        let asked = self.keyed(dice, caller, request);
        if asked.key.is_some() {
            remember(&mut self.asked, asked.clone());
        }
        asked
    }

    fn keyed(&mut self, dice: &mut SimRng, caller: Caller, request: Request) -> Asked {
        let changes = matches!(
            request,
            Request::Open { .. }
                | Request::Add { .. }
                | Request::Release { .. }
                | Request::Exchange { .. }
                | Request::Extend { .. }
                | Request::Abandon { .. }
                | Request::Checkout { .. }
                | Request::Cancel { .. }
                | Request::MakeCodes { .. }
                | Request::RevokeCodes { .. }
                | Request::AddSlots { atomic: true, .. }
        );
        // `DELETE` needs no key, and operators may do without.
        let bare = matches!(
            request,
            Request::Release { .. }
                | Request::Abandon { .. }
                | Request::MakeCodes { .. }
                | Request::RevokeCodes { .. }
                | Request::AddSlots { .. }
        ) && dice.chance(30);
        self.keys += 1;
        Asked::new(caller, (changes && !bare).then_some(self.keys), request)
    }

    /// An old key, with the body it had or with another.
    fn again(&mut self, dice: &mut SimRng, customers: u64, books: &Books, wall: WallTime) -> Option<Asked> {
        let known: Vec<_> = self.asked(books).cloned().collect();
        if known.is_empty() {
            return None;
        }
        let asked = dice.pick(&known).clone();
        if dice.chance(80) || books.sales.is_empty() {
            return Some(asked);
        }
        match &asked.request {
            Request::MakeCodes { .. } | Request::RevokeCodes { .. } => {
                return Some(asked.with_body(code_clients::make(dice, books, wall)));
            }
            Request::AddSlots { sale, .. } => {
                let slots = plan::slots(dice, sale, wall);
                return Some(asked.with_body(Request::AddSlots { sale, slots, atomic: true }));
            }
            _ => {}
        }
        let other = self.request(dice, customers, books);
        Some(match (&asked.request, &other) {
            // Whose cart a pass makes is not the body's to say.
            (Request::Open { .. }, Request::Open { .. }) if asked.caller.holder.is_none() => {
                asked.with_body(other)
            }
            _ => asked,
        })
    }

    fn request(&mut self, dice: &mut SimRng, customers: u64, books: &Books) -> Request {
        let sale = *dice.pick(&[DOSES, SHOW, DOSES, SHOW, DOOR]);
        let kind = if self.carts.is_empty() { 0 } else { dice.weighted(&[30, 8, 6, 8, 6, 3, 14, 5, 14, 6]) };
        if kind == 0 {
            let customer = CustomerHash(u128::from(dice.below(customers)) << 64 | u128::from(dice.below(2)));
            let wants = wants(dice, books, sale, 3);
            return Request::Open { sale, customer, wants, notes: notes(dice), code: None };
        }
        let known = self.carts.len() as u64;
        let back = dice.below(known).min(dice.below(known));
        let cart = self.carts[self.carts.len() - 1 - usize::try_from(back).unwrap_or(0)];
        let sale = books.carts.get(&cart).map_or(sale, |book| book.sale);
        let ordinal = u8::try_from(dice.below(3)).unwrap_or(0);
        match kind {
            1 => Request::Add { cart, wants: wants(dice, books, sale, 2) },
            2 => Request::Release { cart, ordinal },
            3 => match wants(dice, books, sale, 1).pop() {
                Some(want) => Request::Exchange { cart, ordinal, want },
                None => Request::Extend { cart },
            },
            4 => Request::Extend { cart },
            5 => Request::Abandon { cart },
            6 => Request::Checkout { cart },
            7 => {
                let some = (0..dice.below(3)).map(|_| u8::try_from(dice.below(3)).unwrap_or(0)).collect();
                Request::Cancel { cart, holds: dice.chance(50).then_some(some) }
            }
            8 => match dice.below(6) {
                0..=3 => Request::ReadCart { cart },
                4 => Request::ReadOrder { cart },
                _ => Request::ReadCheckout { cart, attempt: 1 + ordinal },
            },
            _ => look(dice, books, sale),
        }
    }
}

/// What everybody may look at.
fn look(dice: &mut SimRng, books: &Books, sale: &'static str) -> Request {
    match dice.below(5) {
        0 => Request::ListSlots { sale, page: if dice.chance(50) { 3 } else { 1_000 } },
        1 => Request::ListOrders { sale, page: if dice.chance(50) { 2 } else { 1_000 } },
        2 => Request::Totals { sale },
        3 => Request::Bundles { sale },
        _ => Request::ReadSlot { sale, slot: some_slot(dice, books, sale) },
    }
}

/// A slot of the sale, and seldom one that is not there.
fn some_slot(dice: &mut SimRng, books: &Books, sale: &'static str) -> String {
    let known: Vec<_> = books.slots.keys().filter(|(of, _)| *of == sale).collect();
    if known.is_empty() || dice.chance(2) {
        return "nowhere".to_owned();
    }
    dice.pick(&known).1.clone()
}

pub(super) fn wants(dice: &mut SimRng, books: &Books, sale: &'static str, most: u64) -> Vec<Want> {
    let mut wants = Vec::new();
    let (mut chosen, mut seats) = (0, false);
    let least = u64::from(!dice.chance(2));
    for _ in 0..dice.between(least, most) {
        let bundle = sale == DOSES && dice.chance(80);
        wants.push(match (bundle, dice.below(10)) {
            (true, 0..5) if chosen < 2 => {
                chosen += 1;
                let from = WallTime(START.0.saturating_add_unsigned(2 * 86_400_000));
                let venue = (*dice.pick(&[CENTRES[0], CENTRES[0], CENTRES[1], CENTRES[2]])).to_owned();
                Want::AnyBundle {
                    rule: PAIR.to_owned(),
                    venue,
                    from: dice.chance(20).then_some(from),
                    to: None,
                }
            }
            (true, _) => {
                let (venue, first) = (*dice.pick(&CENTRES[..2]), dice.below(4));
                let second = first + dice.between(0, 2);
                let slots = vec![format!("{venue}-first-{first}"), format!("{venue}-second-{second}")];
                Want::Bundle { rule: PAIR.to_owned(), slots }
            }
            // One at a time: several are chosen in their order, and which of them is refused may depend on it.
            (false, 0..4) if sale == SHOW && !seats => {
                seats = true;
                best(dice)
            }
            (false, _) => {
                let quantity = u32::try_from(dice.between(1, 3)).unwrap_or(1);
                Want::Slot { slot: some_slot(dice, books, sale), quantity }
            }
        });
    }
    wants
}

fn best(dice: &mut SimRng) -> Want {
    Want::Best {
        venue: (if dice.chance(2) { CENTRES[2] } else { ARENA }).to_owned(),
        section: dice.chance(40).then(|| (*dice.pick(&BLOCKS)).to_owned()),
        quantity: u32::try_from(dice.between(1, 4)).unwrap_or(1),
        adjacent: dice.chance(70),
        avoid_orphans: dice.chance(60),
        accessible: dice.chance(12),
    }
}

fn notes(dice: &mut SimRng) -> Notes {
    if dice.chance(60) {
        return Notes::default();
    }
    Notes {
        reference: dice.chance(60).then(|| format!("R-{}", dice.below(20))),
        metadata: vec![("desk".to_owned(), dice.below(5).to_string())],
        customer: dice.chance(50).then(|| "ada@example.org".to_owned()),
    }
}

/// An operator makes sales, imports, and changes his mind.
fn operator(dice: &mut SimRng, books: &Books, wall: WallTime) -> Asked {
    let sale = *dice.pick(&[DOSES, SHOW, DOOR]);
    let known = books.sales.get(sale);
    let stocked = books.slots.keys().any(|(of, _)| *of == sale);
    if dice.chance(10) {
        let name = (*dice.pick(&["web", "phone", "desk", "no name"])).to_owned();
        let request =
            if dice.chance(50) { Request::NameChannel { name } } else { Request::ReadSale { sale } };
        return Asked::new(OPERATOR, None, request);
    }
    let request = match (known, dice.below(10)) {
        (None, _) | (Some(_), 0..3) => {
            let revision = known.map_or(1, |book| book.revision) + u64::from(dice.chance(10));
            let if_match = match (known.is_some(), dice.below(10)) {
                (true, 0..5) => IfMatch::Revision(revision),
                (true, 5..9) | (false, 0) => IfMatch::Any,
                _ => IfMatch::Absent,
            };
            Request::PutSale { rules: Box::new(plan::rules(dice, sale, wall)), if_match }
        }
        (Some(_), 3..6) if stocked => {
            let number = |dice: &mut SimRng, most| {
                dice.chance(60).then(|| u32::try_from(dice.below(most)).unwrap_or(0))
            };
            let change = SlotChange {
                capacity: number(dice, 6),
                blocked: number(dice, 3),
                reason: dice.chance(50).then(|| "rain".to_owned()),
            };
            Request::ChangeSlot { sale, slot: some_slot(dice, books, sale), change }
        }
        _ => Request::AddSlots { sale, slots: plan::slots(dice, sale, wall), atomic: dice.chance(40) },
    };
    Asked::new(OPERATOR, None, request)
}
