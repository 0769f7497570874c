//! What holds for the document reader, whatever the bytes.

use std::ops::ControlFlow;

use parados_backup::document::{DocumentError, DocumentSummary, ParameterRecord, Writer, read};

/// Reading never panics, and what reads as a document is the same when it is written and read again.
pub(crate) fn check(bytes: &[u8]) {
    let Ok((summary, records)) = read_all(bytes) else { return };
    assert_eq!(summary.parameter_count, records.len() as u64);

    let mut writer = Writer::new(Vec::new(), &summary.header).expect("a Vec takes every byte");
    for record in &records {
        writer.write(record).expect("a Vec takes every byte");
    }
    let (written, _) = writer.finish().expect("a Vec takes every byte");
    let (summary_again, records_again) = read_all(&written).expect("what was written is a document");
    assert_eq!(summary_again, summary);
    assert!(records_again == records, "a record changed");
}

fn read_all(bytes: &[u8]) -> Result<(DocumentSummary, Vec<ParameterRecord>), DocumentError> {
    let mut records = Vec::new();
    let summary = read(bytes, |record| {
        records.push(record);
        ControlFlow::Continue(())
    })?;
    Ok((summary, records))
}
