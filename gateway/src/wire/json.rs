//! Writing JSON whose shape is known, for the few answers a launch day consists of.
//!
//! serde looks at every character of every name and id to find what must be escaped, although they never have any; on
//! the way of a hold that was a sixth of all instructions. Here the caller says which text is plain. Text that came from
//! a client goes through serde_json as everywhere else.

use serde::Serialize;

use super::time::Written;

/// Bytes a cart of two holds needs, and some more.
const ROOM: usize = 768;

/// Whether text needs no escaping inside JSON.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// One object, from its first field to its last. Whoever begins one ends it.
#[derive(Debug)]
#[must_use = "an object that is not ended is not closed"]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

/// A document that is one object.
#[must_use]
pub fn document(fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(ROOM);
    let mut object = Object::begin(&mut out);
    fill(&mut object);
    object.end();
    out
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn end(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(is_plain(name), "{name}");
        self.out.extend_from_slice(if self.empty { b"\"" } else { b",\"" });
        self.empty = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Text that has nothing to escape: ids, times, words of ours.
    pub fn plain(&mut self, name: &'static str, text: &str) {
        debug_assert!(is_plain(text), "{text}");
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// Any text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        push_text(self.out, text);
    }

    /// A time; null if it cannot be written.
    pub fn time(&mut self, name: &'static str, time: Written) {
        match time.text(&mut [0; Written::LONGEST]) {
            Some(text) => self.plain(name, text),
            None => self.null(name),
        }
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, number: u64) {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str, flag: bool) {
        self.name(name);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// Nothing.
    pub fn null(&mut self, name: &'static str) {
        self.name(name);
        self.out.extend_from_slice(b"null");
    }

    /// A list of objects.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Object<'_>, T),
    ) {
        self.name(name);
        self.out.push(b'[');
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            let mut object = Object::begin(self.out);
            fill(&mut object, item);
            object.end();
        }
        self.out.push(b']');
    }

    /// A list of any text.
    pub fn texts<'t>(&mut self, name: &'static str, texts: impl IntoIterator<Item = &'t str>) {
        self.name(name);
        self.out.push(b'[');
        for (place, text) in texts.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            push_text(self.out, text);
        }
        self.out.push(b']');
    }

    /// Anything serde can write, for what is rare.
    pub fn value(&mut self, name: &'static str, value: &impl Serialize) {
        self.name(name);
        // Our own types always serialise, and writing into memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, value);
    }

    /// Pairs of any text.
    pub fn pairs<'t>(&mut self, name: &'static str, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) {
        self.name(name);
        self.out.push(b'{');
        for (place, (key, value)) in pairs.into_iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            push_text(self.out, key);
            self.out.push(b':');
            push_text(self.out, value);
        }
        self.out.push(b'}');
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::time::WallTime;

    #[test]
    fn every_kind_of_field_is_read_back() {
        let bytes = document(|object| {
            object.plain("id", "cart_1");
            object.text("free", "a \"quoted\" \\ line\nand \u{fc}");
            object.number("most", u64::MAX);
            object.flag("yes", true);
            object.null("none");
            object.time("at", Written(WallTime(1_500)));
            object.time("never", Written(WallTime(i64::MAX)));
            object.pairs("pairs", [("a\"", "1"), ("b", "\u{7f}")]);
            object.list("items", [1, 2], |object, number| object.number("n", number));
            object.texts("texts", ["a", "b\n"]);
            object.value("value", &vec![Some(1), None]);
            object.list("empty", std::iter::empty::<()>(), |_, ()| {});
        });
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"id": "cart_1", "free": "a \"quoted\" \\ line\nand \u{fc}", "most": u64::MAX, "yes": true,
                "none": null, "at": "1970-01-01T00:00:01.5Z", "never": null, "pairs": {"a\"": "1", "b": "\u{7f}"},
                "texts": ["a", "b\n"], "value": [1, null], "items": [{"n": 1}, {"n": 2}], "empty": []})
        );
        assert_eq!(document(|_| {}), b"{}");
    }
}
