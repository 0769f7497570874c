//! What one thread opens, read on another: neither waits for the other as long as a block is left.
//!
//! The blocks go round, so nothing is allocated and zeroed but once.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, channel};

use zeroize::Zeroizing;

/// Small enough to stay in a processor's cache on the way from one thread to the other.
const BLOCK_BYTES: usize = 128 * 1024;
/// Blocks that go round.
const BLOCKS: usize = 4;

/// A part of a document.
struct Block {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
}

/// What comes through.
enum Part {
    Block(Block),
    Failed(io::Error),
    /// Nothing comes after this. A relay that ends without it was cut off.
    End,
}

/// Makes a relay.
pub(super) fn relay() -> (RelayWriter, RelayReader) {
    let (parts, taken) = channel();
    let (empty, given_back) = channel();
    for _ in 0..BLOCKS {
        empty.send(Block { bytes: Zeroizing::new(vec![0; BLOCK_BYTES]), filled: 0 }).expect("its other end is there");
    }
    let reader = RelayReader { parts: taken, empty, first: None, block: None, at: 0, ended: false };
    (RelayWriter { parts, given_back }, reader)
}

/// The end that the opened document goes in at.
pub(super) struct RelayWriter {
    parts: Sender<Part>,
    given_back: Receiver<Block>,
}

impl RelayWriter {
    /// Hands over everything that `content` gives, and why it gives no more. Stops early where nobody reads any more. Blocks.
    pub(super) fn pour(self, content: &mut dyn Read) {
        while let Ok(mut block) = self.given_back.recv() {
            let last = match fill(&mut block, content) {
                Ok(true) => None,
                Ok(false) => Some(Part::End),
                Err(error) => Some(Part::Failed(error)),
            };
            let handed_over = block.filled == 0 || self.parts.send(Part::Block(block)).is_ok();
            if let Some(last) = last {
                // Whoever stopped reading does not need the end.
                self.parts.send(last).ok();
                return;
            }
            if !handed_over {
                return;
            }
        }
    }
}

/// Fills a block to its end. False where the content ended first.
fn fill(block: &mut Block, content: &mut dyn Read) -> io::Result<bool> {
    block.filled = 0;
    while block.filled < BLOCK_BYTES {
        match content.read(&mut block.bytes[block.filled..]) {
            Ok(0) => return Ok(false),
            Ok(count) => block.filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The end that the opened document comes out of. Blocks.
pub(super) struct RelayReader {
    parts: Receiver<Part>,
    empty: Sender<Block>,
    /// What was waited for.
    first: Option<Part>,
    block: Option<Block>,
    at: usize,
    ended: bool,
}

impl RelayReader {
    /// Waits until there is something to read: bytes, an end or an error. False where there is nothing, because the other end
    /// went away before it began.
    pub(super) fn begins(&mut self) -> bool {
        self.first = self.parts.recv().ok();
        self.first.is_some()
    }
}

impl BufRead for RelayReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.block.is_none() && !self.ended {
            match self.first.take().map_or_else(|| self.parts.recv(), Ok) {
                Ok(Part::Block(block)) => (self.block, self.at) = (Some(block), 0),
                Ok(Part::Failed(error)) => return Err(error),
                Ok(Part::End) => self.ended = true,
                Err(_) => return Err(io::Error::other("opening the document was interrupted")),
            }
        }
        Ok(self.block.as_ref().map_or(&[], |block| &block.bytes[self.at..block.filled]))
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
        if let Some(block) = self.block.take_if(|block| self.at == block.filled) {
            // The other end may have ended.
            self.empty.send(block).ok();
        }
    }
}

impl Read for RelayReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use testkit::FailingReader;

    use super::*;

    /// Some blocks, and a part of one.
    fn content() -> Vec<u8> {
        (0..7 * BLOCK_BYTES + 12_345).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn everything_comes_through_in_order() {
        let (writer, mut reader) = relay();
        let pouring = thread::spawn(move || writer.pour(&mut content().as_slice()));
        assert!(reader.begins());
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == content());
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0, "it stays at its end");
        pouring.join().unwrap();
    }

    #[test]
    fn an_error_comes_after_what_came_before_it() {
        let (writer, mut reader) = relay();
        let pouring = thread::spawn(move || {
            writer.pour(&mut content().as_slice().chain(FailingReader(io::ErrorKind::InvalidData)))
        });
        let mut read = Vec::new();
        assert_eq!(reader.read_to_end(&mut read).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(read == content());
        pouring.join().unwrap();
    }

    #[test]
    fn a_writer_that_is_gone_is_no_end() {
        let (writer, mut reader) = relay();
        drop(writer);
        assert!(!reader.begins());
        reader.read(&mut [0; 8]).unwrap_err();
    }

    #[test]
    fn who_reads_no_more_stops_the_writer() {
        let (writer, reader) = relay();
        drop(reader);
        writer.pour(&mut io::repeat(1));
    }
}
