//! The shapes of requests: each is declared once, with its constraints, by [`input!`].

use parados_parameter::Secret;

use super::constraint::{Constraint, Kind, Violations};
use super::read::{self, Read};
use crate::ApiError;

/// A request's own shape, or that of a structure within.
pub(crate) trait Input: for<'de> Read<'de> + Shape {
    /// Its members: the name on the wire, what it has to be, and the members of what is in its list.
    #[cfg(test)]
    const MEMBERS: &'static [Member];
}

/// A member, as the model has it.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) constraint: Constraint,
    /// The members of the structures in this list.
    pub(crate) items: MemberTable,
}

/// A table of members.
#[cfg(test)]
pub(crate) type MemberTable = &'static [Member];

/// What can be checked against a constraint.
pub(crate) trait Shape {
    /// The members of the structures in it.
    #[cfg(test)]
    const ITEMS: MemberTable = &[];

    /// Adds what is wrong with it.
    fn check(&self, at: &At<'_>, constraint: &Constraint, violations: &mut Violations);

    /// As it is repeated in a message about a list that it stands in.
    fn shown(&self) -> String {
        String::new()
    }
}

/// Where a member is: `tags.1.member.key`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    Root,
    Member(&'a At<'a>, &'static str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    fn path(&self) -> String {
        let prefix = |parent: &Self| match parent {
            Self::Root => String::new(),
            parent => format!("{}.", parent.path()),
        };
        match self {
            Self::Root => String::new(),
            Self::Member(parent, name) => {
                let mut name = (*name).to_owned();
                name[..1].make_ascii_lowercase();
                format!("{}{name}", prefix(parent))
            }
            Self::Item(parent, index) => format!("{}{}.member", prefix(parent), index + 1),
        }
    }
}

/// Checks a member that may be missing.
pub(crate) fn check_member<T: Shape>(
    value: Option<&T>,
    at: &At<'_>,
    constraint: &Constraint,
    violations: &mut Violations,
) {
    match value {
        Some(value) => value.check(at, constraint, violations),
        None if constraint.is_required => violations.missing(&at.path()),
        None => {}
    }
}

impl Shape for String {
    fn check(&self, at: &At<'_>, constraint: &Constraint, violations: &mut Violations) {
        check_text(self, at, constraint, violations);
    }

    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shape for Secret {
    fn check(&self, at: &At<'_>, constraint: &Constraint, violations: &mut Violations) {
        check_text(self.reveal(), at, constraint, violations);
    }
}

fn check_text(text: &str, at: &At<'_>, constraint: &Constraint, violations: &mut Violations) {
    for broken in constraint.broken_by_text(text) {
        violations.add(&at.path(), (!constraint.is_sensitive).then_some(text), &broken);
    }
}

impl Shape for i64 {
    fn check(&self, at: &At<'_>, constraint: &Constraint, violations: &mut Violations) {
        for broken in constraint.broken_by_number(*self) {
            violations.add(&at.path(), Some(&self.to_string()), &broken);
        }
    }
}

impl Shape for bool {
    fn check(&self, _: &At<'_>, _: &Constraint, _: &mut Violations) {}
}

impl<T: Shape> Shape for Vec<Option<T>> {
    #[cfg(test)]
    const ITEMS: MemberTable = T::ITEMS;

    fn check(&self, at: &At<'_>, constraint: &Constraint, violations: &mut Violations) {
        let shown = || {
            let items: Vec<String> = self.iter().flatten().map(Shape::shown).collect();
            format!("[{}]", items.join(", "))
        };
        for broken in constraint.broken_by_length(self.len(), || self.len()) {
            violations.add(&at.path(), Some(&shown()), &broken);
        }
        if let Some(item) = constraint.item {
            let is_broken = |one: &Option<T>| {
                let mut found = Violations::default();
                check_member(one.as_ref(), at, &item.required(), &mut found);
                found.into_result().is_err()
            };
            if self.iter().any(is_broken) {
                let broken = format!("Member must satisfy constraint: {}", item.words());
                violations.add(&at.path(), Some(&shown()), &broken);
            }
        } else {
            for (index, one) in self.iter().enumerate() {
                let constraint = Constraint { kind: Kind::Structure, ..super::constraint::text().required() };
                check_member(one.as_ref(), &At::Item(at, index), &constraint, violations);
            }
        }
    }
}

/// Declares the shape of a request or of a structure within: every member with its name on the wire and its constraint.
macro_rules! input {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty = $wire:literal $constraint:expr;)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize)]
        pub(crate) struct $name {
            $(
                #[serde(rename = $wire, default, deserialize_with = "crate::wire::member")]
                pub(crate) $field: Option<$type>,
            )*
        }

        impl<'de> $crate::wire::Read<'de> for $name {
            const NOUN: &'static str = "a structure";

            fn from_map<A: serde::de::MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                $crate::wire::structure_of(map)
            }
        }

        impl $crate::wire::Shape for $name {
            #[cfg(test)]
            const ITEMS: $crate::wire::MemberTable = <Self as $crate::wire::Input>::MEMBERS;

            fn check(
                &self,
                at: &$crate::wire::At<'_>,
                _: &$crate::wire::Constraint,
                violations: &mut $crate::wire::Violations,
            ) {
                $({
                    const CONSTRAINT: $crate::wire::Constraint = $constraint;
                    let at = $crate::wire::At::Member(at, $wire);
                    $crate::wire::check_member(self.$field.as_ref(), &at, &CONSTRAINT, violations);
                })*
            }
        }

        impl $crate::wire::Input for $name {
            #[cfg(test)]
            const MEMBERS: $crate::wire::MemberTable = &[$(
                $crate::wire::Member {
                    name: $wire,
                    constraint: $constraint,
                    items: <$type as $crate::wire::Shape>::ITEMS,
                },
            )*];
        }
    };
}
pub(crate) use input;

