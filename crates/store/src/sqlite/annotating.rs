//! Labels and tags, written. Every function works in the transaction of its caller.

use std::collections::BTreeSet;

use parados_parameter::rules::{
    merge_tags, no_such_resource, not_found, plan_labels, plan_unlabels, version_not_found,
};
use parados_parameter::{Label, LabelOutcome, Operation, ParameterName, Tag, UnlabelOutcome, Version};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::failure::Failure;

/// LabelParameterVersion.
pub(crate) async fn label(
    connection: &mut SqliteConnection,
    name: &ParameterName,
    version: Option<Version>,
    labels: &[String],
) -> Result<LabelOutcome, Failure> {
    let labelled = Labelled::find(connection, Operation::LabelParameterVersion, name, version).await?;
    let plan = plan_labels(name, &labelled.labels, labels)?;
    for label in &plan.set {
        let upsert = sqlx::query(
            "INSERT INTO label (parameter, version, label) VALUES (?1, ?2, ?3) \
             ON CONFLICT (parameter, label) DO UPDATE SET version = excluded.version",
        );
        let upsert = upsert.bind(labelled.parameter).bind(labelled.version.get()).bind(label.as_str());
        upsert.execute(&mut *connection).await?;
    }
    Ok(LabelOutcome { version: labelled.version, invalid: plan.invalid })
}

/// UnlabelParameterVersion.
pub(crate) async fn unlabel(
    connection: &mut SqliteConnection,
    name: &ParameterName,
    version: Version,
    labels: &[Label],
) -> Result<UnlabelOutcome, Failure> {
    let labelled = Labelled::find(connection, Operation::UnlabelParameterVersion, name, Some(version)).await?;
    let outcome = plan_unlabels(name, &labelled.labels, labels)?;
    for label in &outcome.removed {
        let delete = sqlx::query("DELETE FROM label WHERE parameter = ?1 AND label = ?2");
        delete.bind(labelled.parameter).bind(label.as_str()).execute(&mut *connection).await?;
    }
    Ok(outcome)
}

/// AddTagsToResource.
pub(crate) async fn tag(connection: &mut SqliteConnection, name: &ParameterName, tags: &[Tag]) -> Result<(), Failure> {
    let id = resource(connection, Operation::AddTagsToResource, name).await?;
    let rows = sqlx::query("SELECT key, value FROM tag WHERE parameter = ?1").bind(id);
    let rows = rows.fetch_all(&mut *connection).await?;
    let current = rows.iter().map(|row| Ok(Tag::observed(row.try_get::<&str, _>(0)?, row.try_get::<&str, _>(1)?)));
    let current: Vec<Tag> = current.collect::<Result<_, sqlx::Error>>()?;
    for tag in merge_tags(name, &current, tags)? {
        let upsert = sqlx::query(
            "INSERT INTO tag (parameter, key, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (parameter, key) DO UPDATE SET value = excluded.value",
        );
        upsert.bind(id).bind(tag.key()).bind(tag.value()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// RemoveTagsFromResource.
pub(crate) async fn untag(
    connection: &mut SqliteConnection,
    name: &ParameterName,
    keys: &[String],
) -> Result<(), Failure> {
    let id = resource(connection, Operation::RemoveTagsFromResource, name).await?;
    for key in keys {
        let delete = sqlx::query("DELETE FROM tag WHERE parameter = ?1 AND key = ?2");
        delete.bind(id).bind(key).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A version that is to be labelled or unlabelled.
struct Labelled {
    parameter: i64,
    version: Version,
    labels: BTreeSet<Label>,
}

impl Labelled {
    async fn find(
        connection: &mut SqliteConnection,
        operation: Operation,
        name: &ParameterName,
        version: Option<Version>,
    ) -> Result<Self, Failure> {
        let found = sqlx::query("SELECT id, newest FROM parameter WHERE canonical = ?1").bind(name.canonical());
        let found = found.fetch_optional(&mut *connection).await?.ok_or_else(|| not_found(operation, name))?;
        let parameter: i64 = found.try_get(0)?;
        let version = match version {
            Some(version) => version,
            None => Version::new(found.try_get(1)?).map_err(Failure::damaged)?,
        };
        let kept = sqlx::query("SELECT 1 FROM version WHERE parameter = ?1 AND version = ?2");
        if kept.bind(parameter).bind(version.get()).fetch_optional(&mut *connection).await?.is_none() {
            return Err(version_not_found(operation, name, version).into());
        }
        let labels = sqlx::query("SELECT label FROM label WHERE parameter = ?1 AND version = ?2");
        let labels = labels.bind(parameter).bind(version.get()).fetch_all(connection).await?;
        let labels = labels.iter().map(|row| row.try_get::<&str, _>(0).map(Label::observed));
        Ok(Self { parameter, version, labels: labels.collect::<Result<_, sqlx::Error>>()? })
    }
}

/// The row id of the parameter that is to be tagged or untagged.
async fn resource(
    connection: &mut SqliteConnection,
    operation: Operation,
    name: &ParameterName,
) -> Result<i64, Failure> {
    let found = sqlx::query("SELECT id FROM parameter WHERE canonical = ?1").bind(name.canonical());
    let found = found.fetch_optional(connection).await?;
    Ok(found.ok_or_else(|| no_such_resource(operation, name))?.try_get(0)?)
}
