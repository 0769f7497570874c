//! A call as a decorator sees it: the operation, what it is for, and the kinds of answer.

use std::collections::BTreeMap;
use std::fmt;

use crate::{
    GetManyOutcome, LabelOutcome, Operation, Page, Parameter, ParameterName, PutOutcome, StoreError, StoreErrorKind,
    Tag, UnlabelOutcome,
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
pub(super) trait Answer: Send + 'static {
    /// Loses the last of what it holds, as an answer does that was cut on its way without anybody noticing. An answer that
    /// holds no list stays as it is.
    fn truncate(&mut self) {}
}

impl<T: Send + 'static> Answer for Page<T> {
    fn truncate(&mut self) {
        self.items.pop();
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
