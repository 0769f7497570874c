//! A buffered reader that leaves nothing of what it read behind.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

/// So that of a hundred parameters one lies on its border, and it stays in a processor's cache.
const BUFFER_BYTES: usize = 128 * 1024;

/// As [`io::BufReader`], with a buffer that is filled to its end where there is as much, and zeroed when it is dropped.
pub(super) struct ZeroedReader<R> {
    inner: R,
    buffer: Zeroizing<Vec<u8>>,
    at: usize,
    filled: usize,
    /// What ended the last filling; it comes after the bytes that came before it.
    failed: Option<io::Error>,
}

impl<R: Read> ZeroedReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, buffer: Zeroizing::new(vec![0; BUFFER_BYTES]), at: 0, filled: 0, failed: None }
    }

    fn fill(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        (self.at, self.filled) = (0, 0);
        while self.filled < self.buffer.len() {
            match self.inner.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.filled == 0 => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> BufRead for ZeroedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl<R: Read> Read for ZeroedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.filled && self.failed.is_none() && buffer.len() >= self.buffer.len() {
            // Whoever has such a buffer needs none of ours.
            return self.inner.read(buffer);
        }
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time, is interrupted between them, and fails at its end.
    struct Trickle<'a> {
        bytes: &'a [u8],
        piece: usize,
        interrupted: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            match (self.interrupted, self.bytes) {
                (true, _) => Err(io::ErrorKind::Interrupted.into()),
                (false, []) => Err(io::ErrorKind::ConnectionReset.into()),
                (false, _) => {
                    let count = self.piece.min(buffer.len());
                    self.bytes.read(&mut buffer[..count])
                }
            }
        }
    }

    proptest! {
        #[test]
        fn everything_comes_in_order_and_then_the_error(
            length in 0..3 * BUFFER_BYTES,
            piece in 1000_usize..200_000,
            reads in prop::collection::vec(prop_oneof![1_usize..50_000, Just(2 * BUFFER_BYTES)], 1..20),
        ) {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut reader = ZeroedReader::new(Trickle { bytes: &bytes, piece, interrupted: false });
            let mut read = Vec::new();
            let error = reads.iter().cycle().find_map(|count| {
                let mut buffer = vec![0; *count];
                match reader.read(&mut buffer) {
                    Ok(count) => {
                        read.extend_from_slice(&buffer[..count]);
                        None
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
                    Err(error) => Some(error),
                }
            });
            prop_assert_eq!(error.unwrap().kind(), io::ErrorKind::ConnectionReset);
            prop_assert!(read == bytes);
        }
    }
}
