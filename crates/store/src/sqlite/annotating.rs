//! Labels and tags, written.

use std::collections::BTreeSet;

use async_trait::async_trait;
use parados_parameter::rules::{
    merge_tags, no_such_resource, not_found, plan_labels, plan_unlabels, version_not_found,
};
use parados_parameter::{
    Label, LabelOutcome, Operation, ParameterName, ParameterType, StoreError, Tag, UnlabelOutcome, Version,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::changing::{self, Happened};
use super::queue::{Work, Writing};
use super::row::{self, place_id};
use super::store::Author;
use crate::change::ChangeKind;
use crate::failure::Failure;

/// `?1` is the place, `?2` the canonical name.
const FIND: &str = concat!(
    "SELECT p.id, p.name, p.newest, v.type FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2"
);

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND];

/// LabelParameterVersion.
pub(super) struct SetLabels {
    pub(super) author: Author,
    pub(super) name: ParameterName,
    pub(super) version: Option<Version>,
    pub(super) labels: Vec<String>,
}

/// UnlabelParameterVersion.
pub(super) struct RemoveLabels {
    pub(super) author: Author,
    pub(super) name: ParameterName,
    pub(super) version: Version,
    pub(super) labels: Vec<Label>,
}

/// AddTagsToResource.
pub(super) struct AddTags {
    pub(super) author: Author,
    pub(super) name: ParameterName,
    pub(super) tags: Vec<Tag>,
}

/// RemoveTagsFromResource.
pub(super) struct RemoveTags {
    pub(super) author: Author,
    pub(super) name: ParameterName,
    pub(super) keys: Vec<String>,
}

#[async_trait]
impl Work for SetLabels {
    type Outcome = LabelOutcome;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<LabelOutcome, Failure> {
        const OPERATION: Operation = Operation::LabelParameterVersion;
        let found = Found::named(writing, &self.author, &self.name, || not_found(OPERATION, &self.name)).await?;
        let version = self.version.unwrap_or(found.newest);
        let borne = found.labels(writing.connection, OPERATION, version).await?;
        let plan = plan_labels(&self.name, &borne, &self.labels)?;
        for label in &plan.set {
            let upsert = sqlx::query(
                "INSERT INTO label (parameter, version, label) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (parameter, label) DO UPDATE SET version = excluded.version",
            );
            let upsert = upsert.bind(found.id).bind(version.get()).bind(label.as_str());
            upsert.execute(&mut *writing.connection).await?;
        }
        if !plan.set.is_empty() {
            found.record(writing, &self.author, ChangeKind::LabelParameterVersion, version, &plan.set).await?;
        }
        Ok(LabelOutcome { version, invalid: plan.invalid })
    }
}

#[async_trait]
impl Work for RemoveLabels {
    type Outcome = UnlabelOutcome;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<UnlabelOutcome, Failure> {
        const OPERATION: Operation = Operation::UnlabelParameterVersion;
        let found = Found::named(writing, &self.author, &self.name, || not_found(OPERATION, &self.name)).await?;
        let borne = found.labels(writing.connection, OPERATION, self.version).await?;
        let outcome = plan_unlabels(&self.name, &borne, &self.labels)?;
        for label in &outcome.removed {
            let delete = sqlx::query("DELETE FROM label WHERE parameter = ?1 AND label = ?2");
            delete.bind(found.id).bind(label.as_str()).execute(&mut *writing.connection).await?;
        }
        if !outcome.removed.is_empty() {
            let kind = ChangeKind::UnlabelParameterVersion;
            found.record(writing, &self.author, kind, self.version, &outcome.removed).await?;
        }
        Ok(outcome)
    }
}

#[async_trait]
impl Work for AddTags {
    type Outcome = ();

    async fn run(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let missing = || no_such_resource(Operation::AddTagsToResource, &self.name);
        let found = Found::named(writing, &self.author, &self.name, missing).await?;
        let rows = sqlx::query("SELECT key, value FROM tag WHERE parameter = ?1").bind(found.id);
        let rows = rows.fetch_all(&mut *writing.connection).await?;
        let current = rows.iter().map(|row| Ok(Tag::observed(row.try_get::<&str, _>(0)?, row.try_get::<&str, _>(1)?)));
        let current: Vec<Tag> = current.collect::<Result<_, sqlx::Error>>()?;
        for tag in merge_tags(&self.name, &current, &self.tags)? {
            let upsert = sqlx::query(
                "INSERT INTO tag (parameter, key, value) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (parameter, key) DO UPDATE SET value = excluded.value",
            );
            upsert.bind(found.id).bind(tag.key()).bind(tag.value()).execute(&mut *writing.connection).await?;
        }
        if !self.tags.is_empty() {
            found.record(writing, &self.author, ChangeKind::AddTags, found.newest, &[]).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Work for RemoveTags {
    type Outcome = ();

    async fn run(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let missing = || no_such_resource(Operation::RemoveTagsFromResource, &self.name);
        let found = Found::named(writing, &self.author, &self.name, missing).await?;
        let mut removed = 0;
        for key in &self.keys {
            let delete = sqlx::query("DELETE FROM tag WHERE parameter = ?1 AND key = ?2");
            let delete = delete.bind(found.id).bind(key).execute(&mut *writing.connection).await?;
            removed += delete.rows_affected();
        }
        if removed > 0 {
            found.record(writing, &self.author, ChangeKind::RemoveTags, found.newest, &[]).await?;
        }
        Ok(())
    }
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
        writing: &mut Writing<'_>,
        author: &Author,
        name: &ParameterName,
        missing: impl FnOnce() -> StoreError,
    ) -> Result<Self, Failure> {
        let found = sqlx::query(FIND).bind(author.at.to_string()).bind(name.canonical());
        let found = found.fetch_optional(&mut *writing.connection).await?.ok_or_else(missing)?;
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
        connection: &mut SqliteConnection,
        operation: Operation,
        version: Version,
    ) -> Result<BTreeSet<Label>, Failure> {
        let kept = sqlx::query("SELECT 1 FROM version WHERE parameter = ?1 AND version = ?2");
        if kept.bind(self.id).bind(version.get()).fetch_optional(&mut *connection).await?.is_none() {
            return Err(version_not_found(operation, &self.name, version).into());
        }
        let labels = sqlx::query("SELECT label FROM label WHERE parameter = ?1 AND version = ?2");
        let labels = labels.bind(self.id).bind(version.get()).fetch_all(connection).await?;
        let labels = labels.iter().map(|row| row.try_get::<&str, _>(0).map(Label::observed));
        Ok(labels.collect::<Result<_, sqlx::Error>>()?)
    }

    async fn record(
        &self,
        writing: &mut Writing<'_>,
        author: &Author,
        kind: ChangeKind,
        version: Version,
        labels: &[Label],
    ) -> Result<(), Failure> {
        let happened = Happened {
            kind,
            at: author.now,
            place: &author.at,
            name: &self.name,
            parameter_type: self.parameter_type,
            version,
            labels,
            user: Some(&author.user),
        };
        changing::record(writing, happened).await
    }
}
