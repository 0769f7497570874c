//! The contract, and the reference model.

use std::sync::atomic::{AtomicUsize, Ordering};

use parados_parameter::SharedStore;
use parados_parameter::conformance::{self, Capabilities, model};
use parados_store::{ParameterDatabase as _, PostgresDatabase};
use proptest::test_runner::Config;
use tokio::sync::OnceCell;

use super::{Home, place};

/// Makes empty stores, each an account of one database, so that none may see another's parameters either.
fn stores(home: &Home) -> impl AsyncFn() -> SharedStore {
    let (made, database) = (AtomicUsize::new(0), OnceCell::<PostgresDatabase>::new());
    async move || {
        let database = database.get_or_init(|| home.open()).await;
        database.store(&place(made.fetch_add(1, Ordering::Relaxed)), "tester")
    }
}

#[tokio::test]
async fn the_contract_is_kept_in_postgresql() {
    let home = Home::new();
    conformance::run(stores(&home), Capabilities::all()).await;
}

#[test]
fn postgresql_does_what_the_model_does() {
    let home = Home::new();
    model::check(Config { cases: 48, ..Config::with_source_file(file!()) }, 60, stores(&home));
}
