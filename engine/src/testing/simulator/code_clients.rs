//! Who makes access codes and who comes with them: an operator who invites in waves and takes some of it back, and people
//! whose code is good, used, of another sale, or none at all.

use crate::codes::{CodeHash, Reserve, WaveTerms};
use crate::digest::mix;
use crate::ids::{CartId, CustomerHash};
use crate::request::{Caller, Notes};
use crate::testing::rng::SimRng;
use crate::time::WallTime;

use super::books::Books;
use super::clients::wants;
use super::code_books::CodeBook;
use super::plan::{ARENA, CENTRES, DOOR, DOSES, LANES, OPERATOR, PAIR, PHONE, SHOW, WEB};
use super::request::{Proved, Request, Taken};

/// How many codes there may be in a run; few, so that the same are asked for again.
const CODES: u64 = 40;

/// The names of waves; few, so that codes are added to one that is there.
const WAVES: u64 = 8;

/// The furthest end of a wave.
const LONGEST_MS: u64 = 90_000;

/// A code by its number. Shards of codes go by the low half, indexes by the high one.
fn code(number: u64) -> CodeHash {
    CodeHash(u128::from(mix(number, 77)) << 64 | u128::from(mix(number, 78)))
}

/// The next thing somebody does with codes. People are `customers`.
pub(super) fn visit(dice: &mut SimRng, customers: u64, books: &Books, wall: WallTime) -> (Caller, Request) {
    let kind = if books.codes.is_empty() { 0 } else { dice.weighted(&[12, 4, 40, 34, 6, 4, 2, 2]) };
    match kind {
        0 => (OPERATOR, make(dice, books, wall)),
        1 => (OPERATOR, revoke(dice, books)),
        2 => open(dice, customers, books),
        3 => (*dice.pick(&[WEB, WEB, OPERATOR]), on_cart(dice, books)),
        4 => (WEB, Request::Join { proof: Proved::Code(some_code(dice, books)), lane: lane(dice) }),
        5 => {
            let code = some_code(dice, books);
            (OPERATOR, Request::ReadCode { sale: sale_of(dice, books, code), code })
        }
        6 => {
            let (sale, page) = (some_sale(dice), if dice.chance(50) { 2 } else { 1_000 });
            let wave = dice.chance(50).then(|| wave_name(dice));
            (OPERATOR, Request::ListCodes { sale, wave, page })
        }
        _ => (OPERATOR, Request::ReadWaves { sale: some_sale(dice) }),
    }
}

fn some_sale(dice: &mut SimRng) -> &'static str {
    dice.pick::<&'static str>(&[DOSES, SHOW, DOOR])
}

fn wave_name(dice: &mut SimRng) -> String {
    format!("w{}", dice.below(WAVES))
}

fn lane(dice: &mut SimRng) -> Option<&'static str> {
    dice.chance(30).then(|| *dice.pick(&LANES))
}

/// A code that was made, mostly one that is still good; seldom one that nobody made.
fn some_code(dice: &mut SimRng, books: &Books) -> CodeHash {
    if books.codes.is_empty() || dice.chance(5) {
        return code(dice.below(CODES));
    }
    let good = |book: &CodeBook| !book.revoked && book.lasts(books.latest);
    let good: Vec<_> = books.codes.iter().filter(|(_, book)| good(book)).map(|(hash, _)| *hash).collect();
    if !good.is_empty() && dice.chance(80) {
        return *dice.pick(&good);
    }
    let known: Vec<_> = books.codes.keys().copied().collect();
    *dice.pick(&known)
}

/// The sale a code is of, seldom another.
fn sale_of(dice: &mut SimRng, books: &Books, code: CodeHash) -> &'static str {
    match books.codes.get(&code) {
        Some(book) if !dice.chance(6) => book.sale,
        _ => some_sale(dice),
    }
}

/// Codes of a wave, new or known, with its terms or with others.
pub(super) fn make(dice: &mut SimRng, books: &Books, wall: WallTime) -> Request {
    let sale = some_sale(dice);
    let name = wave_name(dice);
    let terms = match books.wave(sale, &name) {
        Some(terms) if dice.chance(80) => (**terms).clone(),
        _ => terms(dice, sale, name, wall),
    };
    let (mut codes, least) = (Vec::new(), u64::from(!dice.chance(2)));
    for _ in 0..dice.between(least, 4) {
        let first = dice.below(CODES);
        // Mostly one that nobody has, going round.
        let fresh = |number: &u64| {
            let code = code(number % CODES);
            !books.codes.contains_key(&code) && !codes.contains(&code)
        };
        let mut round = first..first + CODES;
        let number = if dice.chance(90) { round.find(fresh).unwrap_or(first) } else { first };
        codes.push(code(number % CODES));
    }
    Request::MakeCodes { sale, terms: Box::new(terms), codes }
}

