//! A connection that breaks.

use std::io::{self, Read};

/// Fails each time that it is read.
#[derive(Clone, Copy, Debug)]
pub struct FailingReader(pub io::ErrorKind);

impl Read for FailingReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}
