//! A shop whose books are compared around every hostile request.

use serde_json::{Value, json};

use super::{Answer, OPERATOR, TestServer, WEB};

/// A shop with two sales, one cart and one order, whose books are compared around every hostile request.
pub struct Shop {
    pub server: TestServer,
    pub cart: String,
    pub order: String,
}

impl Shop {
    pub fn open() -> Self {
        let server = TestServer::start(&[]);
        for (sale, ttl) in [("sh", 600_000), ("hh", 1_000)] {
            let settings = json!({"time_zone": "Europe/Berlin", "hold_ttl_ms": ttl, "hold_max_ms": ttl});
            assert_eq!(
                server.json("PUT", &format!("/v1/sales/{sale}"), OPERATOR, "k", &settings).status,
                201
            );
            let slots = json!({"slots": [
                {"id": format!("{sale}-a"), "venue": "kiel", "starts_at": "2030-04-12T07:05:00Z", "capacity": 4},
                {"id": format!("{sale}-b"), "venue": "kiel", "starts_at": "2030-04-12T07:10:00Z", "capacity": 1}]});
            let path = format!("/v1/sales/{sale}/slots");
            assert_eq!(server.json("POST", &path, OPERATOR, "k", &slots).status, 200);
        }
        let mut shop = Self { server, cart: String::new(), order: String::new() };
        let sold = shop.hold("sh", "first", &json!([{"slot": "sh-a"}]));
        let path = format!("/v1/carts/{}/checkout", text(&sold.value(), "cart"));
        shop.order = text(&shop.server.json("POST", &path, WEB, "pay", &Value::Null).value(), "order");
        shop.cart = text(&shop.hold("sh", "second", &json!([{"slot": "sh-a"}])).value(), "cart");
        shop
    }

    pub fn hold(&self, sale: &str, key: &str, items: &Value) -> Answer {
        let body = json!({"customer": "c-1", "items": items});
        self.server.json("POST", &format!("/v1/sales/{sale}/carts"), WEB, key, &body)
    }

    /// Everything there is to know, without times: they are read off two clocks and may differ by a millisecond.
    pub fn books(&self) -> Vec<Value> {
        let read = |path: &str| {
            let mut body = self.server.get(path, OPERATOR).value();
            without_times(&mut body);
            body
        };
        let paths = ["/v1/sales", "/v1/sales/sh/slots", "/v1/sales/hh/slots", "/v1/sales/sh/orders"];
        let mut books: Vec<Value> = paths.iter().map(|path| read(path)).collect();
        books.push(read(&format!("/v1/carts/{}", self.cart)));
        books.push(read(&format!("/v1/orders/{}", self.order)));
        books
    }

    /// Makes a request that must be refused so, and must not have changed anything.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str, request: impl FnOnce(&TestServer) -> Answer) -> Value {
        let before = self.books();
        let problem = request(&self.server).problem(status, code);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        for (was, is) in before.iter().zip(self.books()) {
            assert_eq!(*was, is, "{status} {code} changed something: {problem}");
        }
        problem
    }

    #[track_caller]
    pub fn refused_body(&self, status: u16, code: &str, path: &str, body: &str) -> Value {
        let headers = [
            ("authorization", "Bearer sk_web"),
            ("idempotency-key", "hostile"),
            ("content-type", "application/json"),
        ];
        self.refused(status, code, |server| server.send("POST", path, &headers, body))
    }
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                !matches!(name.as_str(), "hard_deadline" | "server_time" | "expires_in_ms")
            });
            members.retain(|name, _| !name.ends_with("_at"));
            members.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

pub fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}
