//! Every kind of damage, anywhere in a chain, is noticed and named.

use proptest::prelude::*;

use super::super::batch::{Chainer, Pending};
use super::super::line::AuditRecord;
use super::*;

const RECORD: &str = r#"{"at":"2026-11-24T15:00:00.250Z","kind":"call","outcome":"ok","principal":"p"#;

/// A chain in batches of these sizes.
fn chain_of(sizes: &[usize]) -> (Vec<Batch>, Head) {
    let (mut chainer, mut head, mut batches) = (Chainer::new(), Head::default(), Vec::new());
    for size in sizes {
        let entries: Vec<_> = (0..*size)
            .map(|at| Pending { at: 0, record: format!("{RECORD}{}-{at}\"}}", batches.len()).into_bytes() })
            .collect();
        let batch = chainer.chain(head, &entries);
        head = batch.head();
        batches.push(batch);
    }
    (batches, head)
}

fn verify(batches: &[Batch], head: Head, pin: Option<AuditHead>) -> VerifyReport {
    let mut verifier = Verifier::new(pin);
    for batch in batches {
        if !verifier.is_over() {
            verifier.batch(batch);
        }
    }
    verifier.end(head)
}

/// The batch that holds `sequence`, and where in it.
fn find(batches: &[Batch], sequence: u64) -> (usize, usize) {
    let batch = batches.iter().position(|batch| batch.last >= sequence).unwrap();
    (batch, usize::try_from(sequence - batches[batch].first).unwrap())
}

/// Changes the lines of a batch, and nothing else of it.
fn edit(batch: &mut Batch, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<_> =
        batch.decompress().unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    batch.lines = zstd::bulk::compress(&lines.concat(), 1).unwrap();
}

fn shape() -> impl Strategy<Value = (Vec<usize>, prop::sample::Index, prop::sample::Index)> {
    (prop::collection::vec(1_usize..6, 1..6), any::<prop::sample::Index>(), any::<prop::sample::Index>())
}

