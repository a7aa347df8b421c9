//! Slots as they stand: one, and the list of a sale by venue, start and id.
//!
//! The list walks venues by name and the days of each in order; a day's slots come from its groups, each of which keeps
//! its slots by start and id once somebody has listed it. So a page costs the page and the number of groups of a venue,
//! whatever else is loaded.

use smallvec::SmallVec;

use super::super::Core;
use crate::documents::{Standing, word};
use crate::ids::{SaleIx, SlotRef};
use crate::inventory::{ALWAYS, Group, Release, Shard};
use crate::limits::MAX_PAGE;
use crate::outcome::{Answer, Counts, SlotView, StockState};
use crate::refusal::{Missing, Refusal};
use crate::sequence::Sequence;
use crate::sync::MutexGuard;
use crate::time::{Now, WallTime};

/// Which slots to list.
#[derive(Clone, Debug, Default)]
pub struct SlotQuery<'a> {
    /// Of this venue.
    pub venue: Option<&'a str>,
    /// Of this section.
    pub section: Option<&'a str>,
    /// Of this product.
    pub product: Option<&'a str>,
    /// Starting not before.
    pub from: Option<WallTime>,
    /// Starting before.
    pub to: Option<WallTime>,
    /// In this state.
    pub state: Option<StockState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Where the next part begins; none at the end.
    pub next: Option<String>,
}

/// A slot as it stands.
pub(in super::super) fn slot_view(shard: &Shard, index: u32, now: Now) -> SlotView {
    let slot = shard.slot(index);
    let counts = Counts {
        capacity: slot.capacity.into(),
        held: slot.held.into(),
        sold: slot.sold.into(),
        blocked: slot.blocked.into(),
    };
    let released = slot.releases_at <= now.wall;
    let standing = Standing {
        counts,
        free_later: if released { 0 } else { counts.free() },
        held_later: if released { 0 } else { counts.held },
        next_release: Some(slot.releases_at)
            .filter(|at| *at != ALWAYS && !released)
            .map(|at| Release { empty: false, at }),
    };
    let (state, next_release_at) = match shard.rules(slot.sale) {
        // One slot that is not released is just that, whatever an operator did with its units before.
        Some(rules) if !released => match word(&standing, rules, now.wall) {
            (StockState::Closed, _) => (StockState::Closed, None),
            (_, next) => (StockState::NotReleased, next),
        },
        Some(rules) => word(&standing, rules, now.wall),
        None => (StockState::Closed, None),
    };
    let earliest_return_at = if state == StockState::AllHeld { shard.first_deadline(index) } else { None };
    SlotView { slot: shard.spec(index), counts, state, next_release_at, earliest_return_at }
}

/// Where a slot stands in the list of its venue.
type Order = (Option<WallTime>, String);

/// Where a page begins.
#[derive(Clone, Debug)]
struct Cursor {
    venue: String,
    after: Order,
}

impl Cursor {
    /// Offset so that times before 1970 sort first; none is 0.
    fn write(&self) -> String {
        let starts = self.after.0.map_or(0, |starts| starts.0.wrapping_sub(i64::MIN).cast_unsigned());
        format!("{}~{starts:020}~{}", self.venue, self.after.1)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '~');
        let (venue, starts, slot) = (parts.next()?, parts.next()?.parse::<u64>().ok()?, parts.next()?);
        let starts = (starts != 0).then(|| WallTime(starts.cast_signed().wrapping_add(i64::MIN)));
        Some(Self { venue: venue.to_owned(), after: (starts, slot.to_owned()) })
    }
}

/// Whether a text is one of those that end a page of slots.
#[must_use]
pub fn is_slot_cursor(text: &str) -> bool {
    Cursor::read(text).is_some()
}

/// The shards of a venue, held.
type Held<'a> = SmallVec<[(u8, MutexGuard<'a, Shard>); 4]>;

/// How many slots a filtered page looks at for each it may give.
const LOOKS: usize = 4;

impl Core {
    /// Slots by venue, start and id.
    pub fn slots(&self, now: Now, sale: &str, query: &SlotQuery<'_>) -> Answer<Page<SlotView>> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let limit = query.limit.clamp(1, MAX_PAGE);
        let mut looks = if query.state.is_some() { limit * LOOKS } else { limit + 1 };
        let mut rests_on = Sequence::ZERO;
        let (mut cursor, mut last) = (query.after.and_then(Cursor::read), None);
        let mut page = Page { items: Vec::new(), next: None };
        let mut venue = match (&cursor, query.venue) {
            (Some(cursor), _) => Some(cursor.venue.clone()),
            (None, Some(venue)) => Some(venue.to_owned()),
            (None, None) => self.next_venue(sale, ""),
        };
        while let Some(here) = venue.take().filter(|here| query.venue.is_none_or(|wanted| wanted == here)) {
            let after = cursor.take().map(|cursor| cursor.after);
            let places = self.places(sale, &here, query, after.as_ref(), looks, &mut rests_on);
            looks -= places.len();
            for place in places {
                let view = self.in_list(now, place, &mut rests_on);
                if page.items.len() == limit {
                    page.next = last.as_ref().map(Cursor::write);
                    return Answer { rests_on, now, replayed: false, result: Ok(page) };
                }
                last =
                    Some(Cursor { venue: here.clone(), after: (view.slot.starts_at, view.slot.id.clone()) });
                if query.state.is_none_or(|state| state == view.state) {
                    page.items.push(view);
                }
            }
            if looks == 0 {
                page.next = last.as_ref().map(Cursor::write);
                break;
            }
            venue = self.next_venue(sale, &here);
        }
        Answer { rests_on, now, replayed: false, result: Ok(page) }
    }

