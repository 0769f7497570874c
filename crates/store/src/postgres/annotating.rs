//! Labels and tags, written. Every function works in the transaction of its caller, which holds the lock of the name.

use std::collections::BTreeSet;

use parados_parameter::rules::{
    merge_tags, no_such_resource, not_found, plan_labels, plan_unlabels, version_not_found,
};
use parados_parameter::{
    Label, LabelOutcome, Operation, ParameterName, ParameterType, StoreError, Tag, UnlabelOutcome, Version,
};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::changing::{self, Happened};
use super::putting::Author;
use super::reading::storable;
use super::row;
use crate::change::ChangeKind;
use crate::failure::Failure;

/// `$1` and `$2` are account and Region, `$3` the canonical name.
const FIND: &str = "SELECT p.id, p.name, p.newest, v.type FROM parameter p \
     JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical = $3";

/// A row where the version is kept, with the labels that it bears. `$1` is the parameter, `$2` the version.
const LABELS: &str = "SELECT (SELECT json_agg(label)::text FROM label WHERE parameter = $1 AND version = $2) \
     FROM version WHERE parameter = $1 AND version = $2";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[(FIND, "text, text, text"), (LABELS, "bigint, bigint")];

/// LabelParameterVersion.
pub(super) async fn label(
    connection: &mut PgConnection,
    author: &Author<'_>,
    name: &ParameterName,
    version: Option<Version>,
    labels: &[String],
) -> Result<LabelOutcome, Failure> {
    const OPERATION: Operation = Operation::LabelParameterVersion;
    let found = Found::named(connection, author, name, || not_found(OPERATION, name)).await?;
    let version = version.unwrap_or(found.newest);
    let borne = found.labels(connection, OPERATION, version).await?;
    let plan = plan_labels(name, &borne, labels)?;
    if !plan.set.is_empty() {
        let set: Vec<&str> = plan.set.iter().map(Label::as_str).collect();
        let upsert = "INSERT INTO label (parameter, version, label) SELECT $1, $2, unnest($3::text[]) \
             ON CONFLICT (parameter, label) DO UPDATE SET version = excluded.version";
        sqlx::query(upsert).bind(found.id).bind(version.get()).bind(set).execute(&mut *connection).await?;
        found.record(connection, author, ChangeKind::LabelParameterVersion, version, &plan.set).await?;
    }
    Ok(LabelOutcome { version, invalid: plan.invalid })
}

/// UnlabelParameterVersion.
pub(super) async fn unlabel(
    connection: &mut PgConnection,
    author: &Author<'_>,
    name: &ParameterName,
    version: Version,
    labels: &[Label],
) -> Result<UnlabelOutcome, Failure> {
    const OPERATION: Operation = Operation::UnlabelParameterVersion;
    let found = Found::named(connection, author, name, || not_found(OPERATION, name)).await?;
    let borne = found.labels(connection, OPERATION, version).await?;
    let outcome = plan_unlabels(name, &borne, labels)?;
    if !outcome.removed.is_empty() {
        let removed: Vec<&str> = outcome.removed.iter().map(Label::as_str).collect();
        let delete = sqlx::query("DELETE FROM label WHERE parameter = $1 AND label = ANY($2)");
        delete.bind(found.id).bind(removed).execute(&mut *connection).await?;
        found.record(connection, author, ChangeKind::UnlabelParameterVersion, version, &outcome.removed).await?;
    }
    Ok(outcome)
}

/// AddTagsToResource.
pub(super) async fn tag(
    connection: &mut PgConnection,
    author: &Author<'_>,
    name: &ParameterName,
    tags: &[Tag],
) -> Result<(), Failure> {
    let missing = || no_such_resource(Operation::AddTagsToResource, name);
    let found = Found::named(connection, author, name, missing).await?;
    let rows = sqlx::query("SELECT key, value FROM tag WHERE parameter = $1").bind(found.id);
    let rows = rows.fetch_all(&mut *connection).await?;
    let current = rows.iter().map(|row| Ok(Tag::observed(row.try_get::<&str, _>(0)?, row.try_get::<&str, _>(1)?)));
    let current: Vec<Tag> = current.collect::<Result<_, sqlx::Error>>()?;
    let merged = merge_tags(name, &current, tags)?;
    if !tags.is_empty() {
        let (keys, values): (Vec<&str>, Vec<&str>) = merged.iter().map(|tag| (tag.key(), tag.value())).unzip();
        let upsert = "INSERT INTO tag (parameter, key, value) \
             SELECT $1, key, value FROM unnest($2::text[], $3::text[]) AS t (key, value) \
             ON CONFLICT (parameter, key) DO UPDATE SET value = excluded.value";
        sqlx::query(upsert).bind(found.id).bind(keys).bind(values).execute(&mut *connection).await?;
        found.record(connection, author, ChangeKind::AddTags, found.newest, &[]).await?;
    }
    Ok(())
}

/// RemoveTagsFromResource.
pub(super) async fn untag(
    connection: &mut PgConnection,
    author: &Author<'_>,
    name: &ParameterName,
    keys: &[String],
) -> Result<(), Failure> {
    let missing = || no_such_resource(Operation::RemoveTagsFromResource, name);
    let found = Found::named(connection, author, name, missing).await?;
    let keys: Vec<String> = keys.iter().map(|key| storable(key)).collect();
    let delete = sqlx::query("DELETE FROM tag WHERE parameter = $1 AND key = ANY($2)").bind(found.id).bind(keys);
    if delete.execute(&mut *connection).await?.rows_affected() > 0 {
        found.record(connection, author, ChangeKind::RemoveTags, found.newest, &[]).await?;
    }
    Ok(())
}

/// A parameter that is to be annotated.
struct Found {
    id: i64,
    name: ParameterName,
    newest: Version,
    parameter_type: ParameterType,
}

impl Found {
    async fn named(
        connection: &mut PgConnection,
        author: &Author<'_>,
        name: &ParameterName,
        missing: impl FnOnce() -> StoreError,
    ) -> Result<Self, Failure> {
        let query = sqlx::query(FIND).bind(author.at.account()).bind(author.at.region());
        let found = query.bind(storable(name.canonical())).fetch_optional(connection).await?.ok_or_else(missing)?;
        Ok(Self {
            id: found.try_get(0)?,
            name: ParameterName::observed(found.try_get::<&str, _>(1)?),
            newest: row::version(found.try_get(2)?)?,
            parameter_type: found.try_get::<&str, _>(3)?.parse().map_err(Failure::damaged)?,
        })
    }

    /// The labels that a version bears.
    async fn labels(
        &self,
        connection: &mut PgConnection,
        operation: Operation,
        version: Version,
    ) -> Result<BTreeSet<Label>, Failure> {
        let row = sqlx::query(LABELS).bind(self.id).bind(version.get()).fetch_optional(connection).await?;
        let row = row.ok_or_else(|| version_not_found(operation, &self.name, version))?;
        Ok(row::list(&row, 0)?.into_iter().collect())
    }

    async fn record(
        &self,
        connection: &mut PgConnection,
        author: &Author<'_>,
        kind: ChangeKind,
        version: Version,
        labels: &[Label],
    ) -> Result<(), Failure> {
        let happened = Happened {
            kind,
            at: author.now,
            place: author.at,
            name: &self.name,
            parameter_type: self.parameter_type,
            version,
            labels,
            user: Some(author.user),
        };
        changing::record(connection, happened).await
    }
}
