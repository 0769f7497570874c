//! The manifests of a chain held against one another, and against the newest one that was seen before. Pure.

use std::collections::BTreeMap;

use crate::document::Digest;
use crate::pin::Pin;
use crate::repository::Removal;
use crate::trust::TrustedSigners;

use super::finding::{FindingKind, Noticed};
use super::link::{Content, Link};

/// A chain: what stands at each of its places.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) links: BTreeMap<u64, Link>,
    /// The records of what was removed on purpose, with their keys, by number.
    pub(super) removed: BTreeMap<u64, (String, Removal)>,
    /// The newest one that this machine has seen.
    pub(super) pin: Option<Pin>,
}

impl Chain {
    /// Everything that is wrong with the chain `name`, which the keys of its manifests begin with.
    pub(super) fn check(&self, name: &str, trusted: &TrustedSigners) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        for sequence in 1..=self.newest() {
            match (self.links.get(&sequence), self.removed.get(&sequence)) {
                (Some(link), _) => noticed.extend(self.check_link(sequence, link, trusted)),
                (None, Some((key, removal))) => noticed.extend(self.check_removal(key, removal, trusted)),
                (None, None) => noticed.push(Noticed::finding(
                    FindingKind::Removed,
                    &key(name, sequence),
                    None::<String>,
                    format!("number {sequence} of the chain is missing"),
                )),
            }
        }
        noticed.extend(self.check_pin(name, trusted));
        noticed
    }

    /// The number of the newest manifest, be it there or removed on purpose; 0 where there is none.
    pub(super) fn newest(&self) -> u64 {
        let last = |numbers: Option<&u64>| numbers.copied().unwrap_or(0);
        last(self.links.keys().next_back()).max(last(self.removed.keys().next_back()))
    }

    fn check_link(&self, sequence: u64, link: &Link, trusted: &TrustedSigners) -> Option<Noticed> {
        let Content::Signed { summary, place } = &link.content else { return link.noticed() };
        let finding = |kind, message: String| Some(Noticed::finding(kind, &link.object.key, Some(summary.id), message));
        if !trusted.accept(&summary.signer) {
            return Some(Noticed::untrusted(&link.object.key, Some(summary.id), &summary.signer));
        }
        if let Some(place) = place {
            let of = format!("it is number {} of {}", summary.sequence, summary.target);
            return match place.exchanged {
                true => finding(FindingKind::Swapped, format!("{of}, and the two have changed places")),
                false => finding(FindingKind::Replayed, format!("{of}, put here again")),
            };
        }
        if let Some((_, removal)) = self.removed.get(&sequence)
            && link.digest != Some(removal.manifest_digest)
        {
            return finding(FindingKind::Replayed, "it is not the one that was removed here".into());
        }
        match self.named_after(sequence, trusted) {
            Some(named) if named != link.digest => finding(FindingKind::Replayed, not_named(sequence)),
            _ => None,
        }
    }

    fn check_removal(&self, key: &str, removal: &Removal, trusted: &TrustedSigners) -> Option<Noticed> {
        let named = self.named_after(removal.sequence, trusted)?;
        (named != Some(removal.manifest_digest)).then(|| {
            let message = not_named(removal.sequence);
            Noticed::finding(FindingKind::Forged, key, Some(removal.snapshot), format!("what it removed: {message}"))
        })
    }

    /// Which manifest the next one, or its removal, says that it was written after; nothing where neither is to be believed.
    fn named_after(&self, sequence: u64, trusted: &TrustedSigners) -> Option<Option<Digest>> {
        let next = sequence + 1;
        let link = self.links.get(&next).and_then(Link::summary).filter(|summary| trusted.accept(&summary.signer));
        let previous = match (link, self.removed.get(&next)) {
            (Some(summary), _) => &summary.previous,
            (None, Some((_, removal))) => &removal.previous,
            (None, None) => return None,
        };
        Some(previous.as_ref().map(|previous| previous.digest))
    }

    fn check_pin(&self, name: &str, trusted: &TrustedSigners) -> Option<Noticed> {
        let pin = self.pin.as_ref()?;
        let object = key(name, pin.sequence);
        let seen = format!("this machine saw number {} of the chain", pin.sequence);
        let finding =
            |kind, message: &str| Some(Noticed::finding(kind, &object, Some(pin.id), format!("{seen}, {message}")));
        match (self.links.get(&pin.sequence), self.removed.get(&pin.sequence)) {
            (Some(link), _) if link.digest == Some(pin.digest) => None,
            // What is wrong with it by itself was said already.
            (Some(link), _) if !link.summary().is_some_and(|summary| trusted.accept(&summary.signer)) => None,
            (None, Some((_, removal))) if removal.manifest_digest == pin.digest => None,
            (Some(_), _) | (None, Some(_)) => finding(FindingKind::Replayed, "and it was another one"),
            (None, None) => match self.newest() {
                0 => finding(FindingKind::Removed, "and there is nothing of the chain"),
                newest if newest > pin.sequence => None,
                newest => finding(FindingKind::Replayed, &format!("and its newest is number {newest}")),
            },
        }
    }
}

fn not_named(sequence: u64) -> String {
    format!("it is not the one that number {} was written after", sequence + 1)
}

fn key(chain: &str, sequence: u64) -> String {
    format!("{chain}/{sequence:010}.manifest")
}
