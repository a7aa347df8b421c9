//! A desk that sells to who was invited.

#![allow(dead_code, reason = "each test uses its part")]

use onsale_engine::codes::{CodeHash, Reserve, WaveTerms};
use onsale_engine::decide::{CodeView, CodesMadeView, MakeCodes, RevokeCodes, Revoked, Which};
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::{Answer, CartView};
use onsale_engine::request::{Notes, OpenCart, Want};
use onsale_engine::sale::{BundleRule, ProductRule, SaleRules};
use onsale_engine::testing::desk::{Desk, SHOP, START_MS};
use onsale_engine::time::WallTime;

pub const SHARDS: u8 = 4;
pub const HOUR: u64 = 3_600_000;

/// The desk.
pub struct Booth {
    pub desk: Desk,
}

pub fn code(number: u64) -> CodeHash {
    let spread = u128::from(onsale_engine::digest::mix(number, 7));
    CodeHash(spread << 64 | spread ^ u128::from(number))
}

pub fn terms(name: &str) -> WaveTerms {
    WaveTerms::new(name)
}

pub fn units(venue: &str, product: Option<&str>, quantity: u16) -> Reserve {
    Reserve::Units { venue: venue.into(), product: product.map(str::to_owned), quantity }
}

const DAY_MS: u64 = 86_400_000;

impl Booth {
    /// `a` and `c` at the hall and `b` at the park, so many units each, and a few pairs at the clinic.
    pub fn new(capacity: u32) -> Self {
        let booth = Self { desk: Desk::new(SHARDS) };
        booth.desk.sale(booth.rules());
        let dose = |id: &str, day: u64, product: &str, units| SlotSpec {
            starts_at: Some(WallTime((START_MS + (30 + day) * DAY_MS).cast_signed())),
            product: Some(product.into()),
            ..SlotSpec::new(id, "clinic", units)
        };
        booth.desk.slots(
            "day",
            &[
                SlotSpec::new("a", "hall", capacity),
                SlotSpec::new("b", "park", capacity),
                SlotSpec::new("c", "hall", capacity),
                dose("d1-0", 0, "dose1", 2),
                dose("d1-1", 1, "dose1", 2),
                dose("d2-21", 21, "dose2", 1),
                dose("d2-22", 22, "dose2", 2),
            ],
        );
        booth
    }

    pub fn rules(&self) -> SaleRules {
        let product = |name: &str| ProductRule { name: name.into(), sold_only_in: Some("two-doses".into()) };
        SaleRules {
            bundles: vec![BundleRule {
                name: "two-doses".into(),
                parts: vec!["dose1".into(), "dose2".into()],
                same_venue: true,
                gap_days: Some((21, 22)),
                cancel_parts: false,
            }],
            products: vec![product("dose1"), product("dose2")],
            ..SaleRules::new("day", "UTC")
        }
    }

    /// Terms of a wave that reserves until an hour after the start.
    pub fn reserving(&self, name: &str, reserve: Reserve) -> WaveTerms {
        let expires_at = Some(WallTime((START_MS + HOUR).cast_signed()));
        WaveTerms { expires_at, reserve: Some(reserve), ..WaveTerms::new(name) }
    }

    pub fn make(&self, terms: &WaveTerms, codes: &[CodeHash]) -> Answer<CodesMadeView> {
        let request = MakeCodes { sale: "day", terms: terms.clone(), codes, key: None, credential: 1 };
        self.desk.core.make_codes(self.desk.now(), &request)
    }

    pub fn revoke(&self, which: Which<'_>) -> Answer<Revoked> {
        let request = RevokeCodes { sale: "day", which, reason: None, key: None, credential: 1 };
        self.desk.core.revoke_codes(self.desk.now(), &request)
    }

    pub fn open(&mut self, code: CodeHash, wants: &[Want]) -> Answer<CartView> {
        let key = self.desk.key();
        self.desk.core.open_cart(
            self.desk.now(),
            &OpenCart {
                caller: SHOP,
                key,
                sale: "day",
                customer: CustomerHash(code.0 ^ 1),
                wants,
                notes: Notes::default(),
                code: Some(code),
            },
        )
    }

    pub fn view(&self, code: CodeHash) -> CodeView {
        self.desk.core.code(self.desk.now(), "day", code).result.unwrap()
    }

    /// Capacity, held and sold of a slot.
    pub fn counts(&self, slot: &str) -> (u64, u64, u64) {
        let counts = self.desk.core.slot(self.desk.now(), "day", slot).result.unwrap().counts;
        (counts.capacity, counts.held, counts.sold)
    }

    pub fn check(&self) {
        onsale_engine::invariants::check(&self.desk.core.state, self.desk.now().engine)
            .unwrap_or_else(|broken| panic!("{broken}"));
    }
}
