//! A document that is parsed on one thread while another takes its records.

use std::io::Read;
use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::document::{self, DocumentError, DocumentSummary, ParameterRecord};

/// From here on a thread more pays.
const MANY: u64 = 1000;
/// Records that are handed over together, …
const BATCH: usize = 64;
/// … and how many batches wait to be taken.
const BATCHES: usize = 4;

/// Reads a document that should hold so many `parameters` to its end; `each` gets its records in order.
///
/// # Errors
/// Those of [`document::read`]; [`DocumentError::Stopped`] when `each` breaks.
pub(super) fn fold<T: Send>(
    content: &mut dyn Read,
    parameters: u64,
    initial: T,
    mut each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()> + Send,
) -> Result<(DocumentSummary, T), DocumentError> {
    if parameters < MANY {
        let mut state = initial;
        let summary = document::read(content, |record| each(&mut state, record))?;
        return Ok((summary, state));
    }
    let (batches, taken) = sync_channel::<Vec<ParameterRecord>>(BATCHES);
    thread::scope(|scope| {
        let taking = scope.spawn(move || {
            let mut state = initial;
            let flow = taken.into_iter().flatten().try_for_each(|record| each(&mut state, record));
            (state, flow)
        });
        let mut batch = Vec::with_capacity(BATCH);
        let summary = document::read(content, |record| {
            batch.push(record);
            let has_gone_on =
                batch.len() < BATCH || batches.send(mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok();
            if has_gone_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        // Who wants no more does not take it either.
        batches.send(batch).ok();
        drop(batches);
        let (state, flow) = taking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match flow {
            ControlFlow::Continue(()) => Ok((summary?, state)),
            ControlFlow::Break(()) => Err(DocumentError::Stopped),
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A document of so many parameters, which says that it has so many.
    fn document(count: u64, said: u64) -> String {
        let one =
            |number| format!(r#"{{"Name":"/{number}","Type":"String","Value":"v","Version":1,"LastModifiedDate":0}}"#);
        let all: Vec<String> = (0..count).map(one).collect();
        format!(r#"{{"parameters":[{}],"parameter_count":{said}}}"#, all.join(","))
    }

    fn names(text: &str, parameters: u64, wanted: usize) -> Result<Vec<String>, DocumentError> {
        let each = |names: &mut Vec<String>, record: ParameterRecord| {
            names.push(record.name.to_string());
            if names.len() == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        fold(&mut text.as_bytes(), parameters, Vec::new(), each).map(|(_, names)| names)
    }

    #[rstest]
    fn every_record_comes_in_order(#[values(3, 999, 1000, 1024, 1087)] count: u64) {
        let names = names(&document(count, count), count, usize::MAX).unwrap();
        assert!(names.iter().enumerate().all(|(at, name)| *name == format!("/{at}")));
        assert_eq!(names.len() as u64, count);
    }

    /// Before there is a batch, in the middle, and with the last record, which is found after the document's end.
    #[rstest]
    fn who_wants_no_more_is_asked_no_more(
        #[values(500, 2000)] count: u64,
        #[values(1, 63, 64, 65, 500)] wanted: usize,
    ) {
        assert!(matches!(names(&document(count, count), count, wanted), Err(DocumentError::Stopped)));
        let all = usize::try_from(count).unwrap();
        assert!(matches!(names(&document(count, count), count, all), Err(DocumentError::Stopped)));
    }

    #[rstest]
    fn what_is_wrong_with_the_document_is_said(#[values(500, 2000)] count: u64) {
        let error = names(&document(count, count + 1), count, usize::MAX).unwrap_err();
        assert!(matches!(error, DocumentError::Count { said, found } if said == count + 1 && found == count));
        let text = document(count, count);
        let error = names(&text[..text.len() / 2], count, usize::MAX).unwrap_err();
        assert!(matches!(error, DocumentError::Truncated { .. }), "{error}");
    }
}
