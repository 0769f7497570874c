//! Checks a chain: a pure function of its batches, in the order of their first numbers.
//!
//! What says that an entry is whole is what names its digest: the entry behind it, or the head of its batch. So of two that do not fit
//! the one that is whole is told from the other, and the first that is not is named.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Head};
use super::line::{AuditHead, AuditKind, Digest, digest_of};

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditDamage {
    /// The bytes of an entry, or of what is said of it, are others than those that were written.
    Changed,
    /// An entry is gone, and no checkpoint says so.
    Removed,
    /// An entry is in another one's place.
    Reordered,
    /// The chain ends before its head.
    Truncated,
    /// The entry is another one than the one that was seen before.
    Rewritten,
}

/// The first entry that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditFinding {
    /// Its number.
    pub sequence: u64,
    /// What is wrong.
    pub damage: AuditDamage,
    /// How that shows.
    pub reason: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The first broken entry; none where the chain is whole.
    pub finding: Option<AuditFinding>,
    /// The entries that were checked and are whole.
    pub entries: u64,
    /// The number of the first one that is there; those before it were removed behind a checkpoint.
    pub first: u64,
    /// Where the chain ends.
    pub head: AuditHead,
    /// Whether the head that was asked for was compared; it cannot be where its entry was removed behind a checkpoint.
    pub compared: Option<bool>,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequence, reason, .. } = self;
        write!(f, "entry {sequence}: {reason}")
    }
}

/// The part of a line that its place in the chain depends on.
#[derive(Debug, Deserialize)]
struct Link {
    sequence: u64,
    previous: String,
    kind: AuditKind,
    removed: Option<AuditHead>,
}

/// The last entry that was read.
#[derive(Debug)]
struct Last {
    sequence: u64,
    digest: Digest,
    /// What it names does not fit the entry before it, and nothing has said yet whether itself is whole.
    is_suspect: bool,
}

/// Takes batches, and says in the end what is wrong.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// A head that was seen before.
    pin: Option<AuditHead>,
    compared: bool,
    first: u64,
    /// What the first entry names as the one before it.
    before_first: Option<AuditHead>,
    last: Option<Last>,
    checkpoints: Vec<AuditHead>,
    finding: Option<AuditFinding>,
    entries: u64,
}

impl Verifier {
    /// For a chain in which, where there is a `pin`, that has to be found.
    pub(crate) fn new(pin: Option<AuditHead>) -> Self {
        Self {
            pin,
            compared: false,
            first: 1,
            before_first: None,
            last: None,
            checkpoints: Vec::new(),
            finding: None,
            entries: 0,
        }
    }

    /// Whether the rest need not be read.
    pub(crate) fn is_over(&self) -> bool {
        self.finding.is_some()
    }

    /// Takes the next batch.
    pub(crate) fn batch(&mut self, batch: &Batch) {
        let Some(lines) = batch.decompress() else {
            let sequence = self.last.as_ref().map_or(batch.first, |last| last.sequence + 1);
            return self.settle_then(sequence, AuditDamage::Changed, "its batch cannot be decompressed");
        };
        let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
        let links: Vec<Option<Link>> = lines.iter().map(|line| serde_json::from_slice(line).ok()).collect();
        for (at, line) in lines.iter().enumerate() {
            let expected = match &self.last {
                Some(last) => last.sequence + 1,
                None => batch.first,
            };
            match &links[at] {
                Some(link) if link.sequence == expected && line.ends_with(b"\n") => self.link(link, line),
                Some(link) => {
                    let (damage, reason) = out_of_place(link.sequence, expected, &links[at + 1..], batch.last);
                    self.settle_then(expected, damage, &reason);
                }
                None => self.settle_then(expected, AuditDamage::Changed, "it is no entry any more"),
            }
            if self.is_over() {
                return;
            }
        }
        self.end_of(batch);
    }

    /// A line at its place.
    fn link(&mut self, link: &Link, line: &[u8]) {
        let digest = digest_of(line.strip_suffix(b"\n").unwrap_or(line));
        let mut is_suspect = false;
        match &self.last {
            Some(last) if hex::encode(last.digest) != link.previous => {
                if last.is_suspect {
                    return self.found(
                        last.sequence,
                        AuditDamage::Changed,
                        "its digest is not the one that was written",
                    );
                }
                is_suspect = true;
            }
            Some(last) if last.is_suspect => {
                // It is whole, so the one before it is the one that was changed.
                return self.found(
                    last.sequence - 1,
                    AuditDamage::Changed,
                    "its digest is not the one that was written",
                );
            }
            Some(_) => {}
            None => {
                self.first = link.sequence;
                let zeros = link.previous.bytes().all(|digit| digit == b'0');
                if link.sequence == 1 && !zeros {
                    return self.found(1, AuditDamage::Changed, "it is the first, and names one before it");
                }
                let before = AuditHead { sequence: link.sequence - 1, digest: link.previous.clone() };
                self.compare(&before);
                self.before_first = Some(before);
            }
        }
        if link.kind == AuditKind::Checkpoint
            && let Some(removed) = &link.removed
        {
            self.checkpoints.push(removed.clone());
        }
        self.last = Some(Last { sequence: link.sequence, digest, is_suspect });
        if !is_suspect {
            self.entries += 1;
            self.compare(&AuditHead { sequence: link.sequence, digest: hex::encode(digest) });
        }
    }

