//! A stored manifest read as it comes, without having all of it in memory.
//!
//! This tells a manifest that is right, as nearly all are. What is wrong with another one only [`Manifest::parse`] says, which needs
//! it whole.

use std::io::{self, BufRead, Read};

use super::entries::{self, Walked};
use super::stored::{MAX_SIGNATURE_BYTES, PARAMETERS_MARKER, check_armor, find_marker, parse_summary};
use super::{MAX_MANIFEST_BYTES, Manifest, ManifestSummary, ParameterEntry};
use crate::document::{Digest, Measured};
use crate::json::JsonReader;
use crate::signature::{self, MANIFEST_NAMESPACE};

/// A manifest that was read as it came, and is one.
pub(crate) struct WalkedManifest {
    pub(crate) summary: ManifestSummary,
    /// Of the stored manifest.
    pub(crate) digest: Digest,
    /// Of the stored manifest, in bytes.
    pub(crate) size: u64,
}

impl Manifest {
    /// Reads a stored manifest, gives its parameters to `each` as they come, and checks it as [`parse`](Self::parse) does. What was
    /// made of the parameters counts only where this gives something. It gives nothing where the manifest could not be read or is
    /// wrong, and where only the whole of it would tell: a signature over another hash than SHA-256 is one that it does not know.
    pub(crate) fn walk_stream(stored: impl BufRead, mut each: impl FnMut(ParameterEntry)) -> Option<WalkedManifest> {
        let mut stored = Measured::new(stored.take(MAX_MANIFEST_BYTES));
        let summary = parse_summary(&read_head(&mut stored)?).ok()?;
        let signer = signature::parse_public_key(&summary.signer).ok()?;

        let mut list = JsonReader::new(LineReader { inner: &mut stored, ready: 0, ended: false });
        let mut walked = Walked::default();
        list.begin_list().ok()?;
        while list.element(walked.is_empty()).ok()? {
            let entry = list.value_by(entries::read).ok()?;
            walked.note(&entry);
            each(entry);
        }
        if list.member(false).ok()?.is_some() {
            return None;
        }
        list.end().ok()?;
        walked.check(&summary).ok()?;

        let signed = stored.digest();
        let mut armored = Vec::new();
        stored.by_ref().take(MAX_SIGNATURE_BYTES as u64 + 1).read_to_end(&mut armored).ok()?;
        signature::verify_digest(MANIFEST_NAMESPACE, &signed, check_armor(&armored).ok()?, &signer).ok()?;
        let (_, size, digest) = stored.finish();
        Some(WalkedManifest { summary, digest, size })
    }
}

/// Takes what stands before the parameters, and the marker up to the bracket that begins their list. None where that is not in the
/// first line, which is what is signed.
fn read_head(stored: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let block = stored.fill_buf().ok()?;
        if block.is_empty() {
            return None;
        }
        let (before, length) = (head.len(), block.len());
        head.extend_from_slice(block);
        // The marker may lie across the border of two blocks.
        let from = (before + 1).saturating_sub(PARAMETERS_MARKER.len());
        let Some(marker) = find_marker(&head[from..]) else {
            stored.consume(length);
            continue;
        };
        let end = from + marker + PARAMETERS_MARKER.len();
        stored.consume(end - 1 - before);
        head.truncate(end);
        return memchr::memchr(b'\n', &head).is_none().then_some(head);
    }
}

/// Reads up to the end of the line, which it reads too.
struct LineReader<R> {
    inner: R,
    /// How many bytes of the inner reader's buffer are of the line.
    ready: usize,
    /// Whether the line ends with them.
    ended: bool,
}

impl<R: BufRead> BufRead for LineReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready == 0 {
            if self.ended {
                return Ok(&[]);
            }
            let buffer = self.inner.fill_buf()?;
            let end = memchr::memchr(b'\n', buffer);
            (self.ready, self.ended) = (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
        }
        Ok(&self.inner.fill_buf()?[..self.ready])
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.ready -= count;
    }
}

impl<R: BufRead> Read for LineReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
