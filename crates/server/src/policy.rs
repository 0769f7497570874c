//! What a principal may do: policies in Cedar, each a stored text with a name.
//!
//! Nothing is allowed that no policy permits, and what a policy forbids no other one permits. A policy is checked against the
//! [schema](SCHEMA) when it is set. One that fails while it is asked permits nothing, and where it forbids it counts as forbidding. A
//! stored text that this release cannot read denies everything, since it may have held a `forbid`.

mod book;
mod cache;
mod check;
mod entity;

pub use book::{Decision, PolicyBook, Reason};
pub use check::{PolicyError, PolicyWarning, check_policy};
pub use entity::{Circumstances, Question, Target, TargetKind};

/// What policies can speak of, in Cedar's schema language.
pub const SCHEMA: &str = include_str!("policy/schema.cedarschema");

/// Most bytes of a policy's text.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;

/// A policy that lets a principal, by its ARN, do everything in its account.
pub fn full_access(arn: &str) -> String {
    format!(
        "// Everything, in its own account.\npermit (\n  principal == User::\"{arn}\",\n  action,\n  resource\n);\n"
    )
}

/// A policy that lets a principal, by its ARN, read everything in its account.
pub fn read_access(arn: &str) -> String {
    format!(
        "// Every read, in its own account.\npermit (\n  principal == User::\"{arn}\",\n  action in [Action::\"List\", Action::\"Read\"],\n  resource\n);\n"
    )
}

#[cfg(test)]
mod tests;
