//! The list of orders: of a customer, with a reference, or all of a sale, in the order of their ids.

use super::super::Core;
use super::Page;
use crate::carts::{Item, Stage};
use crate::ids::{CartId, CustomerHash, IdKind, PublicId, SaleIx};
use crate::inventory::Shard;
use crate::limits::MAX_PAGE;
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

impl Core {
    /// Orders in the order of their ids. Those of a customer are found with the customer, those with a reference by it;
    /// otherwise shard after shard is looked through.
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
        let mut rests_on = Sequence::ZERO;
        // One more than asked for tells whether there is a next page.
        let found = match query.customer {
            Some(customer) => self.orders_of(customer, sale, from, &mut rests_on),
            None => self.orders_from(from, caller, sale, query, limit + 1, &mut rests_on),
        };
        // What was looked through goes on behind the last that was found, also if that has changed meanwhile.
        let behind = found.last().filter(|_| query.customer.is_none() && found.len() > limit).copied();
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
    fn orders_of(
        &self,
        customer: CustomerHash,
        sale: SaleIx,
        from: (u16, u32),
        rests_on: &mut Sequence,
    ) -> Vec<CartId> {
        let visitors = self.state.lock_visitors(VisitorShard::of(customer, self.state.shards()));
        *rests_on = visitors.stamp.sequence;
        let entries = visitors.carts(customer, sale);
        let orders = entries.iter().filter(|entry| entry.until == FOR_EVER);
        let mut orders: Vec<CartId> = orders.map(|entry| entry.cart).collect();
        orders.retain(|id| (id.shard(), id.index()) >= from);
        orders.sort_unstable_by_key(|id| (id.shard(), id.index()));
        orders
    }

    fn orders_from(
        &self,
        (mut number, mut from): (u16, u32),
        caller: Caller,
        sale: SaleIx,
        query: &OrderQuery<'_>,
        most: usize,
        rests_on: &mut Sequence,
    ) -> Vec<CartId> {
        let mut found = Vec::new();
        while let Some(here) = u8::try_from(number).ok().filter(|shard| *shard < self.state.shards()) {
            let shard = self.state.lock_shard(here);
            *rests_on = shard.stamp.sequence.max(*rests_on);
            let rest = most - found.len();
            let id = |index: u32| CartId::new(self.partition, here, shard.carts[index].generation(), index);
            found.extend(places(&shard, from, caller, sale, query, rest).into_iter().map(id));
            if found.len() >= most {
                break;
            }
            (number, from) = (number + 1, 0);
        }
        found
    }
}

/// The places of the orders of one shard that are asked for, ascending.
fn places(
    shard: &Shard,
    from: u32,
    caller: Caller,
    sale: SaleIx,
    query: &OrderQuery<'_>,
    most: usize,
) -> Vec<u32> {
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
        return places.into_iter().filter(wanted).take(most).collect();
    }
    (from..shard.carts.places()).filter(wanted).take(most).collect()
}
