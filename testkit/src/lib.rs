//! The outside parts that the tests talk to.
