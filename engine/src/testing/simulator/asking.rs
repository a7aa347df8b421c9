//! A request on its way: the time is read at the door, the core decides, the judge looks at the answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::codes::CodeHash;
use crate::decide::{
    AdmitNow, Core, JoinLine, LineChange, MakeCodes, OrderQuery, Page, Proof, RevokeCodes, SlotQuery, Which,
};
use crate::ids::CartId;
use crate::outcome::Answer;
use crate::request::OpenCart;
use crate::time::Now;

use super::code_judge::Holdings;
use super::judge::Judge;
use super::line_home;
use super::plan::{DOOR, PAIR};
use super::request::{Asked, Proved, Request, Taken};
use super::world::World;

impl World {
    /// Asks, and judges the answer.
    pub fn ask(&mut self, asked: &Asked) {
        let Some(now) = self.now() else { return };
        let Some(life) = &mut self.life else { return };
        if life.mark.has_failed() {
            return;
        }
        // Somebody who read the time earlier gets to his locks only now.
        let now = match life.late {
            Some(late) if self.dice.chance(30) => late,
            _ => now,
        };
        let core = Arc::clone(&life.core);
        self.report.requests += 1;
        let disk_full = core.disk_full.load(Ordering::Relaxed);
        self.say(|| {
            format!(
                "{} {:?} key {:?}: {:?}",
                now.engine,
                asked.caller.credential,
                asked.key.map(|k| k.key % 1_000),
                asked.request
            )
        });
        let limits = &self.plan.options.limits;
        let mut judge = Judge {
            ledger: &mut self.ledger,
            asked,
            door: now,
            newest: self.seen.engine,
            key_keep: limits.idempotency_keep,
            cart_keep: limits.cart_keep,
            disk_full,
            few_keys: limits.idempotency_keys < 1_000,
        };
        let told = put(&core, now, asked, &mut judge);
        self.say(|| format!("    {told}"));
        if let (Request::Open { .. }, Some(cart)) = (&asked.request, told.cart) {
            self.clients.know(cart);
        }
        self.report.refusals += u64::from(told.refused);
        self.report.replays += u64::from(told.replayed);
    }
}