    /// What the row of a batch says of its last entry.
    fn end_of(&mut self, batch: &Batch) {
        let Some(last) = &self.last else {
            return self.found(batch.first, AuditDamage::Removed, "its batch is empty");
        };
        let sequence = last.sequence;
        if sequence < batch.last {
            return self.settle_then(sequence + 1, AuditDamage::Removed, "its batch ends before it");
        }
        self.confirm(batch.head(), "its batch names another digest");
    }

    /// Takes `head` for the truth about the last entry.
    fn confirm(&mut self, head: Head, reason: &str) {
        let Some(last) = &self.last else { return };
        match (last.digest == head.digest && last.sequence == head.sequence, last.is_suspect) {
            (true, false) => {}
            (true, true) => {
                let sequence = last.sequence - 1;
                self.found(sequence, AuditDamage::Changed, "its digest is not the one that was written");
            }
            (false, _) => {
                let sequence = last.sequence;
                self.found(sequence, AuditDamage::Changed, reason);
            }
        }
    }

    /// The chain has ended; the database says that it ends at `head`.
    pub(crate) fn end(mut self, head: Head) -> VerifyReport {
        if self.finding.is_none() {
            self.end_at(head);
        }
        let last =
            self.last.as_ref().map_or(Head::default(), |last| Head { sequence: last.sequence, digest: last.digest });
        VerifyReport {
            finding: self.finding,
            entries: self.entries,
            first: self.first,
            head: last.into(),
            compared: self.pin.map(|_| self.compared),
        }
    }

    fn end_at(&mut self, head: Head) {
        let (end, is_suspect) = self.last.as_ref().map_or((0, false), |last| (last.sequence, last.is_suspect));
        if is_suspect {
            return self.found(end, AuditDamage::Changed, "its digest is not the one that was written");
        }
        if head.sequence > end {
            return self.found(
                end + 1,
                AuditDamage::Truncated,
                &format!("the chain ends before it; its head is {}", head.sequence),
            );
        }
        if head.sequence < end {
            return self.found(head.sequence + 1, AuditDamage::Changed, "the head of the chain is before it");
        }
        self.confirm(head, "the head of the chain names another digest");
        if self.is_over() {
            return;
        }
        if self.first > 1 && !self.before_first.as_ref().is_some_and(|before| self.checkpoints.contains(before)) {
            return self.found(
                1,
                AuditDamage::Removed,
                &format!("the chain begins at {}, and no checkpoint says so", self.first),
            );
        }
        if let Some(pin) = &self.pin {
            let pinned = pin.sequence;
            if pinned > end {
                return self.found(
                    end + 1,
                    AuditDamage::Truncated,
                    &format!("the chain ends before it, and was seen up to {pinned}"),
                );
            }
            self.compared |= pinned == 0;
        }
    }

    /// Compares an entry with the head that was seen before.
    fn compare(&mut self, seen: &AuditHead) {
        if self.pin.as_ref().is_some_and(|pin| pin.sequence == seen.sequence && seen.sequence > 0) {
            self.compared = true;
            if self.pin.as_ref().is_some_and(|pin| pin.digest != seen.digest) {
                self.found(seen.sequence, AuditDamage::Rewritten, "it is another one than was seen before");
            }
        }
    }

    /// Something is wrong at `sequence`; but where the entry before it is in doubt, that comes first.
    fn settle_then(&mut self, sequence: u64, damage: AuditDamage, reason: &str) {
        match &self.last {
            Some(last) if last.is_suspect => {
                self.found(last.sequence, AuditDamage::Changed, "its digest is not the one that was written");
            }
            _ => self.found(sequence, damage, reason),
        }
    }

    fn found(&mut self, sequence: u64, damage: AuditDamage, reason: &str) {
        if self.finding.is_none() {
            self.finding = Some(AuditFinding { sequence, damage, reason: reason.to_owned() });
        }
    }
}

/// What it means that an entry says to be `found` where `expected` should be; `later` is what follows it in its batch.
fn out_of_place(found: u64, expected: u64, later: &[Option<Link>], last_of_batch: u64) -> (AuditDamage, String) {
    let next = match later.first() {
        Some(next) => next.as_ref().map(|next| next.sequence),
        None => Some(last_of_batch + 1),
    };
    let comes_later = later.iter().flatten().any(|link| link.sequence == expected);
    if next == Some(expected + 1) {
        (AuditDamage::Changed, format!("it says to be entry {found}"))
    } else if comes_later || found < expected {
        (AuditDamage::Reordered, format!("entry {found} is in its place"))
    } else {
        (AuditDamage::Removed, format!("after it comes {found}"))
    }
}

#[cfg(test)]
mod tests;
