//! From a [`Node`] to a type, by serde; an error has the place of the value or of the key that is wrong.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::DeclarationError;
use super::node::{Key, Node, NodeValue};

type Result<T> = std::result::Result<T, DeclarationError>;

impl Node {
    /// The value as a type.
    ///
    /// # Errors
    /// [`DeclarationError`] with the place of what the type does not take.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(self)
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DeclarationError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let outcome = match &self.value {
            NodeValue::Null => visitor.visit_unit(),
            NodeValue::Bool(value) => visitor.visit_bool(*value),
            NodeValue::Integer(value) => visitor.visit_i64(*value),
            NodeValue::Float(value) => visitor.visit_f64(*value),
            NodeValue::Text(value) => visitor.visit_borrowed_str(value),
            NodeValue::List(items) => visitor.visit_seq(Items(items.iter())),
            NodeValue::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        };
        outcome.map_err(|error| error.or_at(&self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.value {
            NodeValue::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self).map_err(|error| error.or_at(&self.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let outcome = match &self.value {
            NodeValue::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            NodeValue::Map(entries) if entries.len() == 1 => visitor.visit_enum(Variant(&entries[0])),
            _ => Err(DeclarationError::new("one word belongs here", "`parados schema infra` prints which")),
        };
        outcome.map_err(|error| error.or_at(&self.place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DeclarationError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.0.next().map(|node| seed.deserialize(node).map_err(|error| error.or_at(&node.place))).transpose()
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DeclarationError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let text: StrDeserializer<'_, DeclarationError> = key.text.as_str().into_deserializer();
        seed.deserialize(text).map(Some).map_err(|error| error.or_at(&key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let node = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(node).map_err(|error| error.or_at(&node.place))
    }
}

struct Variant<'de>(&'de (Key, Node));

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DeclarationError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let text: StrDeserializer<'_, DeclarationError> = self.0.0.text.as_str().into_deserializer();
        Ok((seed.deserialize(text).map_err(|error| error.or_at(&self.0.0.place))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DeclarationError;

    fn unit_variant(self) -> Result<()> {
        Err(DeclarationError::at(&self.0.1.place, "one word belongs here", "take the value out"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(&self.0.1)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.0.1.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.0.1.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        name: String,
        #[serde(default)]
        days: Option<u32>,
        #[serde(default)]
        color: Option<Color>,
        #[serde(default)]
        inner: Vec<Thing>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
        Blue,
    }

    fn wrong(text: &str) -> (u64, u64, String, String) {
        let error = Node::parse(text, "f").unwrap().typed::<Thing>().unwrap_err();
        let place = error.place.unwrap();
        (place.line, place.column, error.message, error.hint)
    }

    #[test]
    fn what_is_right_becomes_typed() {
        let thing: Thing =
            Node::parse("name: a\ncolor: red\ninner:\n- {name: b, days: 7}", "f").unwrap().typed().unwrap();
        assert_eq!((thing.color, thing.inner[0].days), (Some(Color::Red), Some(7)));
    }

    #[test]
    fn what_is_wrong_has_its_place_and_what_to_write() {
        assert_eq!(wrong("name: a\ndayz: 7"), (2, 1, "unknown key `dayz`".into(), "did you mean `days`?".into()));
        let (line, column, message, hint) = wrong("name: a\ninner:\n- days: 7");
        assert_eq!((line, column, message.as_str()), (3, 3, "the key `name` is missing"), "{hint}");
        let (line, column, message, hint) = wrong("name: 123");
        assert_eq!((line, column), (1, 7), "{message}");
        assert!(message.contains("expected a string") && hint.contains("quotes"), "{message} {hint}");
        let (line, column, message, hint) = wrong("name: a\ncolor: blu");
        assert_eq!(
            (line, column, message.as_str(), hint.as_str()),
            (2, 8, "unknown value `blu`", "did you mean `blue`?")
        );
        let (line, column, _, _) = wrong("name: a\ndays: -1");
        assert_eq!((line, column), (2, 7));
    }
}
