//! What goes over the wire: how requests are read and checked, how answers and errors are written.

mod constraint;
mod error;
mod input;
mod read;
mod shape;

pub(crate) use constraint::{Constraint, Violations, boolean, list, number, text};
pub use error::ApiError;
pub(crate) use input::{At, Input, Shape, check_member, input, parse};
pub(crate) use read::{Read, member, structure as structure_of};
pub(crate) use shape::{EpochSeconds, HistoryShape, MetadataShape, ParameterShape};
#[cfg(test)]
pub(crate) use {
    constraint::Kind,
    input::{Member, MemberTable},
};
