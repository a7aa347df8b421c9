//! The list of orders: of a customer, with a reference, or all of a sale, in the order of their ids.

use super::super::Core;
use super::Page;
use crate::carts::{Item, Stage};
use crate::ids::{CartId, CustomerHash, IdKind, PublicId, SaleIx};
use crate::inventory::Shard;
use crate::limits::{MAX_LOOKED, MAX_PAGE};
use crate::outcome::{Answer, OrderState, OrderView};
use crate::refusal::{Missing, Refusal};
use crate::request::Caller;
use crate::sequence::Sequence;
use crate::time::Now;
use crate::visitors::{FOR_EVER, VisitorShard};

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct OrderQuery<'a> {
    /// Of this customer.
    pub customer: Option<CustomerHash>,
    /// With this reference.
    pub reference: Option<&'a str>,
    /// In this state.
    pub state: Option<OrderState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// So many stretches of [`MAX_LOOKED`] places are looked through for one page. A page may be short, and the next one goes on.
const STRETCHES: u32 = 16;

/// What a look through carts has come to.
#[derive(Default)]
struct Looked {
    found: Vec<CartId>,
    /// Behind which place the next page goes on, if there may be more.
    behind: Option<CartId>,
    rests_on: Sequence,
}

impl Core {
    /// Orders in the order of their ids. Those of a customer are found with the customer, those with a reference by it;
    /// otherwise shard after shard is looked through, so far that nobody waits long for a shard, and the page may be short.
    pub fn orders(
        &self,
        now: Now,
        caller: Caller,
        sale: &str,
        query: &OrderQuery<'_>,
    ) -> Answer<Page<OrderView>> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let limit = query.limit.clamp(1, MAX_PAGE);
        let after = query.after.and_then(|after| PublicId::parse(IdKind::Order, after));
        let from = after.map_or((0, 0), |after| (after.cart.shard(), after.cart.index() + 1));
        // One more than asked for tells whether there is a next page.
        let Looked { found, behind, mut rests_on } = match query.customer {
            Some(customer) => self.orders_of(customer, sale, from),
            None => self.orders_from(from, caller, sale, query, limit + 1),
        };
        let (mut items, mut next, mut last) = (Vec::new(), None, None);
        for id in found {
            let order = self.order(now, caller, id);
            rests_on = rests_on.max(order.rests_on);
            let reference = |order: &OrderView| order.notes.as_ref()?.reference.clone();
            let order = match order.result {
                Err(Refusal::NotFound(_)) => continue,
                Err(refusal) => return Self::refuse(now, refusal),
                Ok(order) => order,
            };
            if query.state.is_none_or(|state| state == order.state)
                && query.reference.is_none_or(|wanted| reference(&order).as_deref() == Some(wanted))
            {
                if items.len() == limit {
                    next = last;
                    break;
                }
                last = Some(PublicId::order(order.cart).to_string());
                items.push(order);
            }
        }
        let next = next.or_else(|| behind.map(|id| PublicId::order(id).to_string()));
        Answer { rests_on, now, replayed: false, result: Ok(Page { items, next }) }
    }

    /// All orders of a customer, in the order of their ids.
    fn orders_of(&self, customer: CustomerHash, sale: SaleIx, from: (u16, u32)) -> Looked {
        let visitors = self.state.lock_visitors(VisitorShard::of(customer, self.state.shards()));
        let rests_on = visitors.stamp.sequence;
        let entries = visitors.carts(customer, sale);
        let orders = entries.iter().filter(|entry| entry.until == FOR_EVER);
        let mut orders: Vec<CartId> = orders.map(|entry| entry.cart).collect();
        orders.retain(|id| (id.shard(), id.index()) >= from);
        orders.sort_unstable_by_key(|id| (id.shard(), id.index()));
        Looked { found: orders, behind: None, rests_on }
    }

    fn orders_from(
        &self,
        (mut number, mut from): (u16, u32),
        caller: Caller,
        sale: SaleIx,
        query: &OrderQuery<'_>,
        most: usize,
    ) -> Looked {
        let mut looked = Looked::default();
        let mut stretches = 0;
        while let Some(here) = u8::try_from(number).ok().filter(|shard| *shard < self.state.shards()) {
            let shard = self.state.lock_shard(here);
            looked.rests_on = shard.stamp.sequence.max(looked.rests_on);
            let rest = most - looked.found.len();
            let id = |index: u32| CartId::new(self.partition, here, shard.carts[index].generation(), index);
            let (places, to) = places(&shard, from, caller, sale, query, rest);
            looked.found.extend(places.into_iter().map(id));
            stretches += 1;
            if looked.found.len() >= most {
                // Behind the last that was found, also if that has changed meanwhile.
                looked.behind = looked.found.last().copied();
                break;
            }
            if to < shard.carts.places() && stretches >= STRETCHES {
                // A place, whoever's it is: nothing is told of a cart that may be foreign.
                looked.behind = Some(CartId::new(self.partition, here, 0, to - 1));
                break;
            }
            (number, from) = if to < shard.carts.places() { (number, to) } else { (number + 1, 0) };
        }
        looked
    }
}

/// The places of the orders of one shard that are asked for, ascending, and up to which place it was looked for them. Where a
/// reference tells the places, that is the end.
fn places(
    shard: &Shard,
    from: u32,
    caller: Caller,
    sale: SaleIx,
    query: &OrderQuery<'_>,
    most: usize,
) -> (Vec<u32>, u32) {
    let end = shard.carts.places();
    let wanted = |index: &u32| {
        let cart = &shard.carts[*index];
        let cancelled = || !cart.items.iter().any(Item::present);
        cart.stage == Stage::Ordered
            && cart.sale == sale
            && caller.may_see(cart.sale, cart.channel, cart.customer())
            && match query.state {
                Some(OrderState::Cancelled) => cancelled(),
                Some(OrderState::Confirmed) => cart.version == cart.confirmed_version(),
                Some(OrderState::PartlyCancelled) => cart.version != cart.confirmed_version() && !cancelled(),
                None => true,
            }
    };
    if let Some(reference) = query.reference {
        let places = shard.references.get(&(sale, reference.into())).map_or(&[][..], Vec::as_slice);
        let mut places: Vec<u32> = places.iter().copied().filter(|index| *index >= from).collect();
        places.sort_unstable();
        return (places.into_iter().filter(wanted).take(most).collect(), end);
    }
    let to = end.min(from.saturating_add(MAX_LOOKED));
    ((from..to).filter(wanted).take(most).collect(), to)
}
