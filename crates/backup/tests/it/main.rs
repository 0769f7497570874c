//! Tests of the snapshot formats against stock tools and outside parts.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps in vain fails, also where it does so in a function beside it"
)]

mod apply;
mod apply_faults;
mod apply_random;
mod applying;
mod azure;
mod canary;
mod cloud;
mod compare;
mod copy;
mod corpus;
mod damage;
mod drill;
mod golden;
mod google;
mod interrupted;
mod kill;
mod life;
mod old_documents;
mod prune;
mod reading;
mod records;
mod reseal;
mod restore_plans;
mod restoring;
mod round_trip;
mod s3;
mod seal;
mod shared_store;
mod shop;
mod snapshots;
mod stock_tools;
mod stock_tools_manifest;
mod timed;
mod wrong_answers;
