//! A cart or the order it became, as an answer shows it: what the audit compares, line by line.

use std::collections::BTreeMap;

use serde_json::Value;

/// One hold of a cart or line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The slot.
    pub slot: String,
    /// The units.
    pub quantity: u64,
    /// The bundle it is a part of.
    pub bundle: Option<String>,
    /// Whether it was cancelled.
    pub cancelled: bool,
}

/// A cart, or an order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct View {
    /// The state: a cart's word, or once it is an order, the order's.
    pub state: String,
    /// The order, once it is one.
    pub order: Option<String>,
    /// Its lines by hold.
    pub lines: BTreeMap<String, Line>,
}

impl View {
    /// Reads the body of a cart or of an order; `None` if it is neither.
    pub fn of(body: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let mut lines = BTreeMap::new();
        for item in body["items"].as_array()? {
            let line = Line {
                slot: text(&item["slot"])?,
                quantity: item["quantity"].as_u64()?,
                bundle: text(&item["bundle"]),
                cancelled: item["cancelled"].as_bool().unwrap_or(false),
            };
            lines.insert(text(&item["hold"])?, line);
        }
        Some(Self { state: text(&body["state"])?, order: text(&body["order"]), lines })
    }

    /// The same after it was paid.
    pub fn paid(&self, order: String) -> Self {
        Self { state: "confirmed".to_owned(), order: Some(order), lines: self.lines.clone() }
    }

    /// Whether it holds its units for a time.
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// Whether nothing can change it any more, or only a cancellation.
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "expired" | "abandoned" | "ordered") || self.order.is_some()
    }

    /// Slots with the units held there.
    pub fn held(&self) -> impl Iterator<Item = (&str, u64)> {
        let open = self.is_open();
        self.lines.values().filter(move |_| open).map(|line| (line.slot.as_str(), line.quantity))
    }

    /// Slots with the units sold there.
    pub fn sold(&self) -> impl Iterator<Item = (&str, u64)> {
        let ordered = self.order.is_some();
        let live = self.lines.values().filter(move |line| ordered && !line.cancelled);
        live.map(|line| (line.slot.as_str(), line.quantity))
    }

    /// For words: state, order and lines in short.
    pub fn words(&self) -> String {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|(hold, line)| {
                let cancelled = if line.cancelled { " cancelled" } else { "" };
                format!("{hold}={}x{}{cancelled}", line.quantity, line.slot)
            })
            .collect();
        format!("{} {} [{}]", self.state, self.order.as_deref().unwrap_or("-"), lines.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_held_by_open_carts_and_sold_by_lines_that_stand() {
        let cart = serde_json::json!({"cart": "c", "state": "open", "items": [
            {"hold": "h.0", "bundle": null, "slot": "a", "quantity": 2},
            {"hold": "h.1", "bundle": "b.1", "slot": "b", "quantity": 1}]});
        let open = View::of(&cart).unwrap();
        assert_eq!(open.held().collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        assert_eq!(open.sold().count(), 0);
        let mut order = open.paid("o".into());
        order.lines.get_mut("h.0").unwrap().cancelled = true;
        assert_eq!(order.held().count(), 0);
        assert_eq!(order.sold().collect::<Vec<_>>(), [("b", 1)]);
        assert!(order.is_final() && !open.is_final());
        assert_eq!(View::of(&serde_json::json!({"state": "open"})), None);
    }
}
