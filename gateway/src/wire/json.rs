//! Writing JSON whose shape is known, for the few answers a launch day consists of.
//!
//! serde looks at every character of every name and id to find what must be escaped, although they never have any; on
//! the way of a hold that was a sixth of all instructions. Here the caller says which text is plain. Text that came from
//! a client goes through serde_json as everywhere else.

use onsale_engine::ids::{NumberText, PublicId};
use serde::Serialize;

use super::time::Written;

/// Bytes a cart of two holds needs, and some more. One of two bundles with long names grows once.
const ROOM: usize = 512;

/// Whether text needs no escaping inside JSON.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// One object, from its first field to its last. Whoever begins one ends it.
///
/// Every field ends with a comma, and the end of the object or list takes the place of the last one: so a field is begun by
/// a text that is known when this is compiled, whether it is the first or not.
#[derive(Debug)]
#[must_use = "an object that is not ended is not closed"]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
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

/// Ends what was begun with a bracket, in place of its last comma if it has one.
fn close(out: &mut Vec<u8>, bracket: u8) {
    match out.last_mut() {
        Some(last) if *last == b',' => *last = bracket,
        _ => out.push(bracket),
    }
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out }
    }

    fn end(self) {
        close(self.out, b'}');
    }

    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        debug_assert!(is_plain(name.as_bytes()), "{name}");
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Text that has nothing to escape: ids, times, words of ours.
    #[inline]
    pub fn plain(&mut self, name: &'static str, text: &str) {
        self.ascii(name, text.as_bytes());
    }

    /// The same of bytes that were written by us: nobody asks whether they are text. Put in place, where the name is known:
    /// then its bytes are stored, not copied.
    #[inline(always)]
    pub fn ascii(&mut self, name: &'static str, text: &[u8]) {
        debug_assert!(is_plain(text), "{}", text.escape_ascii());
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\",");
    }

    /// The id of a thing.
    #[inline]
    pub fn id(&mut self, name: &'static str, id: PublicId) {
        self.ascii(name, id.text().as_bytes());
    }

    /// The same of a cart whose number is known as text.
    #[inline]
    pub fn id_with(&mut self, name: &'static str, id: PublicId, number: NumberText) {
        self.ascii(name, id.text_with(number).as_bytes());
    }

    /// Any text.
    pub fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        push_text(self.out, text);
        self.out.push(b',');
    }

    /// A time; null if it cannot be written.
    pub fn time(&mut self, name: &'static str, time: Written) {
        match time.remembered() {
            Some((text, len)) => self.ascii(name, text.get(..len).unwrap_or_default()),
            None => self.null(name),
        }
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, number: u64) {
        self.name(name);
        match u8::try_from(number) {
            // Nearly every quantity.
            Ok(digit @ ..=9) => self.out.push(b'0' + digit),
            _ => self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        }
        self.out.push(b',');
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str, flag: bool) {
        self.name(name);
        self.out.extend_from_slice(if flag { b"true," } else { b"false," });
    }

    /// Nothing.
    pub fn null(&mut self, name: &'static str) {
        self.name(name);
        self.out.extend_from_slice(b"null,");
    }

    /// What is there, written by `write`; null for what is not.
    pub fn perhaps<T>(
        &mut self,
        name: &'static str,
        value: Option<T>,
        write: impl FnOnce(&mut Self, &'static str, T),
    ) {
        match value {
            Some(value) => write(self, name, value),
            None => self.null(name),
        }
    }

    /// An object.
    pub fn object(&mut self, name: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut object = Object::begin(self.out);
        fill(&mut object);
        object.end();
        self.out.push(b',');
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
        for item in items {
            let mut object = Object::begin(self.out);
            fill(&mut object, item);
            object.end();
            self.out.push(b',');
        }
        self.close_list();
    }

    fn close_list(&mut self) {
        close(self.out, b']');
        self.out.push(b',');
    }

    /// A list of any text.
    pub fn texts<'t>(&mut self, name: &'static str, texts: impl IntoIterator<Item = &'t str>) {
        self.name(name);
        self.out.push(b'[');
        for text in texts {
            push_text(self.out, text);
            self.out.push(b',');
        }
        self.close_list();
    }

    /// Anything serde can write, for what is rare.
    pub fn value(&mut self, name: &'static str, value: &impl Serialize) {
        self.name(name);
        // Our own types always serialise, and writing into memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, value);
        self.out.push(b',');
    }

    /// Pairs of any text.
    pub fn pairs<'t>(&mut self, name: &'static str, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) {
        self.name(name);
        self.out.push(b'{');
        for (key, value) in pairs {
            push_text(self.out, key);
            self.out.push(b':');
            push_text(self.out, value);
            self.out.push(b',');
        }
        close(self.out, b'}');
        self.out.push(b',');
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
            object.perhaps("no", None, Object::number);
            object.perhaps("some", Some(3), Object::number);
            object.object("inner", |inner| inner.number("n", 1));
            object.object("void", |_| {});
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
                "none": null, "no": null, "some": 3, "inner": {"n": 1}, "void": {}, "at": "1970-01-01T00:00:01.5Z", "never": null, "pairs": {"a\"": "1", "b": "\u{7f}"},
                "texts": ["a", "b\n"], "value": [1, null], "items": [{"n": 1}, {"n": 2}], "empty": []})
        );
        assert_eq!(document(|_| {}), b"{}");
        assert_eq!(document(|object| object.pairs("none", [])), br#"{"none":{}}"#);
    }
}
