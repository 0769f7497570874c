//! Entries that are written together: one row of the database.

use std::io::{Read as _, Write as _};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::task;
use zstd::bulk::Compressor;
use zstd::stream::write::Encoder;

use super::line::{AuditHead, Digest, append_line};

/// The level of zstd: its cost is a fraction of the digest's.
const LEVEL: i32 = 1;
/// Entries that are chained at a time: some 10 µs of work.
pub(crate) const TURN_ENTRIES: usize = 16;
/// Turns of chaining, one after the other, before other tasks have one.
const TURNS_OF_A_TASK: usize = 16;
/// A thread that waited longer for its processor lets go of it no more: others want it for themselves, and not for a call.
const LONG_WAIT: Duration = Duration::from_micros(500);
/// The binary logarithm of the bytes that are compressed at a time, which are a window's: some 30 µs of work. With half of it a batch is a twentieth longer.
const WINDOW_LOG: u32 = 14;
/// Most bytes of a batch's lines. What claims more is damaged.
pub(crate) const MAX_LINES_BYTES: u64 = 64 << 20;

/// Some entries of a chain, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The number of the first.
    pub(crate) first: u64,
    /// The number of the last.
    pub(crate) last: u64,
    /// The digest of the last.
    pub(crate) head: Digest,
    /// The earliest time in it, in milliseconds since 1970.
    pub(crate) earliest: i64,
    /// The latest.
    pub(crate) latest: i64,
    /// The lines, each with its line feed, as one frame of zstd.
    pub(crate) lines: Vec<u8>,
}

/// Where a chain ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the last entry; 0 where there is none.
    pub(crate) sequence: u64,
    /// The digest of its line; zeros where there is none.
    pub(crate) digest: Digest,
}

/// What an entry is before it has a place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Its time, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Its record, as JSON.
    pub(crate) record: Vec<u8>,
}

/// A head of a chain that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no head of an audit chain: that is a number, a colon and 64 hexadecimal digits, as 'parados store audit export' says it"
)]
pub struct InvalidHead(String);

/// Makes batches.
pub(crate) struct Chainer {
    compressor: Compressor<'static>,
    lines: Vec<u8>,
}

impl std::fmt::Debug for Chainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chainer").finish_non_exhaustive()
    }
}

impl Chainer {
    /// One that has made none yet.
    pub(crate) fn new() -> Self {
        let compressor = Compressor::new(LEVEL).expect("level 1 is one of zstd's");
        Self { compressor, lines: Vec::new() }
    }

    /// The batch of `entries`, at least one, behind `head`.
    pub(crate) fn chain(&mut self, head: Head, entries: &[Pending]) -> Batch {
        let (mut digest, mut sequence) = (head.digest, head.sequence);
        self.lines.clear();
        for entry in entries {
            sequence += 1;
            digest = append_line(&mut self.lines, sequence, &digest, &entry.record);
        }
        let lines = self.compressor.compress(&self.lines).expect("the buffer is as large as zstd says it has to be");
        Batch::new(head, entries, Head { sequence, digest }, lines)
    }
}

/// A batch that is made while its entries come, so that thousands of them are no work of several milliseconds at once.
pub(crate) struct Growing {
    behind: Head,
    end: Head,
    count: usize,
    lets_go: bool,
    lines: Vec<u8>,
    compressed: Encoder<'static, Vec<u8>>,
}

/// Of writing to memory.
const MEMORY: &str = "memory takes what is written to it";

impl Growing {
    /// One without entries, behind `head`.
    pub(crate) fn new(head: Head) -> Self {
        let mut compressed = Encoder::new(Vec::new(), LEVEL).expect("level 1 is one of zstd's");
        compressed.window_log(WINDOW_LOG).expect("16 KiB is one of zstd's");
        Self { behind: head, end: head, count: 0, lets_go: true, lines: Vec::new(), compressed }
    }

    /// Chains those of `entries` that it has not yet; they are all of the batch so far. Again and again others have their turn: threads that wait for the
    /// processor, which Linux leaves to a thread for milliseconds, and, not as often because that wakes a thread for them, other tasks.
    pub(crate) async fn add(&mut self, entries: &[Pending]) {
        for (number, turn) in entries[self.count..].chunks(TURN_ENTRIES).enumerate() {
            match number {
                0 => {}
                _ if number.is_multiple_of(TURNS_OF_A_TASK) => task::yield_now().await,
                _ if self.lets_go => {
                    let begin = Instant::now();
                    thread::yield_now();
                    self.lets_go = begin.elapsed() < LONG_WAIT;
                }
                _ => {}
            }
            self.lines.clear();
            for entry in turn {
                self.end.sequence += 1;
                self.end.digest = append_line(&mut self.lines, self.end.sequence, &self.end.digest, &entry.record);
            }
            self.compressed.write_all(&self.lines).expect(MEMORY);
        }
        self.count = entries.len();
    }

