//! Reads JSON into a request, with AWS's words for what does not fit. Nothing of the request is repeated in them: it may be a secret.

use std::fmt;
use std::marker::PhantomData;

use parados_parameter::Secret;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What can be the value of a member.
pub(crate) trait Read<'de>: Sized {
    /// What it is called in AWS's messages.
    const NOUN: &'static str;

    fn from_text<E: Error>(_: &str) -> Result<Self, E> {
        Err(mismatch("STRING_VALUE", Self::NOUN))
    }

    fn from_owned_text<E: Error>(text: String) -> Result<Self, E> {
        Self::from_text(&text)
    }

    fn from_number<E: Error>(_: i64) -> Result<Self, E> {
        Err(mismatch("NUMBER_VALUE", Self::NOUN))
    }

    fn from_boolean<E: Error>(is: bool) -> Result<Self, E> {
        Err(mismatch(if is { "TRUE_VALUE" } else { "FALSE_VALUE" }, Self::NOUN))
    }

    fn from_list<A: SeqAccess<'de>>(_: A) -> Result<Self, A::Error> {
        Err(A::Error::custom("Start of list found where not expected"))
    }

    fn from_map<A: MapAccess<'de>>(_: A) -> Result<Self, A::Error> {
        Err(A::Error::custom("Start of structure or map found where not expected."))
    }
}

/// What an error of serde may say to a caller: only what is said here, which repeats nothing of the request.
pub(crate) fn told(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let is_ours = text.starts_with("Start of ")
        || ["STRING_VALUE", "NUMBER_VALUE", "TRUE_VALUE", "FALSE_VALUE"].iter().any(|kind| text.starts_with(kind));
    is_ours.then(|| text.to_owned())
}

fn mismatch<E: Error>(found: &str, wanted: &str) -> E {
    E::custom(format_args!("{found} can not be converted to {wanted}"))
}

/// Reads a member; null is none.
pub(crate) fn member<'de, T: Read<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Reader(PhantomData))
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Read<'de>> Visitor<'de> for Reader<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NOUN)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::from_text(text).map(Some)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        T::from_owned_text(text).map(Some)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::from_number(number).map(Some)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        T::from_number(i64::try_from(number).unwrap_or(i64::MAX)).map(Some)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_possible_truncation, reason = "as AWS does, which drops the fraction")]
        T::from_number(number as i64).map(Some)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Self::Value, E> {
        T::from_boolean(is).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::from_map(map).map(Some)
    }
}

impl<'de, T: Read<'de>> DeserializeSeed<'de> for Reader<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Read<'de> for String {
    const NOUN: &'static str = "a String";

    fn from_text<E: Error>(text: &str) -> Result<Self, E> {
        Ok(text.to_owned())
    }

    fn from_owned_text<E: Error>(text: String) -> Result<Self, E> {
        Ok(text)
    }
}

impl<'de> Read<'de> for Secret {
    const NOUN: &'static str = "a String";

    fn from_text<E: Error>(text: &str) -> Result<Self, E> {
        Ok(Self::new(text))
    }

    fn from_owned_text<E: Error>(text: String) -> Result<Self, E> {
        Ok(Self::new(text))
    }
}

impl<'de> Read<'de> for i64 {
    const NOUN: &'static str = "an Integer";

    fn from_number<E: Error>(number: i64) -> Result<Self, E> {
        Ok(number)
    }
}

impl<'de> Read<'de> for bool {
    const NOUN: &'static str = "a Boolean";

    fn from_boolean<E: Error>(is: bool) -> Result<Self, E> {
        Ok(is)
    }
}

impl<'de, T: Read<'de>> Read<'de> for Vec<Option<T>> {
    const NOUN: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Self::new();
        while let Some(item) = list.next_element_seed(Reader(PhantomData))? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Reads a structure out of a map, through its derived `Deserialize`.
pub(crate) fn structure<'de, T: serde::Deserialize<'de>, A: MapAccess<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

/// Reads the body of a request.
pub(crate) fn body<'de, T: Read<'de>>(body: &'de [u8]) -> Result<Option<T>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = member(&mut deserializer)?;
    deserializer.end()?;
    Ok(read)
}
