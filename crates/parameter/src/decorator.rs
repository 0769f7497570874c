//! decorator.