fn terms(dice: &mut SimRng, sale: &'static str, name: String, wall: WallTime) -> WaveTerms {
    let after = |span| WallTime(wall.0.saturating_add_unsigned(span));
    let reserve = dice.chance(55).then(|| reserve(dice, sale));
    let many = dice.chance(if reserve.is_some() { 2 } else { 30 });
    let ends = dice.chance(if reserve.is_some() { 98 } else { 25 });
    let venue = |dice: &mut SimRng| match sale {
        DOSES => (*dice.pick(&CENTRES)).to_owned(),
        SHOW => ARENA.to_owned(),
        _ => "gate".to_owned(),
    };
    WaveTerms {
        lane: dice.chance(if sale == DOOR { 40 } else { 2 }).then(|| (*dice.pick(&LANES)).to_owned()),
        channel: dice.chance(12).then(|| (*dice.pick(&["web", "phone", "desk"])).to_owned()),
        venues: if dice.chance(15) { vec![venue(dice)] } else { Vec::new() },
        group: dice.chance(20).then(|| "over-80".to_owned()),
        uses: if many { 2 + u16::try_from(dice.below(2)).unwrap_or(0) } else { 1 },
        valid_from: dice.chance(8).then(|| after(dice.below(20_000))),
        expires_at: ends.then(|| after(dice.below(LONGEST_MS))),
        reserve,
        ..WaveTerms::new(&name)
    }
}

fn reserve(dice: &mut SimRng, sale: &'static str) -> Reserve {
    let quantity = u16::try_from(dice.between(1, 2)).unwrap_or(1);
    let units = |venue: &str, product| Reserve::Units { venue: venue.to_owned(), product, quantity };
    if sale != DOSES {
        return units(if sale == SHOW { ARENA } else { "gate" }, None);
    }
    let centres = [CENTRES[0], CENTRES[0], CENTRES[0], CENTRES[1], CENTRES[1], CENTRES[2]];
    let venue = *dice.pick(&centres);
    if dice.chance(40) {
        let product = *dice.pick(&["first", "second"]);
        return units(venue, dice.chance(60).then(|| product.to_owned()));
    }
    let from = dice.chance(20).then(|| {
        let days = dice.between(1, 3);
        WallTime(super::plan::START.0.saturating_add_unsigned(days * 86_400_000))
    });
    Reserve::Bundle { rule: PAIR.to_owned(), venue: venue.to_owned(), from, to: None }
}

fn revoke(dice: &mut SimRng, books: &Books) -> Request {
    let reason = dice.chance(50).then(|| "a mistake".to_owned());
    if dice.chance(25) {
        let sale = some_sale(dice);
        return Request::RevokeCodes { sale, which: Taken::Wave(wave_name(dice)), reason };
    }
    let first = some_code(dice, books);
    let sale = sale_of(dice, books, first);
    let mut codes = vec![first];
    if dice.chance(40) {
        codes.push(some_code(dice, books));
    }
    Request::RevokeCodes { sale, which: Taken::Codes(codes), reason }
}

fn open(dice: &mut SimRng, customers: u64, books: &Books) -> (Caller, Request) {
    let code = some_code(dice, books);
    let sale = sale_of(dice, books, code);
    let customer = CustomerHash(u128::from(dice.below(customers)) << 64 | u128::from(dice.below(2)));
    let most = if dice.chance(70) { 1 } else { 2 };
    let holds = books.codes.get(&code).is_some_and(|book| !book.units.is_empty());
    let wants =
        if dice.chance(if holds { 60 } else { 3 }) { Vec::new() } else { wants(dice, books, sale, most) };
    // Into the sale with the room hardly anybody comes without a pass.
    let door = sale == DOOR && dice.chance(70);
    let caller = if door { OPERATOR } else { *dice.pick(&[WEB, WEB, WEB, PHONE, OPERATOR]) };
    (caller, Request::Open { sale, customer, wants, notes: Notes::default(), code: Some(code) })
}

/// Somebody goes on with a cart that was made with a code, or with the order it became.
fn on_cart(dice: &mut SimRng, books: &Books) -> Request {
    let carts: Vec<(CartId, &str)> =
        books.codes.values().flat_map(|code| code.carts.iter().map(|cart| (*cart, code.sale))).collect();
    if carts.is_empty() {
        return Request::ReadWaves { sale: some_sale(dice) };
    }
    let (cart, sale) = *dice.pick(&carts);
    let sale = super::plan::known(sale);
    let ordinal = u8::try_from(dice.below(2)).unwrap_or(0);
    match dice.weighted(&[30, 25, 8, 8, 10, 12, 4, 3]) {
        0 => Request::Checkout { cart },
        1 => Request::Cancel { cart, holds: dice.chance(25).then(|| vec![ordinal]) },
        2 => Request::Abandon { cart },
        3 => Request::Extend { cart },
        4 => Request::Release { cart, ordinal },
        5 => match wants(dice, books, sale, 1).pop() {
            Some(want) => Request::Exchange { cart, ordinal, want },
            None => Request::ReadCart { cart },
        },
        6 => Request::Add { cart, wants: wants(dice, books, sale, 1) },
        _ => Request::ReadCart { cart },
    }
}
