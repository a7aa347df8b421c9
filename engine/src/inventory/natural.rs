//! The order people expect of seat labels: numbers inside a text count as numbers, so "2" < "10" and "A9" < "A10".

use std::cmp::Ordering;

/// Compares two labels. Equal only if they are the same text: "7" and "07" are in order, but not one seat.
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.as_bytes(), other.as_bytes());
    loop {
        match (left.first(), right.first()) {
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (number, rest) = number(left);
                let (other_number, other_rest) = self::number(right);
                // Without leading zeros, more digits are more.
                let order = number.len().cmp(&other_number.len()).then_with(|| number.cmp(other_number));
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (rest, other_rest);
            }
            (Some(a), Some(b)) if a == b => (left, right) = (&left[1..], &right[1..]),
            (Some(a), Some(b)) => return a.cmp(b),
            (None, None) => return one.cmp(other),
            (none, _) => return if none.is_none() { Ordering::Less } else { Ordering::Greater },
        }
    }
}

/// The digits a text begins with, leading zeros left out, and the rest of it.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|byte| **byte == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_in_the_order_of_the_hall() {
        let in_order = ["", "1", "2", "07", "7", "10", "10a", "10b", "A", "A1", "A9", "A10", "A10-2", "B1"];
        for (place, one) in in_order.iter().enumerate() {
            for (other_place, other) in in_order.iter().enumerate() {
                assert_eq!(compare(one, other), place.cmp(&other_place), "{one} and {other}");
            }
        }
    }
}
