//! A store compared with the memory store.
