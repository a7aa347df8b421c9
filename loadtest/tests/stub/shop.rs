//! A whole shop in one lock: enough of the contract to run S1 and a sell-out against, and faults that can be switched on.
//! It exists to prove that the audit finds what it is there to find.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Answered, Asked, serve};

/// What the shop does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Capacity is one more than it should be.
    SellsTwice,
    /// Every fifth order is acknowledged and forgotten.
    LosesOrders,
    /// The books keep only the first part of a bundle.
    HalvesBundles,
    /// Sells before the opening.
    OpensEarly,
    /// Does not keep idempotency keys.
    ForgetsKeys,
    /// Every fortieth hold is answered 500.
    Fails,
    /// Does not say of what instant its counts are.
    HidesItsAge,
    /// Tells everybody who wants a cart of a limit.
    RefusesByRule,
    /// Rejects every checkout.
    RejectsPayments,
    /// Takes every slot and keeps all but the last.
    LosesASlot,
    /// Gives those who let it choose a pair of another venue.
    GivesElsewhere,
    /// Gives two units of each part.
    GivesTwoOfEach,
    /// Has an order without units in its books for every fifth that was told.
    InventsOrders,
    /// Says of a payment that is asked for again that it was rejected.
    TakesPaymentsBack,
    /// Answers everybody who looks with the first page it made after the opening.
    KeepsItsPage,
    /// Shows no rows to who asks for a product.
    ShowsNothing,
    /// Says of the first venue that it is sold out, whatever is left there.
    SaysSoldOut,
    /// Does not know the key of the phone desk.
    ForgetsThePhone,
}

#[derive(Clone)]
struct Slot {
    venue: String,
    product: String,
    day: String,
    capacity: u64,
    held: u64,
    sold: u64,
}

#[derive(Clone)]
struct Cart {
    slots: Vec<String>,
    state: &'static str,
}

struct Shop {
    fault: Fault,
    opens_at: Option<jiff::Timestamp>,
    created: bool,
    slots: BTreeMap<String, Slot>,
    carts: HashMap<String, Cart>,
    orders: BTreeMap<String, Value>,
    answered: HashMap<String, (u16, Value)>,
    asked: u64,
    /// The page of `Fault::KeepsItsPage`.
    page: Option<Value>,
}

/// Opens a shop; gives back its URL.
pub fn open(fault: Fault) -> String {
    open_with(fault, &[])
}

/// Opens a shop that takes its time over every answer.
pub fn open_slow(fault: Fault, pause: Duration) -> String {
    open_as(fault, &[], pause)
}

/// Opens a shop whose sale exists and has these slots: id and capacity.
pub fn open_with(fault: Fault, slots: &[(&str, u64)]) -> String {
    open_as(fault, slots, Duration::ZERO)
}

fn open_as(fault: Fault, slots: &[(&str, u64)], pause: Duration) -> String {
    let slot = |capacity| Slot {
        venue: "v".into(),
        product: "p".into(),
        day: "2021-03-01".into(),
        capacity,
        held: 0,
        sold: 0,
    };
    let shop = Mutex::new(Shop {
        fault,
        opens_at: None,
        created: !slots.is_empty(),
        slots: slots.iter().map(|(id, capacity)| ((*id).to_owned(), slot(*capacity))).collect(),
        carts: HashMap::new(),
        orders: BTreeMap::new(),
        answered: HashMap::new(),
        asked: 0,
        page: None,
    });
    serve(move |asked| {
        let (status, body) = shop.lock().unwrap().answer(&asked);
        async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            write(status, &body)
        }
    })
}

fn write(status: u16, body: &Value) -> Answered {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert("etag", "\"1\"".parse().unwrap());
    response
}

fn problem(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"status": status, "code": code, "detail": "as the stub says", "title": code}))
}

