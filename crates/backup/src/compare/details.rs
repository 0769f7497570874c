//! What the fields that differ were and are: opens both sides once more, and takes out what is to be told.

use std::collections::{BTreeMap, BTreeSet};

use parados_parameter::ParameterName;

use super::diff::throwaway;
use super::join::{Difference, DifferenceKind, FieldDifference};
use super::{CompareContext, CompareError, Details, DiffRequest, Side, mapped};
use crate::document::ParameterRecord;
use crate::event::Observer;
use crate::field::{self, Field};
use crate::restore::transform::map_name;

type Records = BTreeMap<ParameterName, ParameterRecord>;

/// Fills in what the fields of `differences` were and are.
pub(super) async fn fill(
    context: &CompareContext,
    before: &Side,
    after: &Side,
    differences: &mut [Difference],
    request: &DiffRequest,
    observer: &dyn Observer,
) -> Result<(), CompareError> {
    let DiffRequest { maps, details, .. } = request;
    let names: BTreeSet<_> = differences.iter().map(|one| one.name.clone()).collect();
    let before = records(context, before, mapped::originals(maps, &names), observer).await?;
    let before: Records = before.into_iter().map(|(name, record)| (map_name(maps, &name), record)).collect();
    let after = records(context, after, names, observer).await?;
    for difference in differences {
        if difference.kind == DifferenceKind::Unread {
            continue;
        }
        let (a, b) = (before.get(&difference.name), after.get(&difference.name));
        if difference.fields.is_empty() && (a.is_none() || b.is_none()) {
            difference.fields = of_one(a.or(b));
        }
        for one in &mut difference.fields {
            let of = |record: Option<&ParameterRecord>| record.and_then(|record| field::in_words(record, one.field));
            let value = |record: Option<&ParameterRecord>| {
                let wanted = one.field == Field::Value && *details == Details::Values;
                record.filter(|_| wanted).map(|record| record.value.clone())
            };
            let (from, to) = (of(a), of(b));
            let (value_from, value_to) = (value(a), value(b));
            *one = FieldDifference { from, to, value_from, value_to, ..FieldDifference::of(one.field) };
        }
    }
    Ok(())
}

/// All that a parameter has which is there on one side only.
fn of_one(record: Option<&ParameterRecord>) -> Vec<FieldDifference> {
    let Some(record) = record else { return Vec::new() };
    let said = |field: &Field| match field {
        Field::Value => true,
        // Older versions are what `log` tells; a comparison of two states does not.
        Field::History => false,
        field => field::in_words(record, *field).is_some(),
    };
    Field::ALL.into_iter().filter(said).map(FieldDifference::of).collect()
}

async fn records(
    context: &CompareContext,
    side: &Side,
    names: BTreeSet<ParameterName>,
    observer: &dyn Observer,
) -> Result<Records, CompareError> {
    if names.is_empty() {
        return Ok(Records::new());
    }
    if let Side::Live(live) = side {
        let mut records = Records::new();
        let take = |record: ParameterRecord| _ = records.insert(record.name.clone(), record);
        live.read(Some(names), false, &throwaway(context), observer, take).await?;
        return Ok(records);
    }
    let take = move |records: &mut Records, record: ParameterRecord| {
        if names.contains(&record.name) {
            records.insert(record.name.clone(), record);
        }
    };
    side.read(&context.identities, Records::new(), take).await
}
