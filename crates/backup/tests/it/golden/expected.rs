//! A snapshot as `expected.json` says it. Written out field by field, so that no change of what Parados serialises changes it.

use parados_backup::document::{HistoryRecord, ParameterRecord};
use parados_backup::manifest::ManifestSummary;
use parados_parameter::{Label, Policy, Tag};
use serde_json::{Value, json};

pub(super) fn snapshot(summary: &ManifestSummary, records: &[ParameterRecord]) -> Value {
    let missing = summary.missing.iter().map(|one| json!([one.name.as_str(), format!("{:?}", one.what), one.reason]));
    let target = &summary.target;
    json!({
        "id": summary.id.to_string(),
        "sequence": summary.sequence,
        "target": [target.project, target.environment, target.account, target.region, format!("{:?}", target.store)],
        "tool": summary.tool,
        "started_at": summary.started_at.to_string(),
        "finished_at": summary.finished_at.to_string(),
        "verdict": format!("{:?}", summary.verdict),
        "reused": summary.counts.reused,
        "versions": summary.counts.versions,
        "document": summary.document.key,
        "recipients": summary.recipients,
        "selector": summary.selector,
        "with_history": summary.with_history,
        "with_labels": summary.with_labels,
        "missing": missing.collect::<Vec<_>>(),
        "parameters": records.iter().map(parameter).collect::<Vec<_>>(),
    })
}

fn parameter(record: &ParameterRecord) -> Value {
    json!({
        "name": record.name.as_str(),
        "type": record.parameter_type.to_string(),
        "value": record.value.reveal(),
        "version": record.version.get(),
        "date": record.last_modified_date.to_string(),
        "arn": record.arn,
        "data_type": record.data_type.as_str(),
        "description": record.description.as_ref().map(|text| text.as_str()),
        "key_id": record.key_id.as_ref().map(|text| text.as_str()),
        "tier": record.tier.map(|tier| tier.to_string()),
        "policies": policies(&record.policies),
        "allowed_pattern": record.allowed_pattern.as_ref().map(|text| text.as_str()),
        "user": record.last_modified_user,
        "tags": record.tags.as_ref().map(|tags| tags.iter().map(tag).collect::<Vec<_>>()),
        "labels": record.labels.as_deref().map(labels),
        "history": record.history.as_ref().map(|history| history.iter().map(version).collect::<Vec<_>>()),
    })
}

fn version(record: &HistoryRecord) -> Value {
    json!({
        "version": record.version.get(),
        "type": record.parameter_type.to_string(),
        "value": record.value.reveal(),
        "date": record.last_modified_date.to_string(),
        "user": record.last_modified_user,
        "data_type": record.data_type.as_str(),
        "description": record.description.as_ref().map(|text| text.as_str()),
        "key_id": record.key_id.as_ref().map(|text| text.as_str()),
        "tier": record.tier.map(|tier| tier.to_string()),
        "policies": policies(&record.policies),
        "allowed_pattern": record.allowed_pattern.as_ref().map(|text| text.as_str()),
        "labels": labels(&record.labels),
    })
}

fn tag(tag: &Tag) -> Value {
    json!([tag.key(), tag.value()])
}

fn labels(labels: &[Label]) -> Vec<&str> {
    labels.iter().map(Label::as_str).collect()
}

fn policies(policies: &[Policy]) -> Vec<Value> {
    policies.iter().map(|one| json!([one.policy_text, one.policy_type, one.policy_status])).collect()
}
