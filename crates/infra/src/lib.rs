//! Declared resources: what a team says that there is to be, and the way from what there is to that.
//!
//! [`declaration`] reads what is declared, [`stack`] reads what is there, [`plan`] compares the two and gives a value, [`apply`]
//! does that value under a lease; [`import`](mod@import) declares what is there. There is no state file: what is there is always asked of the cloud. A kind of resource is one file
//! of [`kind`].
//!
//! It prints nothing, reads no environment and asks no terminal; the sessions, the store and the clock are passed in.

pub mod apply;
pub mod cloud;
pub mod declaration;
pub mod difference;
pub mod export;
mod graph;
pub mod import;
pub mod inventory;
pub mod kind;
mod object_storage;
pub mod picture;
pub mod plan;
pub mod policy;
mod policy_document;
pub mod schema;
pub mod stack;