    /// The batch of these, which are those that were added, and what it is behind.
    pub(crate) fn finish(self, entries: &[Pending]) -> (Head, Batch) {
        let lines = self.compressed.finish().expect(MEMORY);
        (self.behind, Batch::new(self.behind, entries, self.end, lines))
    }
}

impl Batch {
    /// That of `entries` from behind one head up to another, with their lines compressed.
    fn new(behind: Head, entries: &[Pending], head: Head, lines: Vec<u8>) -> Self {
        let times = || entries.iter().map(|entry| entry.at);
        Self {
            first: behind.sequence + 1,
            last: head.sequence,
            head: head.digest,
            earliest: times().min().unwrap_or_default(),
            latest: times().max().unwrap_or_default(),
            lines,
        }
    }

    /// Its lines; none where they cannot be decompressed.
    pub(crate) fn decompress(&self) -> Option<Vec<u8>> {
        let mut lines = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(self.lines.as_slice()).ok()?;
        decoder.take(MAX_LINES_BYTES).read_to_end(&mut lines).ok()?;
        Some(lines)
    }

    /// Where the chain ends with it.
    pub(crate) fn head(&self) -> Head {
        Head { sequence: self.last, digest: self.head }
    }
}

impl From<Head> for AuditHead {
    fn from(head: Head) -> Self {
        Self { sequence: head.sequence, digest: hex::encode(head.digest) }
    }
}

impl std::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, self.digest)
    }
}

impl FromStr for AuditHead {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let invalid = || InvalidHead(text.chars().take(100).collect());
        let (sequence, digest) = text.trim().split_once(':').ok_or_else(invalid)?;
        let digest = digest.to_ascii_lowercase();
        if digest.len() != 64 || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        Ok(Self { sequence: sequence.parse().map_err(|_| invalid())?, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_its_lines() {
        let entries = [("{\"a\":1}", 5), ("{\"a\":2}", 3)].map(|(json, at)| Pending { at, record: json.into() });
        let batch = Chainer::new().chain(Head { sequence: 41, digest: [1; 32] }, &entries);
        assert_eq!((batch.first, batch.last, batch.earliest, batch.latest), (42, 43, 3, 5));
        let lines = String::from_utf8(batch.decompress().unwrap()).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[0], format!("{{\"sequence\":42,\"previous\":\"{}\",\"a\":1}}", "01".repeat(32)));
        assert!(lines[1].contains(&hex::encode(super::super::line::digest_of(lines[0].as_bytes()))));
        assert_eq!(batch.head, super::super::line::digest_of(lines[1].as_bytes()));
    }

    #[tokio::test]
    async fn a_batch_that_grew_is_the_same() {
        let (head, mut chainer) = (Head { sequence: 41, digest: [1; 32] }, Chainer::new());
        for counts in [&[1][..], &[TURN_ENTRIES], &[2, 2, (TURNS_OF_A_TASK + 1) * TURN_ENTRIES + 5]] {
            let entry = |number| Pending { at: 7, record: format!("{{\"a\":{number}}}").into() };
            let entries: Vec<_> = (0..counts[counts.len() - 1]).map(entry).collect();
            let mut growing = Growing::new(head);
            for &count in counts {
                growing.add(&entries[..count]).await;
            }
            let ((behind, grown), at_once) = (growing.finish(&entries), chainer.chain(head, &entries));
            assert_eq!((behind, grown.decompress()), (head, at_once.decompress()));
            assert_eq!(Batch { lines: Vec::new(), ..grown }, Batch { lines: Vec::new(), ..at_once });
        }
    }

    #[test]
    fn a_head_is_read_as_it_is_shown() {
        let head = AuditHead { sequence: 12, digest: "0f".repeat(32) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "12", "12:", "x:00", &format!("12:{}", "0g".repeat(32)), &format!("-1:{}", "00".repeat(32))] {
            assert!(wrong.parse::<AuditHead>().is_err(), "{wrong}");
        }
    }
}
