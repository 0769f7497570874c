//! A server that speaks AWS SSM Parameter Store's protocol over any [`ParameterStore`](parados_parameter::ParameterStore), so
//! that the AWS CLI, boto3, Terraform and the SDKs use it unchanged.
//!
//! This crate owns the protocol (AWS JSON 1.1), who may do what, what was done, and how it is run. It does not keep
//! parameters: that is a [`ParameterDatabase`](parados_store::ParameterDatabase)'s.

pub mod limit;
pub mod policy;
pub mod principal;
pub mod signature;
pub mod state;
pub mod tls;
