//! Decisions that were made with the policies as they are.

use std::hash::{Hash, Hasher};

use parados_parameter::Tag;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::book::Decision;
use super::entity::{Circumstances, Question, Target};

/// Most decisions that are remembered, of some 200 bytes each.
const MAX_DECISIONS: usize = 32 * 1024;

/// Decisions by everything that they were made of.
#[derive(Debug)]
pub(super) struct Decisions(Cache<Asked, Decision>);

#[derive(Clone, Debug)]
struct Asked {
    principal: String,
    region: String,
    action: &'static str,
    kind: u8,
    resource: String,
    tags: Vec<Tag>,
    circumstances: Circumstances,
}

/// An [`Asked`] that is only looked for. A principal's ARN holds its account.
struct Asking<'q>(&'q Question<'q>);

fn kind_and_name<'a>(target: Target<'a>) -> (u8, &'a str) {
    match target {
        Target::Parameter(name) => (0, name.strip_prefix('/').unwrap_or(name)),
        Target::Path(path) => (1, path),
        Target::Store => (2, ""),
    }
}

fn hash<H: Hasher>(state: &mut H, texts: [&str; 4], kind: u8, tags: &[Tag], circumstances: &Circumstances) {
    texts.hash(state);
    kind.hash(state);
    for tag in tags {
        (tag.key(), tag.value()).hash(state);
    }
    circumstances.hash(state);
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let texts = [&*self.principal, &*self.region, self.action, &*self.resource];
        hash(state, texts, self.kind, &self.tags, &self.circumstances);
    }
}

impl Hash for Asking<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (kind, name) = kind_and_name(self.0.target);
        let texts = [self.0.principal, self.0.place.region(), self.0.action, name];
        hash(state, texts, kind, self.0.tags, &self.0.circumstances);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        (&self.principal, &self.region, self.action, self.kind, &self.resource)
            == (&other.principal, &other.region, other.action, other.kind, &other.resource)
            && self.tags == other.tags
            && self.circumstances == other.circumstances
    }
}

impl Eq for Asked {}

impl Equivalent<Asked> for Asking<'_> {
    fn equivalent(&self, asked: &Asked) -> bool {
        let question = self.0;
        (question.principal, question.place.region(), question.action)
            == (&*asked.principal, &*asked.region, asked.action)
            && kind_and_name(question.target) == (asked.kind, &*asked.resource)
            && question.tags == asked.tags
            && question.circumstances == asked.circumstances
    }
}

impl Decisions {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_DECISIONS))
    }

    pub(super) fn get(&self, question: &Question<'_>) -> Option<Decision> {
        self.0.get(&Asking(question))
    }

    pub(super) fn remember(&self, question: &Question<'_>, decision: Decision) {
        let (kind, resource) = kind_and_name(question.target);
        let asked = Asked {
            principal: question.principal.to_owned(),
            region: question.place.region().to_owned(),
            action: question.action,
            kind,
            resource: resource.to_owned(),
            tags: question.tags.to_vec(),
            circumstances: question.circumstances,
        };
        self.0.insert(asked, decision);
    }
}