/// Reads and checks the body of a request.
///
/// # Errors
/// SerializationException where it is not JSON of that shape; ValidationException where a constraint is broken.
pub(crate) fn parse<T: Input>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let request: T = read::body(body)
        .map_err(|error| match read::told(&error) {
            Some(message) => ApiError::new("SerializationException", message),
            None => ApiError::bare("SerializationException"),
        })?
        .ok_or_else(|| ApiError::bare("SerializationException"))?;
    let mut violations = Violations::default();
    request.check(&At::Root, &super::constraint::text(), &mut violations);
    violations.into_result()?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::super::constraint::{boolean, list, number, text};
    use super::*;

    const LABEL: Constraint = text().within(1, 3);

    input! {
        Pair { key: String = "Key" text().required().within(1, 2); }
    }

    input! {
        Sample {
            name: String = "Name" text().required().within(1, 4);
            value: Secret = "Value" text().within(1, 4).sensitive();
            count: i64 = "MaxResults" number().within(1, 50);
            flag: bool = "Flag" boolean();
            labels: Vec<Option<String>> = "Labels" list().within(1, 2).of(&LABEL);
            tags: Vec<Option<Pair>> = "Tags" list();
        }
    }

    fn message(body: &str) -> String {
        let error = parse::<Sample>(body.as_bytes()).unwrap_err();
        format!("{}: {}", error.code(), error.message().unwrap_or_default())
    }

    #[test]
    fn what_breaks_a_constraint_is_said_in_aws_s_words() {
        assert_eq!(
            message(r#"{}"#),
            "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member \
             must not be null"
        );
        assert_eq!(
            message(r#"{"Name":"abcde","MaxResults":51}"#),
            "ValidationException: 2 validation errors detected: Value 'abcde' at 'name' failed to satisfy constraint: \
             Member must have length less than or equal to 4; Value '51' at 'maxResults' failed to satisfy constraint: \
             Member must have value less than or equal to 50"
        );
        assert_eq!(
            message(r#"{"Name":"a","Labels":["abcd","a"]}"#),
            "ValidationException: 1 validation error detected: Value '[abcd, a]' at 'labels' failed to satisfy constraint: \
             Member must satisfy constraint: [Member must have length less than or equal to 3, Member must have length \
             greater than or equal to 1]"
        );
        assert!(message(r#"{"Name":"a","Tags":[{"Key":"a"},{}]}"#).contains("Value null at 'tags.2.member.key'"));
    }

    #[test]
    fn a_sensitive_value_is_not_repeated() {
        let said = message(r#"{"Name":"a","Value":"hunter2"}"#);
        assert!(said.contains("Value at 'value' failed") && !said.contains("hunter2"), "{said}");
        for body in [r#"{"Name":"a","MaxResults":"hunter2"}"#, r#"{"Name":"a","Tags":"hunter2"}"#, r#"["hunter2"]"#] {
            let said = message(body);
            assert!(said.starts_with("SerializationException") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn what_is_no_json_of_that_shape_is_a_serialization_exception() {
        assert_eq!(message(r#"{"Name":1}"#), "SerializationException: NUMBER_VALUE can not be converted to a String");
        assert_eq!(
            message(r#"{"Name":"a","Flag":"true"}"#),
            "SerializationException: STRING_VALUE can not be converted to a Boolean"
        );
        assert_eq!(message(r#"{"Name":["a"]}"#), "SerializationException: Start of list found where not expected");
        for body in ["x", "{", "null", "{} {}", "\u{0}"] {
            assert_eq!(message(body), "SerializationException: ", "{body}");
        }
        assert!(parse::<Sample>(br#"{"Name":"a","Value":null,"Unknown":{"x":[1]}}"#).is_ok());
    }
}
