//! What a record says of its versions.

use jiff::Timestamp;
use parados_parameter::Version;

use crate::document::{HistoryRecord, ParameterRecord};
use crate::field::{self, Field};

/// What a record tells of a version. Holds no value.
pub(super) struct Told {
    pub(super) version: Version,
    pub(super) at: Timestamp,
    pub(super) by: Option<String>,
    /// Which fields the put of it changed, where the version before is there too.
    pub(super) fields: Option<Vec<Field>>,
}

/// The versions that a record has, the oldest first.
pub(super) fn tell(record: &ParameterRecord) -> Vec<Told> {
    let mut told = Vec::new();
    let mut previous = None::<ParameterRecord>;
    let older = record.history.iter().flatten().map(|entry| as_newest(record, entry));
    for version in older.chain([bare(record)]) {
        let next_to = previous.filter(|previous| previous.version.next() == version.version);
        told.push(Told {
            version: version.version,
            at: version.last_modified_date,
            by: version.last_modified_user.clone(),
            fields: next_to.map(|previous| field::differing(&previous, &version)),
        });
        previous = Some(version);
    }
    told
}

/// An older version as a record of its own. Tags are the parameter's and labels move, so they are left out.
fn as_newest(record: &ParameterRecord, entry: &HistoryRecord) -> ParameterRecord {
    ParameterRecord {
        parameter_type: entry.parameter_type,
        value: entry.value.clone(),
        version: entry.version,
        last_modified_date: entry.last_modified_date,
        data_type: entry.data_type.clone(),
        description: entry.description.clone(),
        key_id: entry.key_id.clone(),
        tier: entry.tier,
        policies: entry.policies.clone(),
        allowed_pattern: entry.allowed_pattern.clone(),
        last_modified_user: entry.last_modified_user.clone(),
        ..bare(record)
    }
}

fn bare(record: &ParameterRecord) -> ParameterRecord {
    ParameterRecord { tags: None, labels: None, history: None, ..record.clone() }
}
