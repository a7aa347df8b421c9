//! Several bundles of one request, chosen so that all of them can be held.
//!
//! One after the other, each the first that is found, is enough as long as none needs what another has taken. When that
//! fails, all bundles of a venue are looked for together: units that are alike (of one product and day, inside the same
//! windows) are one cell with a count, and the parts of all bundles are given cells by trying. It is exact, and bounded by
//! [`MAX_BUNDLE_LOOKS`]: which bundles of mixed rules fit together can cost more than any server has. At the bound the
//! answer says that the search was ended, never that there is nothing.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::Decision;
use super::aim::Basis;
use super::bundle::{Parts, Search, Window, first_release, units_of};
use super::choose::{Chosen, Items};
use super::wants::Choice;
use crate::fact::NewItem;
use crate::ids::{Quantity, SlotRef};
use crate::limits::{MAX_BUNDLE_LOOKS, MAX_HOLDS};
use crate::refusal::{Missing, Refusal, Scope};
use crate::request::Want;
use crate::sale::{BundleRule, SaleRules};
use crate::time::Timestamp;

/// A bundle that is asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Which of the choices.
    place: usize,
    rule: &'a BundleRule,
    venue: &'a str,
    window: Window,
}

impl Asked<'_> {
    /// Two of which it is all the same which comes first.
    fn like(&self, other: &Self) -> bool {
        let window = |asked: &Self| (asked.window.from, asked.window.to);
        std::ptr::eq(self.rule, other.rule) && window(self) == window(other)
    }
}

/// The bundles asked for at one venue.
type AtVenue<'a> = (&'a str, SmallVec<[Asked<'a>; 1]>);

/// Units that are alike: of one product and day, inside the same windows.
struct Cell<'a> {
    product: &'a str,
    day: Option<i32>,
    /// A bit for each bundle asked for whose first part may be of it.
    inside: u128,
    slots: Vec<(SlotRef, Quantity)>,
    units: Quantity,
}

/// What came of looking for all together.
enum Together {
    /// The parts of each.
    Found(Vec<Parts>),
    /// There is no way.
    Never,
    /// The looks were used up.
    Ended,
}

impl Decision<'_> {
    /// The bundles among the choices of a request, with every shard of their venues held: for each choice its parts, and
    /// nothing if it is no bundle.
    pub(super) fn choose_bundles(
        &self,
        basis: Basis<'_>,
        rules: &SaleRules,
        wants: &[Want],
        choices: &[Choice],
        named: &[NewItem],
    ) -> Result<Chosen, Refusal> {
        let mut chosen: Chosen = smallvec::smallvec![Items::new(); choices.len()];
        let mut venues: SmallVec<[AtVenue<'_>; 1]> = SmallVec::new();
        let mut parts = named.len();
        for (place, choice) in choices.iter().enumerate() {
            let Want::AnyBundle { rule, venue, from, to } = &wants[choice.want] else { continue };
            let Some(rule) = rules.bundle(rule) else {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())));
            };
            let window = Window { from: *from, to: *to, wall: basis.wall, at: basis.at };
            let asked = Asked { place, rule, venue, window };
            match venues.iter_mut().find(|(known, _)| known == venue) {
                Some((_, others)) => others.push(asked),
                None => venues.push((venue, smallvec::smallvec![asked])),
            }
            parts += rule.parts.len();
        }
        if parts > MAX_HOLDS {
            return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 });
        }
        for (_, asked) in &venues {
            for (asked, parts) in asked.iter().zip(self.bundles_at(basis, asked, named)?) {
                chosen[asked.place] = parts.iter().copied().map(one_unit).collect();
            }
        }
        Ok(chosen)
    }

    /// All bundles that are asked for at one venue.
    fn bundles_at(
        &self,
        basis: Basis<'_>,
        asked: &[Asked<'_>],
        named: &[NewItem],
    ) -> Result<Vec<Parts>, Refusal> {
        let find = |asked: &Asked<'_>, taken: &[NewItem]| {
            self.find_bundle(basis, asked.rule, asked.venue, asked.window, taken)
        };
        let mut taken: SmallVec<[NewItem; 8]> = named.iter().copied().collect();
        let one_by_one = asked.iter().map(|asked| {
            let parts = find(asked, &taken)?;
            taken.extend(parts.iter().copied().map(one_unit));
            Ok::<_, Refusal>(parts)
        });
        if let Ok(found) = one_by_one.collect() {
            return Ok(found);
        }
        // What is true of one of them alone is said of that one.
        for asked in asked {
            find(asked, named)?;
        }
        self.bundles_together(basis, asked, named)
    }

    /// Each of them could be had alone.
    fn bundles_together(
        &self,
        basis: Basis<'_>,
        asked: &[Asked<'_>],
        named: &[NewItem],
    ) -> Result<Vec<Parts>, Refusal> {
        let mut search = self.search_at(basis, asked[0].rule, asked[0].venue, asked[0].window, named);
        let may_be_due = search.shards.iter().any(|(_, shard)| shard.may_be_due(basis.at));
        let mut ended = false;
        for count_due in [false, true].into_iter().take(if may_be_due { 2 } else { 1 }) {
            search.count_due = count_due;
            match Table::new(&search, asked).look() {
                Together::Found(parts) => return Ok(parts),
                Together::Never => {}
                Together::Ended => ended = true,
            }
        }
        if search.shards.iter().any(|(_, shard)| shard.last_release() > basis.wall) {
            let next = first_release(basis.wall, |wall| {
                search.window.wall = wall;
                let Together::Found(parts) = Table::new(&search, asked).look() else { return None };
                self.released_by(parts.into_iter().flatten())
            });
            if next.is_some() {
                return Err(Refusal::NotReleased { next_release_at: next });
            }
        }
        Err(refusal(asked, ended))
    }
}

