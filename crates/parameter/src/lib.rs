//! What a parameter is, and the contract of a store of them.
//!
//! This crate owns the nouns (name, type, tier, version, label, tag, policy, key, value, selector), the
//! [`ParameterStore`] trait with its errors, the [memory store](memory::MemoryStore) that is its reference model, the
//! [decorators](decorator) that go around any store, and the `conformance` suite (a feature) that every store passes. The
//! [rules] that the memory store shares with every store that keeps parameters itself are pure functions.
//!
//! It does no I/O: no network, no file, no terminal, no environment.

mod account_region;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod decorator;
mod error;
mod invalid;
mod key_management;
mod kind;
mod label;
pub mod memory;
mod name;
mod operation;
pub mod policy;
pub mod reading;
mod record;
pub mod rules;
mod secret;
mod selector;
mod store;
mod tag;
mod text;
mod version;

pub use account_region::AccountRegion;
pub use clock::{Clock, SystemClock};
pub use error::{Result, StoreError, StoreErrorKind};
pub use invalid::Invalid;
pub use key_management::{EncryptionContext, KeyManagement, KeyManagementError};
pub use kind::{ParameterType, Tier, TierRequest};
pub use label::{Label, MAX_LABELS};
pub use name::{MAX_LEVELS, MAX_NAME_CHARS, ParameterName, ParameterReference, VersionReference};
pub use operation::{Operation, QuotaGroup};
pub use policy::{MAX_POLICIES, Policy};
pub use record::{Annotations, HistoryEntry, Parameter, ParameterMetadata};
pub use secret::{MAX_ADVANCED_VALUE_BYTES, MAX_STANDARD_VALUE_BYTES, Secret};
pub use selector::{Filter, FilterKey, FilterOption, Glob, Selector};
pub use store::{
    ByPathRequest, DescribeRequest, GetManyOutcome, HistoryRequest, LabelOutcome, MAX_GET_NAMES, MAX_PAGE,
    MAX_PATH_PAGE, MAX_TAG_NAMES, Page, ParameterStore, PutOutcome, PutRequest, SharedStore, UnlabelOutcome,
    Unreadable,
};
pub use tag::{MAX_TAGS, Tag};
pub use text::{AllowedPattern, DataType, Description, KeyId};
pub use version::{MAX_VERSIONS, Version};