impl Shop {
    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        if let Some(kept) = asked.once.as_ref().and_then(|key| self.answered.get(key)) {
            let mut kept = kept.clone();
            if self.fault == Fault::TakesPaymentsBack && asked.path.ends_with("checkout") {
                kept.1 = json!({"checkout": kept.1["checkout"], "state": "rejected"});
            }
            return kept;
        }
        let answer = self.decide(asked);
        if let (Some(key), true) = (&asked.once, answer.0 < 400 && self.fault != Fault::ForgetsKeys) {
            self.answered.insert(key.clone(), answer.clone());
        }
        answer
    }

    fn decide(&mut self, asked: &Asked) -> (u16, Value) {
        if self.fault == Fault::ForgetsThePhone && asked.key.as_deref() == Some("Bearer sk_phone") {
            return problem(401, "credentials");
        }
        let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("PUT", ["v1", "sales", _]) if self.created => problem(428, "if-match-required"),
            ("PUT" | "PATCH", ["v1", "sales", _]) => self.settings(asked),
            ("GET", ["v1", "sales", _]) => (200, json!({})),
            ("POST", ["v1", "sales", _, "slots"]) => self.load(asked),
            ("GET", ["v1", "sales", _, "slots"]) => (200, json!({"items": self.slot_rows(), "next": null})),
            ("GET", ["v1", "sales", _, "availability"]) => self.page_of_counts(asked),
            ("GET", ["v1", "sales", _, "bundles"]) => self.bundles(asked),
            ("GET", ["v1", "sales", _, "orders"]) => self.page_of_orders(asked),
            ("POST", ["v1", "sales", _, "carts"]) => self.hold(asked),
            ("POST", ["v1", "carts", cart, "checkout"]) => self.checkout(cart),
            ("DELETE", ["v1", "carts", cart]) => self.give_back(cart),
            ("GET", ["v1", "carts", cart]) => match self.carts.get(*cart) {
                Some(found) => (200, json!({"cart": cart, "state": found.state, "items": []})),
                None => problem(404, "not-found"),
            },
            _ => problem(404, "not-found"),
        }
    }

    fn settings(&mut self, asked: &Asked) -> (u16, Value) {
        let status = if self.created { 200 } else { 201 };
        self.created = true;
        let settings: Value = serde_json::from_slice(&asked.body).unwrap();
        self.opens_at = Some(settings["opens_at"].as_str().unwrap().parse().unwrap());
        (status, settings)
    }

    fn load(&mut self, asked: &Asked) -> (u16, Value) {
        let text = std::str::from_utf8(&asked.body).unwrap();
        let mut added = 0;
        for line in text.lines() {
            let slot: Value = serde_json::from_str(line).unwrap();
            let word = |name: &str| slot[name].as_str().unwrap().to_owned();
            let new = Slot {
                venue: word("venue"),
                product: word("product"),
                day: word("starts_at")[..10].to_owned(),
                capacity: slot["capacity"].as_u64().unwrap(),
                held: 0,
                sold: 0,
            };
            self.slots.insert(word("id"), new);
            added += 1;
        }
        if self.fault == Fault::LosesASlot {
            self.slots.pop_last();
        }
        let counts =
            json!({"added": added, "updated": 0, "unchanged": 0, "rejected_count": 0, "rejected": []});
        (200, counts)
    }

    fn capacity(&self, slot: &Slot) -> u64 {
        slot.capacity + u64::from(self.fault == Fault::SellsTwice)
    }

    fn free(&self, slot: &Slot) -> u64 {
        self.capacity(slot).saturating_sub(slot.held + slot.sold)
    }

    fn slot_rows(&self) -> Vec<Value> {
        let row = |(id, slot): (&String, &Slot)| {
            json!({"id": id, "venue": slot.venue, "product": slot.product, "capacity": slot.capacity,
                "free": self.free(slot), "state": "available"})
        };
        self.slots.iter().map(row).collect()
    }

    /// The counts as a fault shows them; whoever asks for all products is the audit.
    fn page_of_counts(&mut self, asked: &Asked) -> (u16, Value) {
        let (status, mut page) = self.availability(asked);
        if !asked.query.contains("product=") || self.closed() {
            return (status, page);
        }
        match self.fault {
            Fault::ShowsNothing => page["items"] = json!([]),
            Fault::KeepsItsPage => page = self.page.get_or_insert(page).clone(),
            Fault::SaysSoldOut => {
                let row = &mut page["items"][0];
                (row["free"], row["held"], row["sold"]) = (json!(0), json!(0), row["capacity"].clone());
                row["state"] = json!("sold_out");
            }
            _ => {}
        }
        (status, page)
    }

    fn availability(&self, asked: &Asked) -> (u16, Value) {
        let product = asked.query.split('&').find_map(|pair| pair.strip_prefix("product="));
        let mut rows: BTreeMap<(&str, &str), [u64; 3]> = BTreeMap::new();
        for slot in self.slots.values().filter(|slot| product.is_none_or(|product| slot.product == product)) {
            let row = rows.entry((&slot.venue, &slot.day)).or_default();
            *row = [row[0] + self.capacity(slot), row[1] + slot.held, row[2] + slot.sold];
        }
        let closed = self.closed();
        let items: Vec<Value> = rows
            .into_iter()
            .map(|((venue, day), [capacity, held, sold])| {
                let free = capacity - held - sold;
                let state = match (closed, free, held) {
                    (true, _, _) => "closed",
                    (_, 0, 0) => "sold_out",
                    (_, 0, _) => "all_held",
                    _ => "available",
                };
                json!({"venue": venue, "day": day, "capacity": capacity, "free": free, "held": held, "sold": sold,
                    "blocked": 0, "state": state})
            })
            .collect();
        let now = jiff::Timestamp::now().to_string();
        match self.fault {
            Fault::HidesItsAge => (200, json!({"items": items, "server_time": now})),
            _ => (200, json!({"items": items, "as_of": now, "server_time": now})),
        }
    }

    fn bundles(&self, asked: &Asked) -> (u16, Value) {
        let venue = asked.query.split('&').find_map(|pair| pair.strip_prefix("venue=")).unwrap();
        let pairs = self.free_pairs(venue, 20);
        let items: Vec<Value> =
            pairs.into_iter().map(|slots| json!({"venue": venue, "slots": slots})).collect();
        let now = jiff::Timestamp::now().to_string();
        (200, json!({"items": items, "as_of": now, "server_time": now}))
    }

    fn free_pairs(&self, venue: &str, limit: usize) -> Vec<Vec<String>> {
        let of = |product: &str| -> Vec<String> {
            let free = self
                .slots
                .iter()
                .filter(|(_, slot)| slot.venue == venue && slot.product == product && self.free(slot) > 0);
            free.map(|(id, _)| id.clone()).collect()
        };
        let seconds = of("dose2");
        let all = of("dose1").into_iter();
        all.flat_map(|first| seconds.iter().map(move |second| vec![first.clone(), second.clone()]))
            .take(limit)
            .collect()
    }

    /// A pair at this venue, or where the fault has it.
    fn pair_at(&self, venue: &str) -> Option<Vec<String>> {
        let elsewhere = match self.fault {
            Fault::GivesElsewhere => self.slots.values().find(|slot| slot.venue != venue),
            _ => None,
        };
        self.free_pairs(elsewhere.map_or(venue, |slot| &slot.venue), 1).pop()
    }

    fn closed(&self) -> bool {
        self.opens_at.is_some_and(|at| jiff::Timestamp::now() < at)
    }

    fn hold(&mut self, asked: &Asked) -> (u16, Value) {
        if self.closed() && self.fault != Fault::OpensEarly {
            return problem(422, "sale-closed");
        }
        self.asked += 1;
        if self.fault == Fault::Fails && self.asked.is_multiple_of(40) {
            return problem(500, "oops");
        }
        if self.fault == Fault::RefusesByRule {
            return problem(422, "limit-reached");
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let item = &body["items"][0];
        let slots = match (item["slot"].as_str(), &item["bundle"]) {
            (Some(slot), _) => vec![slot.to_owned()],
            (None, bundle) => match bundle["slots"].as_array() {
                Some(named) => named.iter().map(|slot| slot.as_str().unwrap().to_owned()).collect(),
                None => match self.pair_at(bundle["venue"].as_str().unwrap()) {
                    Some(pair) => pair,
                    None => return problem(409, "all-held"),
                },
            },
        };
        if slots.iter().any(|slot| self.free(&self.slots[slot]) == 0) {
            return problem(409, "slot-taken");
        }
        slots.iter().for_each(|slot| self.slots.get_mut(slot).unwrap().held += 1);
        let cart = format!("cart_{}", self.asked);
        let now = jiff::Timestamp::now().to_string();
        let mut answer = json!({"cart": cart, "state": "open", "items": lines(&slots), "server_time": now});
        if self.fault == Fault::GivesTwoOfEach {
            answer["items"].as_array_mut().unwrap().iter_mut().for_each(|line| line["quantity"] = json!(2));
        }
        self.carts.insert(cart, Cart { slots, state: "open" });
        (201, answer)
    }

    fn checkout(&mut self, cart: &str) -> (u16, Value) {
        let Some(found) = self.carts.get_mut(cart) else { return problem(404, "not-found") };
        if found.state != "open" {
            return problem(409, "cart-not-open");
        }
        if self.fault == Fault::RejectsPayments {
            return (201, json!({"checkout": format!("co_{cart}"), "state": "rejected"}));
        }
        found.state = "ordered";
        let mut slots = found.slots.clone();
        for slot in &slots {
            let slot = self.slots.get_mut(slot).unwrap();
            slot.held -= 1;
            slot.sold += 1;
        }
        let order = format!("order_{cart}");
        if self.fault == Fault::HalvesBundles {
            slots.truncate(1);
        }
        if self.fault == Fault::InventsOrders && self.orders.len() % 5 == 4 {
            let row = json!({"order": format!("extra_{cart}"), "state": "confirmed", "items": []});
            self.orders.insert(format!("extra_{cart}"), row);
        }
        if self.fault != Fault::LosesOrders || self.orders.len() % 5 != 4 {
            let row = json!({"order": order, "state": "confirmed", "items": lines(&slots)});
            self.orders.insert(order.clone(), row);
        } else {
            // The next one is kept again: only the count of kept orders moves on.
            self.orders.insert("order_of_nobody".into(), json!({"order": "x", "state": "cancelled"}));
        }
        (201, json!({"checkout": format!("co_{cart}"), "state": "confirmed", "order": order}))
    }

    fn give_back(&mut self, cart: &str) -> (u16, Value) {
        let Some(found) = self.carts.get_mut(cart) else { return problem(404, "not-found") };
        found.state = "abandoned";
        for slot in found.slots.clone() {
            self.slots.get_mut(&slot).unwrap().held -= 1;
        }
        (200, json!({"cart": cart, "state": "abandoned", "items": []}))
    }

    /// Three orders a page, so that reading page by page is tested too.
    fn page_of_orders(&self, asked: &Asked) -> (u16, Value) {
        let after = asked.query.split('&').find_map(|pair| pair.strip_prefix("after=")).unwrap_or("");
        let rows: Vec<(&String, &Value)> =
            self.orders.iter().filter(|(id, _)| id.as_str() > after).take(4).collect();
        let next = (rows.len() == 4).then(|| rows[2].0);
        let items: Vec<&Value> = rows.iter().take(3).map(|(_, row)| *row).collect();
        (200, json!({"items": items, "next": next}))
    }
}

fn lines(slots: &[String]) -> Vec<Value> {
    let bundle = (slots.len() > 1).then_some("bdl_1");
    let line = |slot| json!({"hold": format!("hold_{slot}"), "bundle": bundle, "slot": slot, "quantity": 1});
    slots.iter().map(line).collect()
}
