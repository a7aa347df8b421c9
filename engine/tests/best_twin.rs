//! `best` beside a naive twin that tries every place of every row: random halls, parties, returns; same seats.

#![expect(clippy::print_stdout, reason = "the test says how much it has tried")]

use onsale_engine::digest::mix;
use onsale_engine::ids::CartId;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::Want;
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::Desk;

struct Seat {
    spec: SlotSpec,
    free: bool,
}

/// A row as people sit: seats by index, `None` for a gap.
type Row = Vec<Option<usize>>;

struct Twin {
    seats: Vec<Seat>,
    /// With the section of each, in the order of import.
    rows: Vec<(String, Row)>,
}

#[derive(Clone, Copy)]
struct Party {
    n: usize,
    adjacent: bool,
    avoid_orphans: bool,
    accessible: bool,
}

impl Twin {
    fn new(specs: &[SlotSpec]) -> Self {
        let mut rows: Vec<(String, String, Vec<usize>)> = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            let (section, row) = (spec.section.clone().unwrap(), spec.row.clone().unwrap());
            match rows.iter_mut().find(|known| known.0 == section && known.1 == row) {
                Some((_, _, seats)) => seats.push(at),
                None => rows.push((section, row, vec![at])),
            }
        }
        // Rows of one section stand together, in the order the sections came.
        let mut sections: Vec<String> = Vec::new();
        rows.iter().for_each(|row| {
            if !sections.contains(&row.0) {
                sections.push(row.0.clone());
            }
        });
        rows.sort_by_key(|row| sections.iter().position(|section| *section == row.0));
        let lay_out = |(section, _, mut seats): (String, String, Vec<usize>)| {
            let placed = seats.iter().all(|at| specs[*at].position.is_some());
            let label = |at: usize| specs[at].seat.as_ref().unwrap().parse::<i32>().unwrap();
            let place = |at: usize| if placed { specs[at].position.unwrap() } else { label(at) };
            seats.sort_by_key(|at| (place(*at), label(*at)));
            let mut row = Row::new();
            for (step, at) in seats.iter().enumerate() {
                if placed && step > 0 && place(*at) != place(seats[step - 1]) + 1 {
                    row.push(None);
                }
                row.push(Some(*at));
            }
            (section, row)
        };
        let rows = rows.into_iter().map(lay_out).collect();
        let seats = specs.iter().map(|spec| Seat { spec: spec.clone(), free: true }).collect();
        Self { seats, rows }
    }

    /// Free cells of a row; accessible ones, all others, or any.
    fn free(&self, row: &Row, accessible: Option<bool>) -> Vec<bool> {
        let counts = |at: usize| accessible.is_none_or(|wanted| wanted == self.seats[at].spec.accessible);
        row.iter().map(|cell| cell.is_some_and(|at| self.seats[at].free && counts(at))).collect()
    }

    fn run(&self, section: Option<&str>, n: usize, kind: Option<bool>, neat: bool) -> Option<Vec<usize>> {
        for (_, row) in self.rows.iter().filter(|row| section.is_none_or(|wanted| wanted == row.0)) {
            let free = self.free(row, kind);
            let mut best: Option<(usize, usize)> = None;
            for at in 0..(row.len() + 1).saturating_sub(n) {
                let is_free = |at: Option<usize>| at.is_some_and(|at| *free.get(at).unwrap_or(&false));
                if !(at..at + n).all(|cell| free[cell]) {
                    continue;
                }
                if kind.is_none() && !(at..at + n).any(|cell| self.seats[row[cell].unwrap()].spec.accessible)
                {
                    continue;
                }
                let lone_left = is_free(at.checked_sub(1)) && !is_free(at.checked_sub(2));
                let lone_right = is_free(Some(at + n)) && !is_free(Some(at + n + 1));
                if neat && (lone_left || lone_right) {
                    continue;
                }
                let off = (2 * at + n).abs_diff(row.len());
                if best.is_none_or(|(least, _)| off < least) {
                    best = Some((off, at));
                }
            }
            if let Some((_, at)) = best {
                return Some((at..at + n).map(|cell| row[cell].unwrap()).collect());
            }
        }
        None
    }

    fn best(&self, section: Option<&str>, party: Party) -> Option<Vec<usize>> {
        let kinds: &[Option<bool>] = if party.accessible { &[Some(true), None] } else { &[Some(false)] };
        for kind in kinds {
            if party.avoid_orphans
                && let Some(seats) = self.run(section, party.n, *kind, true)
            {
                return Some(seats);
            }
            if let Some(seats) = self.run(section, party.n, *kind, false) {
                return Some(seats);
            }
        }
        None
    }

    /// The fewest rows a party that need not sit together can be in, if it is never spread over sections.
    fn fewest(&self, section: Option<&str>, party: Party) -> Option<usize> {
        let mut sections: Vec<&str> = self.rows.iter().map(|row| row.0.as_str()).collect();
        sections.dedup();
        sections.retain(|here| section.is_none_or(|wanted| wanted == *here));
        let fewest_of = |rows: Vec<&Row>| {
            let count =
                |row: &Row| self.free(row, Some(party.accessible)).iter().filter(|free| **free).count();
            let mut counts: Vec<usize> = rows.into_iter().map(count).collect();
            counts.sort_unstable_by(|one, other| other.cmp(one));
            let mut sum = 0;
            counts.iter().position(|count| {
                sum += count;
                sum >= party.n
            })
        };
        let of_section = |here: &&str| {
            fewest_of(self.rows.iter().filter(|row| row.0 == **here).map(|row| &row.1).collect())
        };
        let all = || {
            fewest_of(
                self.rows
                    .iter()
                    .filter(|row| section.is_none_or(|wanted| wanted == row.0))
                    .map(|row| &row.1)
                    .collect(),
            )
        };
        sections.iter().find_map(of_section).or_else(all).map(|last| last + 1)
    }
}

