//! A call as a decorator sees it: the operation, what it is for, and the kinds of answer.

use std::collections::BTreeMap;
use std::fmt;

use crate::{
    GetManyOutcome, HistoryEntry, LabelOutcome, Operation, Page, Parameter, ParameterMetadata, ParameterName,
    PutOutcome, StoreError, StoreErrorKind, Tag, UnlabelOutcome, Unreadable,
};

/// A call of a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) subject: Subject<'a>,
}

/// What a call is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    None,
    Name(&'a ParameterName),
    Names(&'a [ParameterName]),
    Path(&'a str),
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, subject: Subject<'a>) -> Self {
        Self { operation, subject }
    }

    /// An error of this call.
    pub(super) fn error(&self, kind: StoreErrorKind, message: &str) -> StoreError {
        StoreError::new(self.operation, self.subject, kind, message)
    }
}

impl Subject<'_> {
    pub(super) fn has(&self, name: &ParameterName) -> bool {
        match self {
            Self::Name(one) => *one == name,
            Self::Names(names) => names.contains(name),
            Self::None | Self::Path(_) => false,
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None | Self::Names([]) => Ok(()),
            Self::Name(name) => name.fmt(f),
            Self::Names([name]) => name.fmt(f),
            Self::Names([name, rest @ ..]) => write!(f, "{name} and {} more", rest.len()),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// What a method of a store answers.
pub(super) trait Answer: Sized + Send + 'static {
    /// Loses the last of what it holds, as an answer does that was cut on its way without anybody noticing. An answer that
    /// holds no list stays as it is.
    fn truncate(&mut self) {}

    /// Has as the last of what it holds something that this version does not understand.
    ///
    /// # Errors
    /// InvalidResponse where the answer cannot say of what that is.
    fn garble(self, call: Call<'_>) -> Result<Self, StoreError> {
        Err(call.error(StoreErrorKind::InvalidResponse, NOT_UNDERSTOOD))
    }
}

const NOT_UNDERSTOOD: &str = "the answer says what this version does not know";

/// What may be on a page.
pub(super) trait Item: Send + 'static {
    /// The name by which a listing tells it from others; absent where the whole page is about one parameter.
    fn listed(&self) -> Option<&ParameterName>;
}

impl Item for ParameterMetadata {
    fn listed(&self) -> Option<&ParameterName> {
        Some(&self.name)
    }
}

impl Item for Parameter {
    fn listed(&self) -> Option<&ParameterName> {
        Some(&self.name)
    }
}

impl Item for HistoryEntry {
    fn listed(&self) -> Option<&ParameterName> {
        None
    }
}

impl<T: Item> Answer for Page<T> {
    fn truncate(&mut self) {
        self.items.pop();
    }

    fn garble(mut self, call: Call<'_>) -> Result<Self, StoreError> {
        let Some(last) = self.items.pop() else { return Ok(self) };
        let error = |name| StoreError::new(call.operation, name, StoreErrorKind::InvalidResponse, NOT_UNDERSTOOD);
        let Some(name) = last.listed() else { return Err(error(call.subject.to_string())) };
        self.unreadable.push(Unreadable { name: name.clone(), error: error(name.to_string()) });
        Ok(self)
    }
}

impl Answer for GetManyOutcome {
    fn truncate(&mut self) {
        self.parameters.pop();
    }
}

impl Answer for BTreeMap<ParameterName, Vec<Tag>> {
    fn truncate(&mut self) {
        self.pop_last();
    }
}

impl<T: Answer> Answer for Option<T> {
    fn truncate(&mut self) {
        if let Some(answer) = self {
            answer.truncate();
        }
    }
}

impl Answer for Vec<Tag> {
    fn truncate(&mut self) {
        self.pop();
    }
}

impl Answer for Parameter {}
impl Answer for PutOutcome {}
impl Answer for LabelOutcome {}
impl Answer for UnlabelOutcome {}
impl Answer for () {}
