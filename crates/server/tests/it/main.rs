//! The server as its clients see it: requests in, answers out, over the embedded store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod listening;
mod served;

mod admin;
mod audit;
mod calls;
mod clients;
mod connections;
mod corpus;
mod malformed;
mod protocol;
mod sdk;
mod signed;
mod traces;