    /// One line. A hold past its deadline is settled, as for who reads the slot by its id: what is said to be free rests on
    /// a fact. Without room in the journal's buffer it is still said to be held.
    fn in_list(&self, now: Now, place: SlotRef, rests_on: &mut Sequence) -> SlotView {
        let look = |rests_on: &mut Sequence| {
            let shard = self.state.lock_shard(place.shard);
            *rests_on = shard.stamp.sequence.max(*rests_on);
            let at = now.engine.max(shard.stamp.at);
            let due = shard.first_deadline(place.index).is_some_and(|deadline| deadline <= at);
            (slot_view(&shard, place.index, now), due)
        };
        let (view, due) = look(rests_on);
        if !due {
            return view;
        }
        let settled = self.slot_at(now, place);
        *rests_on = settled.rests_on.max(*rests_on);
        settled.result.unwrap_or(view)
    }

    /// The first venue of a sale by name after another.
    fn next_venue(&self, sale: SaleIx, after: &str) -> Option<String> {
        let catalog = self.state.lock_catalog();
        let from = (sale, format!("{after}\0"), None);
        let (place, _) = catalog.places.range(from..).next()?;
        (place.0 == sale).then(|| place.1.clone())
    }

    /// The next slots of a venue that are asked for, at most `most`, in order.
    fn places(
        &self,
        sale: SaleIx,
        venue: &str,
        query: &SlotQuery<'_>,
        after: Option<&Order>,
        most: usize,
        rests_on: &mut Sequence,
    ) -> Vec<SlotRef> {
        let mask = self.state.names.venue(sale, venue);
        let numbers = (0..self.state.shards()).filter(|shard| mask >> shard & 1 == 1);
        let held: Held<'_> = numbers.map(|shard| (shard, self.state.lock_shard(shard))).collect();
        // By day, which no slot of a later day precedes; days that surely end before the page begins are left out.
        let from = after.map(|after| after.0).max(Some(query.from)).flatten();
        let day = |at: WallTime| i32::try_from(at.0.div_euclid(86_400_000)).unwrap_or(i32::MAX);
        let (first_day, last_day) = (from.map(|from| day(from) - 1), query.to.map(|to| day(to) + 1));
        let mut groups: Vec<(Option<i32>, usize, &Group)> = Vec::new();
        for (place, (_, shard)) in held.iter().enumerate() {
            *rests_on = shard.stamp.sequence.max(*rests_on);
            let Some(number) = shard.names.known(venue) else { continue };
            let named = |number: Option<u32>| number.map(|number| shard.names.name(number));
            for group in shard.groups_of_venue(sale, number) {
                let key = &group.key;
                if query.section.is_none_or(|wanted| named(key.section) == Some(wanted))
                    && query.product.is_none_or(|wanted| named(key.product) == Some(wanted))
                    && key.day >= first_day
                    && last_day.is_none_or(|last| key.day.is_some_and(|day| day <= last))
                {
                    groups.push((key.day, place, group));
                }
            }
        }
        groups.sort_by_key(|(day, place, _)| (*day, *place));
        let mut found = Vec::new();
        for groups in groups.chunk_by(|one, other| one.0 == other.0) {
            merge(groups, &held, query, after, most, &mut found);
            if found.len() >= most {
                break;
            }
        }
        found
    }
}

/// Adds the slots of one day, from several groups, in order.
fn merge(
    groups: &[(Option<i32>, usize, &Group)],
    held: &Held<'_>,
    query: &SlotQuery<'_>,
    after: Option<&Order>,
    most: usize,
    found: &mut Vec<SlotRef>,
) {
    let order = |place: usize, slot: u32| {
        let shard: &Shard = &held[place].1;
        (shard.info(slot).starts_at, shard.slot_name(slot))
    };
    let after = after.map(|(starts, slot)| (*starts, slot.as_str()));
    let mut heads: Vec<_> = groups
        .iter()
        .map(|(_, place, group)| {
            let sorted = held[*place].1.in_order(group);
            let begin = sorted.partition_point(|slot| {
                let here = order(*place, *slot);
                after.is_some_and(|after| here <= after) || query.from.is_some_and(|from| here.0 < Some(from))
            });
            (*place, sorted, begin)
        })
        .collect();
    while found.len() < most {
        let head = |(place, sorted, at): &(usize, std::sync::Arc<[u32]>, usize)| {
            sorted.get(*at).map(|slot| order(*place, *slot))
        };
        let first = heads.iter().enumerate().filter_map(|(at, here)| Some((head(here)?, at))).min();
        let Some((here, at)) = first else { break };
        if query.to.is_some_and(|to| here.0.is_none_or(|starts| starts >= to)) {
            break;
        }
        let (place, sorted, next) = &mut heads[at];
        found.push(SlotRef { shard: held[*place].0, index: sorted[*next] });
        *next += 1;
    }
}
