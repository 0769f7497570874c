//! `parados-infra` against moto's server.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without, it fails without")]

mod azure;
mod convergence;
mod export;
mod faults;
mod google;
mod kinds;
mod lease;
mod storage;
mod taken;
mod world;