fn one_unit(slot: SlotRef) -> NewItem {
    NewItem { slot, quantity: 1, bundle: 0 }
}

fn refusal(asked: &[Asked<'_>], ended: bool) -> Refusal {
    let (first, many) = (&asked[0], asked.len());
    let venue = first.venue;
    if ended {
        let why = format!(
            "no way to hold {many} bundles at `{venue}` was found in {MAX_BUNDLE_LOOKS} looks; ask for fewer at a time"
        );
        return Refusal::BundleIncomplete { why, scope: None };
    }
    let alike = asked.iter().all(|other| other.like(first));
    let scope = Scope {
        venue: venue.to_owned(),
        rule: alike.then(|| first.rule.name.clone()),
        from: first.window.from.filter(|_| alike),
        to: first.window.to.filter(|_| alike),
        quantity: Quantity::try_from(many).unwrap_or(Quantity::MAX),
        ..Scope::default()
    };
    let why = format!("each of the {many} bundles could be held at `{venue}`, but not all of them");
    Refusal::BundleIncomplete { why, scope: Some(Box::new(scope)) }
}

/// How far a trial has come. Whether the rest can be had depends on this and on what is used of products still to come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rest {
    bundle: usize,
    part: usize,
    day: Option<i32>,
    /// The cell of this bundle's first part, or the least it may be of.
    first: usize,
    used: SmallVec<[u32; 8]>,
}

/// The trial: cells, and what is given to whom so far.
struct Table<'a> {
    /// Those with the fewest units to begin with come first, those that are alike one after the other.
    asked: Vec<Asked<'a>>,
    cells: Vec<Cell<'a>>,
    /// The cells of a product, by day.
    of_product: BTreeMap<&'a str, Vec<usize>>,
    /// Units used of each cell.
    used: Vec<Quantity>,
    /// The cells of all parts so far.
    given: Vec<usize>,
    in_vain: BTreeSet<Rest>,
    looks: u32,
}

