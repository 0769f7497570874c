//! Snapshots of a [`ParameterStore`](parados_parameter::ParameterStore): collect, seal, commit.
//!
//! This crate owns the formats ([`document`], [`manifest`]), the sealing of a document to recipients ([`seal`]), the place where
//! snapshots are kept ([`repository`]) and the use cases over them. It touches neither terminal nor environment nor home folder,
//! and prints nothing: a use case takes a context, a request and an observer, and returns a report.

pub mod backup;
pub mod collect;
pub mod compare;
pub mod copy;
pub mod document;
pub mod drill;
pub mod event;
pub mod export;
pub mod field;
pub mod fingerprint;
mod fingerprint_key;
pub mod import;
mod json;
pub mod manifest;
pub mod pin;
pub mod prune;
pub mod report;
pub mod repository;
pub mod reseal;
pub mod restore;
pub mod retention;
pub mod seal;
pub mod signature;
pub mod signed_line;
pub mod snapshot;
pub mod snapshot_reference;
pub mod status;
pub mod target;
pub mod trust;
pub mod verdict;
pub mod verify;
