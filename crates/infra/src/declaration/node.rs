//! What a YAML file says, with the place of every value: what is merged and rendered before it becomes typed.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::error::DeclarationError;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the file is called.
    pub file: Arc<str>,
    /// The line, from 1; 0 where it is the file as a whole.
    pub line: u64,
    /// The column, from 1; 0 where it is the file as a whole.
    pub column: u64,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub value: NodeValue,
}

/// A value of YAML.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where.
    pub place: Place,
    /// The key.
    pub text: String,
}

impl Node {
    /// Parses the text of a file that errors call `file`.
    ///
    /// # Errors
    /// [`DeclarationError`] when it is not YAML.
    pub fn parse(text: &str, file: &str) -> Result<Self, DeclarationError> {
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| DeclarationError::malformed(file, &error))?;
        Ok(raw.value.into_node(raw.referenced, &Arc::from(file)))
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            NodeValue::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(one, _)| one.text == key).map(|(_, node)| node)
    }

    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes a mapping's key out.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let NodeValue::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|(one, _)| one.text == key)?;
        Some(entries.remove(index).1)
    }

    /// What `over` says in place of this: mappings are merged key by key, `null` takes a key away, and anything else stands in the
    /// place of what was there (as RFC 7396 does).
    #[must_use]
    pub fn merged_with(mut self, over: &Node) -> Node {
        let (NodeValue::Map(mine), NodeValue::Map(theirs)) = (&mut self.value, &over.value) else {
            return over.clone();
        };
        for (key, node) in theirs {
            let index = mine.iter().position(|(one, _)| one.text == key.text);
            match (index, &node.value) {
                (Some(index), NodeValue::Null) => _ = mine.remove(index),
                (None, NodeValue::Null) => {}
                (Some(index), _) => mine[index].1 = mine[index].1.clone().merged_with(node),
                (None, _) => mine.push((key.clone(), node.clone())),
            }
        }
        self
    }

    /// The same with `change` made to each text that is a value.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn map_texts<E>(&self, change: &mut impl FnMut(&str, &Place) -> Result<String, E>) -> Result<Node, E> {
        let value = match &self.value {
            NodeValue::Text(text) => NodeValue::Text(change(text, &self.place)?),
            NodeValue::List(items) => {
                NodeValue::List(items.iter().map(|item| item.map_texts(change)).collect::<Result<_, _>>()?)
            }
            NodeValue::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| Ok((key.clone(), node.map_texts(change)?)));
                NodeValue::Map(entries.collect::<Result<_, E>>()?)
            }
            other => other.clone(),
        };
        Ok(Node { place: self.place.clone(), value })
    }
}

/// What serde-saphyr reads before the file's name is known.
enum Raw {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl Raw {
    fn into_node(self, location: Location, file: &Arc<str>) -> Node {
        let place = place(location, file);
        let value = match self {
            Self::Null => NodeValue::Null,
            Self::Bool(value) => NodeValue::Bool(value),
            Self::Integer(value) => NodeValue::Integer(value),
            Self::Float(value) => NodeValue::Float(value),
            Self::Text(value) => NodeValue::Text(value),
            Self::List(items) => {
                NodeValue::List(items.into_iter().map(|item| item.value.into_node(item.referenced, file)).collect())
            }
            Self::Map(entries) => NodeValue::Map(
                entries
                    .into_iter()
                    .map(|(key, item)| {
                        let key = Key { place: self::place(key.referenced, file), text: key.value };
                        (key, item.value.into_node(item.referenced, file))
                    })
                    .collect(),
            ),
        };
        Node { place, value }
    }
}

fn place(location: Location, file: &Arc<str>) -> Place {
    Place { file: file.clone(), line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }

            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw::Integer(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Raw, E> {
                i64::try_from(value)
                    .map(Raw::Integer)
                    .map_err(|_| E::custom("the number is too large; put it in quotes"))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
                Ok(Raw::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Raw::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Raw::Map(map))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        let node = Node::parse("a: 1\nb:\n  - x\n  - {c: true, d: null, e: \"7\"}\n", "f.yaml").unwrap();
        let list = node.get("b").unwrap();
        let NodeValue::List(items) = &list.value else { panic!("{list:?}") };
        assert_eq!((items[0].place.line, items[0].place.column), (3, 5));
        assert_eq!(items[1].get("c").unwrap().value, NodeValue::Bool(true));
        assert_eq!(items[1].get("d").unwrap().value, NodeValue::Null);
        assert_eq!(items[1].get("e").unwrap().value, NodeValue::Text("7".into()));
        assert_eq!(node.get("a").unwrap().value, NodeValue::Integer(1));
    }

    #[test]
    fn a_merge_goes_key_by_key_and_null_takes_away() {
        let parse = |text| Node::parse(text, "f").unwrap();
        let merged = parse("a: {b: 1, c: 2}\nd: [1]\ne: 1").merged_with(&parse("a: {b: 3}\nd: [2, 3]\ne: null\nf: x"));
        let plain = |node: &Node| match &node.value {
            NodeValue::Integer(value) => *value,
            other => panic!("{other:?}"),
        };
        let a = merged.get("a").unwrap();
        assert_eq!((plain(a.get("b").unwrap()), plain(a.get("c").unwrap())), (3, 2));
        assert!(matches!(&merged.get("d").unwrap().value, NodeValue::List(items) if items.len() == 2));
        assert!(merged.get("e").is_none() && merged.get("f").is_some());
    }
}
