//! A server that speaks AWS SSM Parameter Store's protocol over any [`ParameterStore`](parados_parameter::ParameterStore), so
//! that the AWS CLI, boto3, Terraform and the SDKs use it unchanged.
//!
//! This crate owns the protocol (AWS JSON 1.1), who may do what, what was done, and how it is run. It does not keep
//! parameters: that is a [`ParameterDatabase`](parados_store::ParameterDatabase)'s.
//!
//! The way of one call: a lane (`lanes`) has its connection; in `http` the body is read up to a limit; the operation is found by its `X-Amz-Target`; [`Access`] says who
//! calls, and how often that may be; the operation (a file each, in `operation/`) reads and checks its request, asks [`Access`] whether the caller may,
//! calls the store, and answers; [`Audit`] is told, whatever the outcome.

mod access;
mod action;
pub mod audit;
mod cache;
mod call;
mod ciphertext;
mod deleted;
mod dev_access;
mod foreign;
mod health;
mod http;
mod lanes;
pub mod limit;
mod metrics;
mod operation;
pub mod policy;
pub mod principal;
mod server;
mod service;
pub mod signature;
mod signed_access;
pub mod state;
mod sts;
pub mod tls;
mod traces;
pub mod webhook;
mod wire;

pub use access::{Access, AccessRequest, Caller, Received, Resource};
pub use action::{Action, Service};
pub use audit::{Audit, AuditEntry, AuditError, NoAudit, Touched};
pub use cache::{CacheOptions, CachedDatabase};
pub use dev_access::DevAccess;
pub use foreign::ForeignDatabase;
pub use health::{Readiness, admin_router, serve_admin};
pub use http::{BODY_LIMIT, Calls};
pub use metrics::{CallOutcome, METRICS_CONTENT_TYPE, Metrics, Reading};
pub use server::{ServeError, Server, ServerOptions, serve};
pub use service::ServiceTables;
pub use signed_access::{ReplayedWrites, SignedAccess, SignedAccessOptions};
pub use traces::{Traces, TracesError};
pub use wire::ApiError;
