//! The licence of every dependency, against the list in `deny.toml`; so that it is checked where cargo-deny is not installed.

use cargo_metadata::Metadata;
use spdx::{Expression, ParseMode};

use crate::failure::Failure;

pub(super) fn violations(metadata: &Metadata, allowed: &[String]) -> Vec<String> {
    let packages = metadata.packages.iter();
    packages.filter_map(|package| forbidden_licence(&package.name, package.license.as_deref(), allowed)).collect()
}

/// `licenses.allow` of `deny.toml`.
///
/// # Errors
/// When it is not there.
pub(super) fn allowed(deny: &str) -> Result<Vec<String>, Failure> {
    let document: toml::Table =
        deny.parse().map_err(|error| Failure::Other(format!("deny.toml cannot be read: {error}")))?;
    let list = document.get("licenses").and_then(|licenses| licenses.get("allow")).and_then(toml::Value::as_array);
    let list = list.ok_or_else(|| Failure::Other("deny.toml has no licenses.allow".to_owned()))?;
    Ok(list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

fn forbidden_licence(name: &str, licence: Option<&str>, allowed: &[String]) -> Option<String> {
    let Some(licence) = licence else {
        return Some(format!("{name}: states no licence"));
    };
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("{name}: {licence} is no SPDX expression"));
    };
    let fine = expression.evaluate(|requirement| allowed.iter().any(|allowed| *allowed == requirement.to_string()));
    (!fine).then(|| format!("{name}: its licence, {licence}, is not among those of deny.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_is_not_listed_is_found() {
        let allowed = allowed("[licenses]\nallow = ['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception']").unwrap();
        for bad in [Some("GPL-3.0-only"), Some("MIT AND AGPL-3.0-or-later"), Some("nonsense licence"), None] {
            assert!(forbidden_licence("x", bad, &allowed).is_some(), "{bad:?}");
        }
        for good in ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "Apache-2.0 WITH LLVM-exception AND MIT"] {
            assert_eq!(forbidden_licence("x", Some(good), &allowed), None);
        }
    }

    #[test]
    fn a_list_that_is_missing_is_an_error() {
        assert!(allowed("[bans]").is_err());
    }
}
