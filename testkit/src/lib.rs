//! The outside parts that the tests talk to: an AWS ([`Moto`]), its command line client, stock tools, and planted
//! secrets ([`Canary`]). It knows nothing of the crates under test, so that each of them can depend on it.
//!
//! Everything here panics, with a message that says what to do: a test that lacks its other side must fail.

mod canary;
mod moto;
mod tool;

pub use canary::Canary;
pub use moto::Moto;
pub use tool::{aws_cli, python, tool};
