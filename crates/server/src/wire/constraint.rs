//! The constraints that AWS's model puts on the members of a request, and what is said where one is broken.
//!
//! Source of the limits: botocore's `ssm/2014-11-06/service-2.json`, which a test holds them against.

use std::fmt::Write as _;

use crate::ApiError;

/// What kind of JSON a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Boolean,
    List,
    Structure,
}

/// What a member has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constraint {
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
    /// Of a text's length in characters, a list's length, or a number's value.
    pub(crate) least: Option<i64>,
    pub(crate) most: Option<i64>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) one_of: &'static [&'static str],
    /// Whether it must not be repeated in a message.
    pub(crate) is_sensitive: bool,
    /// What the items of a list have to be, where they are no structures.
    pub(crate) item: Option<&'static Constraint>,
}

/// A regular expression, as AWS writes it, and what it means.
#[derive(Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) text: &'static str,
    pub(crate) matches: fn(&str) -> bool,
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text)
    }
}

const fn any(kind: Kind) -> Constraint {
    Constraint {
        kind,
        is_required: false,
        least: None,
        most: None,
        pattern: None,
        one_of: &[],
        is_sensitive: false,
        item: None,
    }
}

/// A text.
pub(crate) const fn text() -> Constraint {
    any(Kind::Text)
}

/// A whole number.
pub(crate) const fn number() -> Constraint {
    any(Kind::Number)
}

/// True or false.
pub(crate) const fn boolean() -> Constraint {
    any(Kind::Boolean)
}

/// A list.
pub(crate) const fn list() -> Constraint {
    any(Kind::List)
}

impl Constraint {
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(crate) const fn within(mut self, least: i64, most: i64) -> Self {
        self.least = Some(least);
        self.most = Some(most);
        self
    }

    pub(crate) const fn at_least(mut self, least: i64) -> Self {
        self.least = Some(least);
        self
    }

    pub(crate) const fn at_most(mut self, most: i64) -> Self {
        self.most = Some(most);
        self
    }

    pub(crate) const fn matching(mut self, text: &'static str, matches: fn(&str) -> bool) -> Self {
        self.pattern = Some(Pattern { text, matches });
        self
    }

    pub(crate) const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.one_of = values;
        self
    }

    pub(crate) const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self
    }

    pub(crate) const fn of(mut self, item: &'static Constraint) -> Self {
        self.item = Some(item);
        self
    }

    /// The rules that `text` breaks.
    pub(crate) fn broken_by_text(&self, text: &str) -> Vec<String> {
        let mut broken = self.broken_by_length(text.len(), || text.chars().count());
        if let Some(pattern) = &self.pattern
            && !(pattern.matches)(text)
        {
            broken.push(format!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&text) {
            broken.push(format!("Member must satisfy enum value set: [{}]", self.one_of.join(", ")));
        }
        broken
    }

    /// The rules that a length breaks, which is at most `at_most` and exactly what `exactly` says.
    pub(crate) fn broken_by_length(&self, at_most: usize, exactly: impl Fn() -> usize) -> Vec<String> {
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut broken = Vec::new();
        if let Some(most) = self.most
            && number(at_most) > most
            && number(exactly()) > most
        {
            broken.push(self.most_words(most));
        }
        if let Some(least) = self.least
            && number(exactly()) < least
        {
            broken.push(self.least_words(least));
        }
        broken
    }

    /// The rules that a number breaks.
    pub(crate) fn broken_by_number(&self, number: i64) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(most) = self.most.filter(|most| number > *most) {
            broken.push(self.most_words(most));
        }
        if let Some(least) = self.least.filter(|least| number < *least) {
            broken.push(self.least_words(least));
        }
        broken
    }

    /// All of its rules, as they are said of the items of a list.
    pub(crate) fn words(&self) -> String {
        let mut words: Vec<String> = self.most.map(|most| self.most_words(most)).into_iter().collect();
        words.extend(self.least.map(|least| self.least_words(least)));
        if let Some(pattern) = &self.pattern {
            words.push(format!("Member must satisfy regular expression pattern: {}", pattern.text));
        }
        if !self.one_of.is_empty() {
            words.push(format!("Member must satisfy enum value set: [{}]", self.one_of.join(", ")));
        }
        format!("[{}]", words.join(", "))
    }

    fn measure(&self) -> &'static str {
        match self.kind {
            Kind::Number => "value",
            _ => "length",
        }
    }

    fn most_words(&self, most: i64) -> String {
        format!("Member must have {} less than or equal to {most}", self.measure())
    }

    fn least_words(&self, least: i64) -> String {
        format!("Member must have {} greater than or equal to {least}", self.measure())
    }
}

/// What is wrong with a request, all of it: AWS names every violation in one message.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    /// `shown` is the value as it may be repeated.
    pub(crate) fn add(&mut self, at: &str, shown: Option<&str>, broken: &str) {
        let value = match shown {
            Some(shown) => format!("Value '{shown}'"),
            None => "Value".to_owned(),
        };
        self.0.push(format!("{value} at '{at}' failed to satisfy constraint: {broken}"));
    }

    pub(crate) fn missing(&mut self, at: &str) {
        self.0.push(format!("Value null at '{at}' failed to satisfy constraint: Member must not be null"));
    }

    /// ValidationException, where anything is wrong.
    pub(crate) fn into_result(self) -> Result<(), ApiError> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        let mut message = format!("{count} validation error{plural} detected: ");
        for (index, one) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            // Writing to a text does not fail.
            let _ = write!(message, "{separator}{one}");
        }
        Err(ApiError::validation(message))
    }
}