proptest! {
    #[test]
    fn a_whole_chain_is_whole((sizes, at, _) in shape()) {
        let (batches, head) = chain_of(&sizes);
        let sequence = at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1;
        let (batch, line) = find(&batches, sequence);
        let lines = batches[batch].decompress().unwrap();
        let line = lines.split(|byte| *byte == b'\n').nth(line).unwrap();
        let pin = AuditHead { sequence, digest: hex::encode(digest_of(line)) };
        let report = verify(&batches, head, Some(pin.clone()));
        prop_assert_eq!(&report.finding, &None);
        prop_assert_eq!((report.entries, report.head.clone(), report.compared), (head.sequence, head.into(), Some(true)));
        let other = AuditHead { digest: "00".repeat(32), ..pin };
        let finding = verify(&batches, head, Some(other)).finding.unwrap();
        prop_assert_eq!((finding.sequence, finding.damage), (sequence, AuditDamage::Rewritten));
    }

    #[test]
    fn a_flipped_bit_is_named((sizes, at, byte) in shape(), bit in 0_u8..8) {
        let (mut batches, head) = chain_of(&sizes);
        let sequence = at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1;
        let (batch, line) = find(&batches, sequence);
        edit(&mut batches[batch], |lines| {
            let index = byte.index(lines[line].len() - 1);
            lines[line][index] ^= 1 << bit;
        });
        let finding = verify(&batches, head, None).finding;
        prop_assert_eq!(finding.as_ref().map(|finding| finding.sequence), Some(sequence), "{:?}", finding);
    }

    #[test]
    fn a_flipped_bit_of_a_row_is_noticed((sizes, at, byte) in shape(), bit in 0_u8..8) {
        let (mut batches, head) = chain_of(&sizes);
        let (batch, _) = find(&batches, at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1);
        let before = batches[batch].decompress();
        let index = byte.index(batches[batch].lines.len());
        batches[batch].lines[index] ^= 1 << bit;
        // A frame's flags may be flipped without another content.
        prop_assume!(batches[batch].decompress() != before);
        let (first, last) = (batches[batch].first, batches[batch].last);
        let finding = verify(&batches, head, None).finding.unwrap();
        prop_assert!((first..=last).contains(&finding.sequence), "{finding:?}");
    }

    #[test]
    fn a_removed_entry_is_named((sizes, at, _) in shape()) {
        let (mut batches, head) = chain_of(&sizes);
        let sequence = at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1;
        let (batch, line) = find(&batches, sequence);
        edit(&mut batches[batch], |lines| drop(lines.remove(line)));
        let finding = verify(&batches, head, None).finding.unwrap();
        prop_assert_eq!((finding.sequence, finding.damage), (sequence, AuditDamage::Removed), "{}", finding.reason);
    }

    #[test]
    fn a_removed_batch_is_named((sizes, at, _) in shape()) {
        let (mut batches, head) = chain_of(&sizes);
        let removed = batches.remove(at.index(batches.len()));
        let finding = verify(&batches, head, None).finding.unwrap();
        let damage = if removed.last == head.sequence { AuditDamage::Truncated } else { AuditDamage::Removed };
        prop_assert_eq!((finding.sequence, finding.damage), (removed.first, damage), "{}", finding.reason);
    }

    #[test]
    fn a_truncated_chain_is_noticed_against_a_head((sizes, at, _) in shape()) {
        let (mut batches, head) = chain_of(&sizes);
        batches.truncate(at.index(batches.len()));
        let end = batches.last().map_or(Head::default(), Batch::head);
        let finding = verify(&batches, head, None).finding.unwrap();
        prop_assert_eq!((finding.sequence, finding.damage), (end.sequence + 1, AuditDamage::Truncated));
        // Who takes the head back too is noticed by who pinned it.
        prop_assert_eq!(verify(&batches, end, None).finding, None);
        let finding = verify(&batches, end, Some(head.into())).finding.unwrap();
        prop_assert_eq!((finding.sequence, finding.damage), (end.sequence + 1, AuditDamage::Truncated));
    }

    #[test]
    fn two_entries_that_change_places_are_named((sizes, at, _) in shape()) {
        let (mut batches, head) = chain_of(&sizes);
        let sequence = at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1;
        let (batch, line) = find(&batches, sequence);
        prop_assume!(sequence < batches[batch].last);
        edit(&mut batches[batch], |lines| lines.swap(line, line + 1));
        let finding = verify(&batches, head, None).finding.unwrap();
        prop_assert_eq!((finding.sequence, finding.damage), (sequence, AuditDamage::Reordered), "{}", finding.reason);
    }

    #[test]
    fn entries_that_are_numbered_anew_behind_a_removed_one_are_noticed((sizes, at, _) in shape()) {
        let (mut batches, head) = chain_of(&sizes);
        let sequence = at.index(usize::try_from(head.sequence).unwrap()) as u64 + 1;
        let (batch, line) = find(&batches, sequence);
        prop_assume!(sequence < batches[batch].last);
        let first = batches[batch].first;
        edit(&mut batches[batch], |lines| {
            lines.remove(line);
            for (number, line) in (first..).zip(lines) {
                let text = String::from_utf8(line.clone()).unwrap();
                *line = format!("{{\"sequence\":{number},{}", text.split_once(',').unwrap().1).into_bytes();
            }
        });
        let finding = verify(&batches, head, None).finding.unwrap();
        prop_assert!((sequence..=sequence + 1).contains(&finding.sequence), "{finding:?}");
    }
}

#[test]
fn an_empty_chain_is_whole() {
    let report = verify(&[], Head::default(), None);
    assert_eq!((report.finding, report.entries), (None, 0));
}

#[test]
fn what_was_removed_behind_a_checkpoint_is_not_missed() {
    let (mut batches, head) = chain_of(&[2, 3, 1]);
    let removed: AuditHead = batches[0].head().into();
    let checkpoint = AuditRecord::of_checkpoint(jiff::Timestamp::UNIX_EPOCH, removed.clone()).to_json();
    let batch = Chainer::new().chain(head, &[Pending { at: 0, record: checkpoint }]);
    let head = batch.head();
    batches.push(batch);
    assert_eq!(verify(&batches, head, None).finding, None);
    let first = batches.remove(0);
    let report = verify(&batches, head, Some(removed.clone()));
    assert_eq!((report.finding, report.first, report.compared), (None, 3, Some(true)));
    let before = AuditHead { sequence: 1, digest: "11".repeat(32) };
    assert_eq!(verify(&batches, head, Some(before)).compared, Some(false));
    // More than it says is gone.
    let second = batches.remove(0);
    let finding = verify(&batches, head, None).finding.unwrap();
    assert_eq!((finding.sequence, finding.damage), (1, AuditDamage::Removed));
    // The checkpoint itself is gone.
    batches.splice(..0, [first, second]);
    let last = batches.pop().unwrap();
    assert_eq!(verify(&batches, head, None).finding.unwrap().sequence, last.first);
}
