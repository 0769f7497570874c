//! The binary as it is run: what it prints, and with what code it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod aws;
mod aws_account;
mod aws_backup;
mod aws_copy;
mod aws_credentials;
mod aws_drill;
mod aws_everyday;
mod aws_key;
mod aws_refusals;
mod aws_round_trip;
mod aws_stop;
mod aws_verify;
mod azure;
mod backup;
mod break_glass;
mod canary;
mod chaos;
mod cloud;
mod command_line;
mod copy;
mod demo;
mod deploy;
mod diff;
mod drill;
mod generated;
mod google;
mod import;
mod infra;
mod key;
mod kill;
mod kms;
mod operate;
mod parados;
mod parameter;
mod postgres;
mod prune;
mod restore;
mod restore_apply;
mod restore_kill;
mod serve;
mod status;
mod store_data;
mod verify;