/// An answer in short, for the trace and the counts.
struct Told {
    words: String,
    refused: bool,
    replayed: bool,
    cart: Option<CartId>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

fn told<T>(answer: &Answer<T>) -> Told {
    let words = match &answer.result {
        Ok(_) if answer.replayed => format!("-> replayed, on {}, at {}", answer.rests_on, answer.now.engine),
        Ok(_) => format!("-> yes, on {}, at {}", answer.rests_on, answer.now.engine),
        Err(refusal) => format!("-> {refusal:?}, on {}, at {}", answer.rests_on, answer.now.engine),
    };
    Told { words, refused: answer.result.is_err(), replayed: answer.replayed, cart: None }
}

/// Puts the request to the core and the answer before the judge.
fn put(core: &Core, now: Now, asked: &Asked, judge: &mut Judge<'_>) -> Told {
    macro_rules! put {
        ($judged:ident, $answer:expr) => {{
            let answer = $answer;
            judge.$judged(&answer);
            told(&answer)
        }};
    }
    match &asked.request {
        Request::Open { sale, customer, wants, notes, code } => {
            let Some(key) = asked.key else { panic!("a cart is opened under a key") };
            let (caller, customer, notes) = (asked.caller, *customer, notes.clone());
            let code = *code;
            let answer = core.open_cart(now, &OpenCart { caller, key, sale, customer, wants, notes, code });
            judge.cart(&answer);
            Told { cart: answer.result.as_ref().ok().map(|view| view.cart), ..told(&answer) }
        }
        Request::Add { cart, wants } => put!(cart, core.add_holds(now, asked.on(*cart), wants)),
        Request::Release { cart, ordinal } => put!(cart, core.release_hold(now, asked.on(*cart), *ordinal)),
        Request::Exchange { cart, ordinal, want } => {
            put!(cart, core.exchange_hold(now, asked.on(*cart), *ordinal, want))
        }
        Request::Extend { cart } => put!(cart, core.extend(now, asked.on(*cart))),
        Request::Abandon { cart } => put!(cart, core.abandon(now, asked.on(*cart))),
        Request::Checkout { cart } => match asked.caller.holder {
            None => put!(checkout, core.checkout(now, asked.on(*cart))),
            Some(holder) => {
                let runs = line_home::has_session(core, holder.ticket);
                let answer = core.checkout(now, asked.on(*cart));
                let ended = runs && !line_home::has_session(core, holder.ticket);
                judge.checkout_of_holder(&answer, holder, ended);
                told(&answer)
            }
        },
        Request::Cancel { cart, holds } => {
            put!(order, core.cancel_order(now, asked.on(*cart), holds.as_deref()))
        }
        Request::ReadCart { cart } => put!(cart, core.cart(now, asked.caller, *cart)),
        Request::ReadOrder { cart } => put!(order, core.order(now, asked.caller, *cart)),
        Request::ReadCheckout { cart, attempt } => {
            put!(checkout, core.checkout_of(now, asked.caller, *cart, *attempt))
        }
        Request::ReadSlot { sale, slot } => put!(slot, core.slot(now, sale, slot)),
        Request::ListSlots { sale, page } => put!(
            slot_list,
            all_pages(|after| core.slots(
                now,
                sale,
                &SlotQuery { limit: *page, after, ..Default::default() }
            ))
        ),
        Request::ListOrders { sale, page } => put!(
            order_list,
            all_pages(|after| {
                let query = OrderQuery { limit: *page, after, ..Default::default() };
                core.orders(now, asked.caller, sale, &query)
            })
        ),
        Request::NameChannel { name } => put!(channel, core.channel(now, name)),
        Request::ReadSale { sale } => put!(sale_read, core.sale(now, sale)),
        Request::Totals { sale } => put!(totals, core.availability(now, sale, true, true, None)),
        Request::Bundles { sale } => {
            put!(offers, core.bundles(now, sale, PAIR, None, None, 10))
        }
        Request::PutSale { rules, if_match } => put!(sale, core.put_sale(now, (**rules).clone(), *if_match)),
        Request::AddSlots { sale, slots, atomic } => {
            let answer = match asked.key {
                Some(key) => core.add_slots_once(now, sale, slots, key),
                None => core.add_slots(now, sale, slots, *atomic),
            };
            put!(slots_added, answer)
        }
        Request::ChangeSlot { sale, slot, change } => put!(slot, core.change_slot(now, sale, slot, change)),
        Request::Join { proof, lane } => {
            let proof = match proof {
                Proved::Nobody => Proof::Nobody,
                Proved::Person(person) => Proof::Person(*person),
                Proved::Ticket(text) => Proof::Ticket(text),
                Proved::Code(code) => Proof::Code(*code),
            };
            put!(joined, core.join_line(now, &JoinLine { sale: DOOR, proof, lane: *lane }))
        }
        Request::Stand { ticket } => put!(standing, core.ticket(now, ticket)),
        Request::Leave { ticket } => put!(standing, core.leave_line(now, ticket)),
        Request::UsePass { ticket } => put!(session, core.use_pass(now, *ticket)),
        Request::Turn { change, dry_run } => {
            let change = LineChange { dry_run: *dry_run, ..change.clone() };
            put!(room, core.set_line(now, DOOR, &change).map(|turned| turned.line))
        }
        Request::Admit { count } => {
            put!(called_at_once, core.admit(now, DOOR, AdmitNow { count: *count, ..AdmitNow::default() }))
        }
        Request::ReadLine => put!(room, core.line(now, DOOR)),
        Request::ReadDraw => put!(room, core.draw(now, DOOR)),
        Request::ReadRegistered { lane, from, most } => {
            put!(registered, core.registered(now, DOOR, *lane, *from, *most))
        }
        Request::ReadChanges => put!(changes, core.changes(now, Some(DOOR))),
        Request::MakeCodes { sale, terms, codes } => {
            let (terms, credential) = ((**terms).clone(), asked.caller.credential);
            let request = MakeCodes { sale, terms, codes, key: asked.key, credential };
            let answer = core.make_codes(now, &request);
            let shown = answer.result.is_ok() && !answer.replayed;
            judge.codes_made(
                &answer,
                if shown { holdings(core, answer.now, sale, codes) } else { Vec::new() },
            );
            told(&answer)
        }
        Request::RevokeCodes { sale, which, reason } => {
            let which = match which {
                Taken::Wave(name) => Which::Wave(name),
                Taken::Codes(codes) => Which::Codes(codes),
            };
            let (reason, credential) = (reason.as_deref(), asked.caller.credential);
            let key = asked.key;
            put!(codes_revoked, core.revoke_codes(now, &RevokeCodes { sale, which, reason, key, credential }))
        }
        Request::ReadCode { sale, code } => put!(code_read, core.code(now, sale, *code)),
        Request::ListCodes { sale, wave, page } => put!(
            code_list,
            all_pages(|after| {
                let after = after.and_then(|text| u128::from_str_radix(text, 16).ok()).map(CodeHash);
                core.codes(now, sale, wave.as_deref(), after, *page)
            })
        ),
        Request::ReadWaves { sale } => put!(waves, core.waves(now, sale, None)),
    }
}

/// What codes that were just made are shown to hold.
fn holdings(core: &Core, now: Now, sale: &str, codes: &[CodeHash]) -> Holdings {
    let view = |hash: &CodeHash| core.code(now, sale, *hash).result.expect("it was just made");
    codes.iter().map(|hash| (*hash, view(hash).holds)).collect()
}

/// A list, page by page, as one.
fn all_pages<T>(mut page: impl FnMut(Option<&str>) -> Answer<Page<T>>) -> Answer<Page<T>> {
    let mut answer = page(None);
    while let Ok(Page { next: Some(next), .. }) = &answer.result {
        let more = page(Some(next));
        let rests_on = answer.rests_on.max(more.rests_on);
        let result = answer.result.and_then(|mut all| {
            let Page { items, next } = more.result?;
            all.items.extend(items);
            Ok(Page { next, ..all })
        });
        answer = Answer { rests_on, now: answer.now, replayed: false, result };
    }
    answer
}
