//! The outside parts that the tests talk to: an AWS ([`Moto`]), its command line client, a database server
//! ([`Postgres`]), an Azure ([`Azurite`]), a Google Cloud Storage ([`GoogleStorage`]), stock tools, an engine that others use ([`Terraform`]), planted secrets ([`Canary`]), what a fuzzer found ([`replay_corpus`]), and what breaks ([`FailingReader`]). It knows nothing of the crates under test, so that each of them can depend on it.
//!
//! Everything here panics, with a message that says what to do: a test that lacks its other side must fail. What no package has
//! ([`Terraform`], and [`helm`] on some machines) is an exception: where it is not on the machine the test says so and leaves itself out.

mod azurite;
mod canary;
mod corpus;
mod failing_reader;
mod google_storage;
mod moto;
mod postgres;
mod terraform;
mod tool;

pub use azurite::Azurite;
pub use canary::Canary;
pub use corpus::{corpus, replay_corpus};
pub use failing_reader::FailingReader;
pub use google_storage::GoogleStorage;
pub use moto::Moto;
pub use postgres::Postgres;
pub use terraform::Terraform;
pub use tool::{aws_cli, helm, python, tool, venv_tool};
