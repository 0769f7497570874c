//! The list of a manifest's parameters, read one by one.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::{ManifestError, ManifestSummary, ParameterEntry};

/// What was seen of a list.
pub(super) struct Walked {
    count: u64,
    /// The first two that do not stand in order.
    misplaced: Option<[String; 2]>,
}

impl Walked {
    /// Checks the rules of the parameters: their number, their order, each once.
    pub(super) fn check(self, summary: &ManifestSummary) -> Result<(), ManifestError> {
        if summary.counts.parameters != self.count {
            let rule = format!("it is {}, and there are {}", summary.counts.parameters, self.count);
            return Err(ManifestError::invalid("counts.parameters", rule));
        }
        match self.misplaced {
            None => Ok(()),
            Some([first, second]) => {
                let rule = format!("{first} stands before {second}");
                Err(ManifestError::invalid("order of parameters", rule))
            }
        }
    }
}

/// Gives each parameter of a list, as JSON, to `each`.
pub(super) fn walk(list: &[u8], each: impl FnMut(ParameterEntry)) -> Result<Walked, ManifestError> {
    let mut json = serde_json::Deserializer::from_slice(list);
    let walked = Walk(each).deserialize(&mut json).and_then(|walked| json.end().map(|()| walked));
    walked.map_err(ManifestError::Content)
}

struct Walk<F>(F);

impl<'de, F: FnMut(ParameterEntry)> DeserializeSeed<'de> for Walk<F> {
    type Value = Walked;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Walked, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(ParameterEntry)> Visitor<'de> for Walk<F> {
    type Value = Walked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of parameters")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Walked, A::Error> {
        let mut walked = Walked { count: 0, misplaced: None };
        // One buffer for all names: there may be a hundred thousand.
        let mut previous = String::new();
        while let Some(entry) = sequence.next_element::<ParameterEntry>()? {
            if walked.count > 0 && walked.misplaced.is_none() && previous.as_str() >= entry.name.canonical() {
                walked.misplaced = Some([previous.clone(), entry.name.to_string()]);
            }
            previous.clear();
            previous.push_str(entry.name.canonical());
            walked.count += 1;
            (self.0)(entry);
        }
        Ok(walked)
    }
}
