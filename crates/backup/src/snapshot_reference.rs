//! snapshot_reference.