fn hall(seed: u64) -> Vec<SlotSpec> {
    let mut specs = Vec::new();
    for section in 0..1 + mix(seed, 1) % 3 {
        for row in 0..1 + mix(seed, 10 + section) % 4 {
            let shape = mix(seed, 100 * section + row);
            let mut position = 0;
            for seat in 0..1 + shape % 13 {
                let what = mix(shape, seat);
                position += if what.is_multiple_of(7) { 3 } else { 1 };
                let id = format!("{section}-{row}-{seat}");
                specs.push(SlotSpec {
                    section: Some(format!("s{section}")),
                    row: Some(row.to_string()),
                    seat: Some((seat + 1).to_string()),
                    position: (shape >> 8 & 1 == 0 || what >> 20 & 7 == 0).then_some(position),
                    accessible: what >> 8 & 7 == 0,
                    ..SlotSpec::new(&id, "hall", 1)
                });
            }
        }
    }
    // The first seat of each row keeps its place, so that rows come in order; the others come in any.
    let mut order: Vec<usize> = (0..specs.len()).collect();
    if seed % 2 == 1 {
        order.sort_by_key(|at| (!specs[*at].id.ends_with("-0"), mix(seed, 7_000 + *at as u64)));
        order.sort_by_key(|at| !specs[*at].id.ends_with("-0"));
        let firsts = order.iter().filter(|at| specs[**at].id.ends_with("-0")).count();
        order[..firsts].sort_unstable();
    }
    order.into_iter().map(|at| specs[at].clone()).collect()
}

fn party(random: u64) -> Party {
    Party {
        n: 1 + usize::try_from(random >> 4 & 0xff).unwrap() % 5,
        adjacent: random >> 16 & 3 != 0,
        avoid_orphans: random >> 18 & 3 != 0,
        accessible: random >> 20 & 7 == 0,
    }
}

fn want(party: Party, section: Option<&str>) -> Want {
    Want::Best {
        venue: "hall".into(),
        section: section.map(str::to_owned),
        quantity: u32::try_from(party.n).unwrap(),
        adjacent: party.adjacent,
        avoid_orphans: party.avoid_orphans,
        accessible: party.accessible,
    }
}

#[test]
fn an_exchange_for_best_counts_the_seats_it_gives_back() {
    let (mut swapped, mut kept) = (0, 0);
    for seed in 0..300_u64 {
        let one_shard = seed % 3 == 0;
        let mut desk = Desk::new(if one_shard { 1 } else { 8 });
        desk.sale(SaleRules::new("day", "UTC"));
        let specs = hall(seed);
        desk.slots("day", &specs);
        let find = |id: &str| specs.iter().position(|spec| spec.id == id).unwrap();
        let mut twin = Twin::new(&specs);
        // Parties that sit together, each in a cart of its own: the cart, the ordinal of a seat, the seats.
        let mut carts: Vec<(CartId, u8, Vec<usize>)> = Vec::new();
        for step in 0..60_u64 {
            let random = mix(seed, 90_000 + step);
            if random & 1 == 0 || carts.is_empty() {
                let party = Party { adjacent: true, ..party(random) };
                if let Ok(cart) = desk.open("day", 1, &[want(party, None)]).result {
                    let seats: Vec<usize> = cart.items.iter().map(|item| find(&item.slot)).collect();
                    seats.iter().for_each(|seat| twin.seats[*seat].free = false);
                    carts.push((cart.cart, cart.items[0].ordinal, seats));
                }
                continue;
            }
            let at = usize::try_from(random >> 32).unwrap() % carts.len();
            let (cart, ordinal, seats) = carts[at].clone();
            let party = Party { adjacent: true, ..party(random >> 1) };
            let alone = twin.best(None, party);
            seats.iter().for_each(|seat| twin.seats[*seat].free = true);
            let wanted = twin.best(None, party);
            let on = desk.on(cart);
            match desk.core.exchange_hold(desk.now(), on, ordinal, &want(party, None)).result {
                Ok(view) => {
                    let seats: Vec<usize> = view.items.iter().map(|item| find(&item.slot)).collect();
                    // In several shards the first look takes what is there without the exchange, if it is as good.
                    assert!(
                        Some(&seats) == wanted.as_ref() || !one_shard && alone.is_some(),
                        "seed {seed}, step {step}: {seats:?}, the twin {wanted:?}"
                    );
                    assert!(seats.iter().all(|seat| twin.seats[*seat].free), "seed {seed}, step {step}");
                    seats.iter().for_each(|seat| twin.seats[*seat].free = false);
                    carts[at] = (cart, view.items[0].ordinal, seats);
                    swapped += usize::from(alone.is_none());
                }
                Err(refusal) => {
                    assert_eq!(wanted, None, "seed {seed}, step {step}: {refusal:?}");
                    seats.iter().for_each(|seat| twin.seats[*seat].free = false);
                    kept += 1;
                }
            }
        }
    }
    println!("exchanges beside the twin: {swapped} that needed their own seats, {kept} refused");
    assert!(swapped > 100 && kept > 100);
}

