//! An object where an object is meant, and nothing else.
//!
//! What serde derives for a struct also takes a list of its fields, in the order they are declared in: formats that write no names
//! need it. In JSON nobody means that: `[null]` would cancel a whole order and `[]` pay for a cart, and what a list says would change
//! with the order of our fields. serde has no switch for it, so everything is read through [`Objects`], which asks for a map
//! wherever a struct is read, at any depth. Likewise a word is a word: serde would take `{"pause": null}` for `"pause"`.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// Wraps a deserializer, and on its way down whatever leads to another one.
#[derive(Debug)]
pub struct Objects<T>(pub T);

macro_rules! forward {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Objects(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_f32 deserialize_f64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_option deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Objects(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Word(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Objects(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Objects(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Objects(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Objects(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident: $kind:ty,)*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

/// Enums need nothing here: a word is read, and never leads further down.
impl<'de, V: Visitor<'de>> Visitor<'de> for Objects<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool: bool,
        visit_char: char,
        visit_i8: i8,
        visit_i16: i16,
        visit_i32: i32,
        visit_i64: i64,
        visit_i128: i128,
        visit_u8: u8,
        visit_u16: u16,
        visit_u32: u32,
        visit_u64: u64,
        visit_u128: u128,
        visit_f32: f32,
        visit_f64: f64,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String,
        visit_bytes: &[u8],
        visit_borrowed_bytes: &'de [u8],
        visit_byte_buf: Vec<u8>,
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Objects(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Objects(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Objects(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(map))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    /// A name leads nowhere.
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

/// An enum, of which only the word is written.
struct Word<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Word<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<V::Value, E> {
        let word: StrDeserializer<'_, E> = word.into_deserializer();
        self.0.visit_enum(word)
    }
}

#[cfg(test)]
mod tests {
    use crate::problem::Code;
    use crate::wire::access_code::{CodeLine, CodesInput, RevokeInput};
    use crate::wire::cart::{CartInput, EmptyInput, ExchangeInput, MoreInput};
    use crate::wire::line::{AdmitInput, JoinInput, LineInput};
    use crate::wire::order::CancelInput;
    use crate::wire::read;
    use crate::wire::sale::Settings;
    use crate::wire::slot::SlotInput;
    use crate::wire::slot_input::{SlotChangeInput, SlotsInput};
    use serde::Deserialize;

    #[track_caller]
    fn refused<'a, T: Deserialize<'a>>(body: &'a str, place: &str) {
        let problem = read::json::<T>(body.as_bytes()).err().unwrap_or_else(|| panic!("{body} was taken"));
        assert_eq!(problem.code(), Some(Code::Malformed), "{body}: {}", problem.detail());
        let told = problem.detail();
        assert!(told.contains("invalid type") && told.contains(place), "{body}: {told}");
    }

    /// Each body would be taken if a list could stand for an object.
    #[test]
    fn a_list_is_no_object_whatever_is_read() {
        refused::<EmptyInput>("[]", "");
        refused::<CancelInput>("[null]", "");
        refused::<MoreInput>(r#"[[{"slot":"f"}]]"#, "");
        refused::<MoreInput>(r#"{"items":[["f",1,null,null]]}"#, "`items[0]`");
        refused::<ExchangeInput>(r#"{"item":["f",1,null,null]}"#, "`item`");
        refused::<CartInput<'_>>(r#"["c",[{"slot":"f"}],null,null,{}]"#, "");
        let best = r#"{"customer":"c","items":[{"slot":"f"},{"best":["v",null,1,false,false,false]}]}"#;
        refused::<CartInput<'_>>(best, "`items[1].best`");
        let bundle = r#"{"customer":"c","items":[{"bundle":["r",["a","b"],null,null,null]}]}"#;
        refused::<CartInput<'_>>(bundle, "`items[0].bundle`");
        refused::<SlotChangeInput>("[10,null,null]", "");
        refused::<SlotsInput>("[[]]", "");
        let slot = r#"["a","v",null,null,null,1,null,null,null,null,null,null,false,{}]"#;
        refused::<SlotInput>(slot, "");
        refused::<SlotsInput>(&format!(r#"{{"slots":[{slot}]}}"#), "`slots[0]`");
        refused::<AdmitInput>("[1,null]", "");
        refused::<JoinInput>("[null,null,null,null,null]", "");
        refused::<LineInput>(r#"["pause",null,null,null,null,null,null,null]"#, "");
        refused::<CodesInput>(r#"["w",null,1,null,null,[],null,null,null,null,null]"#, "");
        refused::<CodesInput>(r#"{"wave":"w","count":1,"reserve":["v",null,1,null,null,null]}"#, "`reserve`");
        refused::<CodeLine>(r#"["BREMEN-00001"]"#, "");
        refused::<RevokeInput>(r#"["w",null,null]"#, "");
    }

    #[test]
    fn no_setting_is_a_list_of_its_parts() {
        for (setting, place) in [
            (r#""limit_per_customer":[2,1]"#, "limit_per_customer"),
            (r#""few":[5,5]"#, "few"),
            (r#""checkout":["instant"]"#, "checkout"),
            (r#""bundles":{"b":[["x","y"],null,null,false]}"#, "bundles.b"),
            (r#""products":{"x":[null]}"#, "products.x"),
            (r#""venues":{"kiel":["UTC"]}"#, "venues.kiel"),
            (r#""waiting_room":{"enabled":true,"lanes":[["a",1,false]]}"#, "waiting_room.lanes[0]"),
            (r#""waiting_room":{"enabled":true,"brake":[1,null,null]}"#, "waiting_room.brake"),
            (r#""waiting_room":{"enabled":true,"switch_on":[1]}"#, "waiting_room.switch_on"),
        ] {
            let body = format!(r#"{{"time_zone":"UTC",{setting}}}"#);
            refused::<Settings>(&body, place);
            // The way of a merged change.
            let merged = serde_json::from_str(&body).unwrap();
            let problem = read::value::<Settings>(merged).unwrap_err();
            assert_eq!(problem.code(), Some(Code::Malformed), "{body}: {}", problem.detail());
            assert!(problem.detail().contains(place), "{body}: {}", problem.detail());
        }
    }

    #[test]
    fn what_is_a_list_stays_one_and_a_word_is_a_word() {
        let bundles = r#"{"bundles":{"b":{"parts":["x","y"],"gap_days":[21,28]}}}"#;
        let settings = read::json::<Settings>(bundles.as_bytes()).unwrap();
        assert_eq!(settings.bundles.unwrap()["b"].gap_days, Some((21, 28)));
        assert!(read::json::<LineInput>(br#"{"mode":"pause"}"#).is_ok());
        refused::<LineInput>(r#"{"mode":{"pause":null}}"#, "`mode`");
        refused::<LineInput>(r#"{"mode":5}"#, "`mode`");
        let unknown = read::json::<LineInput>(br#"{"mode":"stop"}"#).unwrap_err();
        assert!(unknown.detail().contains("`pass_through`"), "{}", unknown.detail());
    }
}
