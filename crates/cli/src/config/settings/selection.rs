//! The selector of an environment: out of the file, and in words.

use parados_parameter::{Glob, Selector};

use crate::config::file::SelectorSection;
use crate::config::value::Parsed;

/// The selector that a section of the file makes.
pub(super) fn of_section(section: &SelectorSection) -> Selector {
    fn plain<T: Clone>(values: &[Parsed<T>]) -> Vec<T> {
        values.iter().map(|value| value.0.clone()).collect()
    }
    Selector {
        name_contains: section.name_contains.clone(),
        name_begins_with: section.name_begins_with.clone(),
        paths: section.paths.clone(),
        types: plain(&section.types),
        tiers: plain(&section.tiers),
        key_ids: plain(&section.keys),
        tags: plain(&section.tags),
        include: plain(&section.include),
        exclude: plain(&section.exclude),
    }
}

/// A selector in words, as it stands in manifests.
pub(crate) fn text(selector: &Selector) -> String {
    fn texts<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }
    let globs = |globs: &[Glob]| globs.iter().map(|glob| glob.as_str().to_owned()).collect::<Vec<_>>();
    let tags = selector.tags.iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    let conditions = [
        ("name_contains", selector.name_contains.clone()),
        ("name_begins_with", selector.name_begins_with.clone()),
        ("paths", selector.paths.clone()),
        ("types", texts(&selector.types)),
        ("tiers", texts(&selector.tiers)),
        ("keys", texts(&selector.key_ids)),
        ("tags", tags),
        ("include", globs(&selector.include)),
        ("exclude", globs(&selector.exclude)),
    ];
    let given = conditions.iter().filter(|(_, values)| !values.is_empty());
    let words: Vec<_> = given.map(|(name, values)| format!("{name}: {}", values.join(", "))).collect();
    match words.as_slice() {
        [] => "everything".to_owned(),
        words => words.join("; "),
    }
}
