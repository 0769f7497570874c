//! A queue of downloaded bytes, read as a stream on a thread that may block.

use std::io::{self, BufRead, Read};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc;

/// Pieces that wait to be opened at most.
pub(crate) const PIECES_WAITING: usize = 32;

/// What the queue holds.
pub(crate) enum Piece {
    Bytes(Bytes),
    /// Nothing comes after this. A queue that ends without it was cut off.
    End,
}

/// Reads the pieces.
pub(crate) struct PieceReader {
    pieces: mpsc::Receiver<Piece>,
    left: Bytes,
    ended: bool,
}

impl PieceReader {
    pub(crate) fn new(pieces: mpsc::Receiver<Piece>) -> Self {
        Self { pieces, left: Bytes::new(), ended: false }
    }
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.left.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.left = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::other("the download was interrupted")),
            }
        }
        Ok(&self.left)
    }

    fn consume(&mut self, count: usize) {
        self.left.advance(count);
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill_buf()?;
        let count = buffer.len().min(self.left.len());
        self.left.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
