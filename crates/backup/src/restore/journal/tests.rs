use std::fs;

use super::*;
use crate::document::Digest;

fn plan() -> (PlanId, PlanHash) {
    (PlanId::from_bytes([1; 8]), PlanHash(Digest::of(b"plan")))
}

fn name(text: &str) -> ParameterName {
    ParameterName::observed(text)
}

fn now() -> Timestamp {
    "2025-10-15T12:00:00Z".parse().unwrap()
}

async fn open(folder: &Path) -> Result<OpenJournal, JournalError> {
    let (id, hash) = plan();
    Journal::in_folder(folder).open(&id, hash, now()).await
}

fn begin(text: &str, step: usize) -> Entry {
    Entry::Begin { name: name(text), step, at: now() }
}

fn end(text: &str, step: usize, version: i64) -> Entry {
    Entry::End { name: name(text), step, version: Some(Version::new(version).unwrap()), at: now() }
}

#[tokio::test]
async fn what_was_recorded_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("restores/plan");
    assert_eq!(Journal::read(&folder).unwrap(), None);
    let journal = open(&folder).await.unwrap();
    assert!(!journal.is_resumed);
    let undo = Entry::Undo { snapshot: "s".into(), at: now() };
    let entries = [undo, begin("/a", 0), begin("/b", 0), end("/a", 0, 4), begin("/a", 1)];
    futures::future::try_join_all(entries.iter().map(|entry| journal.record(entry))).await.unwrap();
    drop(journal);

    let journal = open(&folder).await.unwrap();
    assert!(journal.is_resumed);
    let state = journal.state();
    assert_eq!(state.undo_snapshot.as_deref(), Some("s"));
    let version = Some(Version::new(4).unwrap());
    assert_eq!(state.names[&name("/a")], NameState { ended: 1, begun: true, ended_at: Some(now()), version });
    assert_eq!(state.names[&name("/b")], NameState { begun: true, ..NameState::default() });
    assert_eq!(Journal::read(&folder).unwrap().as_ref(), Some(state));
}

#[tokio::test]
async fn a_journal_that_was_cut_off_anywhere_is_gone_on_with() {
    let parent = tempfile::tempdir().unwrap();
    let whole = parent.path().join("whole");
    let journal = open(&whole).await.unwrap();
    for entry in [begin("/a", 0), end("/a", 0, 1)] {
        journal.record(&entry).await.unwrap();
    }
    drop(journal);
    let bytes = fs::read(whole.join(FILE)).unwrap();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    // Around the end of each line, and in the middle of some.
    let lengths =
        ends.flat_map(|at| [at - 40, at - 1, at, at + 1, at + 2]).chain([0, 1]).filter(|at| *at <= bytes.len());
    for length in lengths {
        let folder = parent.path().join("cut");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE), &bytes[..length]).unwrap();
        let journal = open(&folder).await.unwrap();
        let lines = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        let state = journal.state().names.get(&name("/a")).copied();
        assert_eq!(
            state.map(|state| (state.ended, state.begun)),
            [None, None, Some((0, true)), Some((1, false))][lines]
        );
        assert_eq!(journal.is_resumed, lines > 0, "of {length} bytes");
        journal.record(&begin("/b", 0)).await.unwrap();
        drop(journal);
        let read = Journal::read(&folder).unwrap().unwrap();
        assert!(read.names[&name("/b")].begun, "what is appended stands on a line of its own");
    }
}

#[tokio::test]
async fn damage_another_plan_and_another_process_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    let journal = open(folder).await.unwrap();
    journal.record(&begin("/a", 0)).await.unwrap();
    assert!(matches!(open(folder).await, Err(JournalError::InUse { .. })));
    drop(journal);

    let other = PlanHash(Digest::of(b"another"));
    let refused = Journal::in_folder(folder).open(&plan().0, other, now()).await;
    assert!(matches!(refused, Err(JournalError::OtherPlan { .. })), "{refused:?}");

    let text = fs::read_to_string(folder.join(FILE)).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    let ended = serde_json::to_string(&end("/a", 3, 1)).unwrap();
    for (text, line) in [
        (format!("{first}\nx\n{second}"), 2),
        (format!("{first}\n{ended}\n"), 2),
        (format!("{first}\n{first}\n"), 2),
        (format!("{second}\n"), 1),
    ] {
        fs::write(folder.join(FILE), &text).unwrap();
        let refused = open(folder).await.unwrap_err();
        assert!(matches!(refused, JournalError::Damaged { line: found, .. } if found == line), "{text}: {refused:?}");
    }
    fs::write(folder.join(FILE), text.replace("\"format_version\":1", "\"format_version\":2")).unwrap();
    assert!(matches!(open(folder).await, Err(JournalError::NewerFormat { found: 2, .. })));
    fs::remove_file(folder.join(FILE)).unwrap();
    fs::create_dir(folder.join(FILE)).unwrap();
    assert!(matches!(open(folder).await, Err(JournalError::File { .. })));
}