#[test]
fn best_takes_the_seats_its_naive_twin_takes() {
    let (mut held, mut refused, mut spread) = (0, 0, 0);
    for seed in 0..400_u64 {
        // One shard for all sections, or one for each: the two ways a request takes.
        let mut desk = Desk::new(if seed % 3 == 0 { 1 } else { 8 });
        desk.sale(SaleRules::new("day", "UTC"));
        let specs = hall(seed);
        desk.slots("day", &specs);
        let mut twin = Twin::new(&specs);
        let mut carts: Vec<(CartId, Vec<usize>)> = Vec::new();
        for step in 0..60_u64 {
            let random = mix(seed, 50_000 + step);
            if random.is_multiple_of(4) && !carts.is_empty() {
                let at = usize::try_from(random >> 8).unwrap_or(0) % carts.len();
                let (cart, seats) = carts.swap_remove(at);
                let on = desk.on(cart);
                desk.core.abandon(desk.now(), on).result.expect("an open cart");
                seats.into_iter().for_each(|seat| twin.seats[seat].free = true);
                continue;
            }
            let party = party(random);
            let section = (random >> 24 & 3 == 0).then(|| "s0".to_owned());
            let want = want(party, section.as_deref());
            let together = twin.best(section.as_deref(), party);
            let apart = if party.adjacent { None } else { twin.fewest(section.as_deref(), party) };
            match desk.open("day", 1, &[want]).result {
                Ok(cart) => {
                    let find = |id: &str| specs.iter().position(|spec| spec.id == id).unwrap();
                    let seats: Vec<usize> = cart.items.iter().map(|item| find(&item.slot)).collect();
                    if let Some(wanted) = together {
                        assert_eq!(seats, wanted, "seed {seed}, step {step}");
                        let bundled = party.adjacent && party.n > 1;
                        assert!(cart.items.iter().all(|item| (item.bundle > 0) == bundled));
                    } else {
                        let mut rows: Vec<_> =
                            seats.iter().map(|at| (&specs[*at].section, &specs[*at].row)).collect();
                        rows.sort_unstable();
                        rows.dedup();
                        assert_eq!(Some(rows.len()), apart, "seed {seed}, step {step}");
                        spread += 1;
                    }
                    assert_eq!(seats.len(), party.n);
                    for seat in &seats {
                        assert!(std::mem::take(&mut twin.seats[*seat].free), "seed {seed}: taken twice");
                        assert!(party.accessible || !twin.seats[*seat].spec.accessible);
                    }
                    carts.push((cart.cart, seats));
                    held += 1;
                }
                Err(refusal @ (Refusal::SlotTaken(_) | Refusal::AllHeld(_) | Refusal::SoldOut(_))) => {
                    assert_eq!((together, apart), (None, None), "seed {seed}, step {step}: {refusal:?}");
                    // Nobody pays here, so there is something of everything but what is not for this party.
                    let inside = |spec: &&SlotSpec| section.is_none() || spec.section == section;
                    let theirs = |spec: &SlotSpec| party.accessible || !spec.accessible;
                    let none = !specs.iter().filter(inside).any(theirs);
                    assert_eq!(matches!(refusal, Refusal::SoldOut(_)), none, "seed {seed}, step {step}");
                    let (Refusal::SlotTaken(short) | Refusal::AllHeld(short) | Refusal::SoldOut(short)) =
                        refusal
                    else {
                        unreachable!("one of the three")
                    };
                    let scope = short.scope.expect("a search says what it looked through");
                    assert_eq!((scope.venue.as_str(), scope.section), ("hall", section));
                    refused += 1;
                }
                Err(Refusal::NotFound(_)) => assert_eq!(section.as_deref(), Some("s0")),
                Err(other) => panic!("seed {seed}, step {step}: {other:?}"),
            }
        }
    }
    println!("best beside its twin: {held} held, {spread} of them apart, {refused} refused");
    assert!(held > 5_000 && refused > 1_000 && spread > 100);
}