impl<'a> Table<'a> {
    fn new(search: &Search<'_>, wanted: &[Asked<'a>]) -> Self {
        let mut asked = wanted.to_vec();
        let most = wanted.iter().map(|asked| asked.rule.parts.len()).sum::<usize>();
        let most = Quantity::try_from(most).unwrap_or(Quantity::MAX);
        let mut products: Vec<&'a str> =
            wanted.iter().flat_map(|asked| asked.rule.parts.iter().map(String::as_str)).collect();
        products.sort_unstable();
        products.dedup();
        let mut cells = Vec::new();
        for product in &products {
            collect(search, &asked, product, most, &mut cells);
        }
        let begins = |place: usize, cells: &[Cell<'_>]| {
            let first = &wanted[place].rule.parts[0];
            let inside = cells.iter().filter(|cell| cell.product == first && cell.inside >> place & 1 == 1);
            inside.map(|cell| cell.units).sum::<Quantity>()
        };
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        let like = |place: usize| wanted.iter().position(|other| other.like(&wanted[place]));
        order.sort_by_key(|place| (begins(*place, &cells), like(*place)));
        // The cells' bits are by the order of the request; from here on they are by the order of the trial.
        for cell in &mut cells {
            let bits = order.iter().enumerate().map(|(to, from)| (cell.inside >> from & 1) << to);
            cell.inside = bits.fold(0, |mask, bit| mask | bit);
        }
        asked = order.iter().map(|place| wanted[*place]).collect();
        cells.sort_by_key(|cell| (cell.day, cell.inside.count_ones()));
        let mut of_product = BTreeMap::<&str, Vec<usize>>::new();
        for (at, cell) in cells.iter().enumerate() {
            of_product.entry(cell.product).or_default().push(at);
        }
        let used = vec![0; cells.len()];
        Self { asked, cells, of_product, used, given: Vec::new(), in_vain: BTreeSet::new(), looks: 0 }
    }

    /// Tries. The parts of each bundle, in the order of the request.
    fn look(mut self) -> Together {
        if !self.enough() {
            return Together::Never;
        }
        let begin = Rest { bundle: 0, part: 0, day: None, first: 0, used: SmallVec::new() };
        if !self.fill(begin) {
            return if self.looks > MAX_BUNDLE_LOOKS { Together::Ended } else { Together::Never };
        }
        let mut given = std::mem::take(&mut self.given).into_iter();
        let mut found: Vec<(usize, Parts)> = Vec::new();
        for asked in &self.asked {
            let cells = given.by_ref().take(asked.rule.parts.len());
            found.push((asked.place, cells.map(|cell| self.cells[cell].take()).collect()));
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        Together::Found(found.into_iter().map(|(_, parts)| parts).collect())
    }

    /// Whether there are as many units of each product as all bundles need.
    fn enough(&self) -> bool {
        let parts = || self.asked.iter().flat_map(|asked| &asked.rule.parts);
        let units = |product: &str| {
            let cells = self.of_product.get(product).into_iter().flatten();
            cells.map(|cell| u64::from(self.cells[*cell].units)).sum::<u64>()
        };
        parts().all(|product| units(product) >= parts().filter(|other| *other == product).count() as u64)
    }

    /// Gives cells to all parts from `rest` on; takes them back if that cannot be done.
    fn fill(&mut self, mut rest: Rest) -> bool {
        let Some(asked) = self.asked.get(rest.bundle).copied() else { return true };
        let Some(product) = asked.rule.parts.get(rest.part) else {
            // Of two that are alike the one with the earlier first part is the first: the other way round is no other way.
            let next = self.asked.get(rest.bundle + 1);
            let first = if next.is_some_and(|next| next.like(&asked)) { rest.first } else { 0 };
            let bundle = rest.bundle + 1;
            return self.fill(Rest { bundle, part: 0, day: None, first, used: SmallVec::new() });
        };
        rest.used = self.used_to_come(&rest);
        if self.in_vain.contains(&rest) {
            return false;
        }
        let gap = asked.rule.gap_days;
        let days = rest
            .day
            .zip(gap)
            .map(|(day, (least, most))| day.saturating_add(least.into())..=day.saturating_add(most.into()));
        let cells = self.of_product.get(product.as_str()).cloned().unwrap_or_default();
        for at in cells {
            let cell = &self.cells[at];
            let begins = rest.part > 0 || at >= rest.first && cell.inside >> rest.bundle & 1 == 1;
            let fits = gap.is_none()
                || cell.day.is_some_and(|day| days.as_ref().is_none_or(|days| days.contains(&day)));
            if !begins || !fits || self.used[at] >= cell.units {
                continue;
            }
            self.looks += 1;
            if self.looks > MAX_BUNDLE_LOOKS {
                return false;
            }
            let next = Rest {
                bundle: rest.bundle,
                part: rest.part + 1,
                day: cell.day,
                first: if rest.part == 0 { at } else { rest.first },
                used: SmallVec::new(),
            };
            self.used[at] += 1;
            self.given.push(at);
            if self.fill(next) {
                return true;
            }
            self.given.pop();
            self.used[at] -= 1;
        }
        self.in_vain.insert(rest);
        false
    }

    /// The cells given so far of products that are still to come, sorted.
    fn used_to_come(&self, rest: &Rest) -> SmallVec<[u32; 8]> {
        let here = &self.asked[rest.bundle].rule.parts[rest.part..];
        let later = self.asked[rest.bundle + 1..].iter().map(|asked| asked.rule.parts.as_slice());
        let comes = |cell: usize| {
            let product = self.cells[cell].product;
            std::iter::once(here).chain(later.clone()).flatten().any(|part| part == product)
        };
        let cells = self.given.iter().copied().filter(|cell| comes(*cell));
        let mut used: SmallVec<[u32; 8]> = cells.filter_map(|cell| u32::try_from(cell).ok()).collect();
        used.sort_unstable();
        used
    }
}

impl Cell<'_> {
    /// One of its units.
    fn take(&mut self) -> SlotRef {
        let last = self.slots.last_mut().map(|(slot, units)| {
            *units -= 1;
            (*slot, *units)
        });
        let Some((slot, left)) = last else { unreachable!("no more is given of a cell than it has") };
        if left == 0 {
            self.slots.pop();
        }
        slot
    }
}

/// The cells of one product. Of units that are alike no more than `most` are counted: nobody asks for more.
fn collect<'a>(
    search: &Search<'_>,
    asked: &[Asked<'a>],
    product: &'a str,
    most: Quantity,
    cells: &mut Vec<Cell<'a>>,
) {
    let mut places = BTreeMap::<(Option<i32>, u128), usize>::new();
    for (number, shard) in &search.shards {
        let (Some(venue), Some(known)) = (shard.names.known(search.venue), shard.names.known(product)) else {
            continue;
        };
        for group in shard.groups_from(search.sale, venue, known, None) {
            for index in group.slots.iter().copied() {
                let slot = SlotRef { shard: *number, index };
                let units = search.units_left(shard, slot);
                if units == 0 || !shard.released(index, search.window.wall) {
                    continue;
                }
                let starts = shard.info(index).starts_at;
                let bits = asked.iter().enumerate().map(|(place, asked)| {
                    u128::from(asked.rule.parts[0] == product && asked.window.starts_inside(starts)) << place
                });
                let inside = bits.fold(0, |mask, bit| mask | bit);
                let at = *places.entry((group.key.day, inside)).or_insert_with(|| {
                    let day = group.key.day;
                    cells.push(Cell { product, day, inside, slots: Vec::new(), units: 0 });
                    cells.len() - 1
                });
                let cell = &mut cells[at];
                let units = units.min(most - cell.units);
                if units > 0 {
                    cell.units += units;
                    cell.slots.push((slot, units));
                }
            }
        }
    }
}

impl Search<'_> {
    /// Units of a slot that are not spoken for; what the same step gives back counts, and what is due if it is asked for.
    fn units_left(&self, shard: &crate::inventory::Shard, slot: SlotRef) -> Quantity {
        let due = |at: Timestamp| {
            let holds = shard.holds_of(slot.index).take_while(|hold| hold.deadline <= at);
            holds.map(|hold| Quantity::from(hold.quantity)).sum::<Quantity>()
        };
        let hot = shard.slot(slot.index);
        let due = if self.count_due && hot.held > 0 { due(self.window.at) } else { 0 };
        let taken = self.taken.iter().filter(|(other, _)| *other == slot).map(|(_, units)| *units);
        (hot.free() + due + units_of(self.back, slot)).saturating_sub(taken.sum())
    }
}
