//! Which crate may use which, and what every crate's manifest says.

use cargo_metadata::{DependencyKind, Metadata, Package};

/// The whole table: a crate and those that it may use. A crate that is not here may not be.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("parados-parameter", &[]),
    ("parados-aws", &["parados-parameter"]),
    ("parados-store", &["parados-parameter"]),
    ("parados-backup", &["parados-parameter"]),
    ("parados-infra", &["parados-parameter", "parados-aws"]),
    ("parados-server", &["parados-parameter", "parados-store"]),
    (
        "parados",
        &["parados-parameter", "parados-aws", "parados-store", "parados-backup", "parados-infra", "parados-server"],
    ),
    ("bench", &["parados-parameter", "parados-store", "parados-backup"]),
    ("testkit", &[]),
    ("xtask", &["testkit"]),
];

/// What any crate's tests may use.
const TESTS_MAY_USE: &str = "testkit";

/// What one crate's tests may use beside: the server is held to the contract through AWS's SDK, which is what its clients use.
const TESTS_MAY_ALSO_USE: [(&str, &str); 1] = [("parados-server", "parados-aws")];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn violations(metadata: &Metadata) -> Vec<String> {
    let members = metadata.workspace_packages();
    let is_member = |name: &str| members.iter().any(|member| member.name.as_str() == name);
    let mut found = Vec::new();
    for member in &members {
        let edges = member.dependencies.iter().filter(|dependency| is_member(&dependency.name));
        found.extend(edges.filter_map(|edge| forbidden_edge(&member.name, &edge.name, edge.kind)));
        found.extend(incomplete_manifest(member));
    }
    found.extend(metadata.packages.iter().filter_map(|package| {
        let source = package.source.as_ref()?;
        foreign_source(&package.name, &source.repr)
    }));
    found
}

fn forbidden_edge(from: &str, to: &str, kind: DependencyKind) -> Option<String> {
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == from) else {
        return Some(format!("{from}: is not in the table of crates (xtask/src/tidy/crates.rs)"));
    };
    let is_for_tests = to == TESTS_MAY_USE || to == from || TESTS_MAY_ALSO_USE.contains(&(from, to));
    let fine = allowed.contains(&to) || (kind == DependencyKind::Development && is_for_tests);
    (!fine).then(|| format!("{from}: may not use {to}"))
}

fn incomplete_manifest(member: &Package) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |there: bool, what: &str| {
        if !there {
            found.push(format!("{}: its manifest lacks {what}", member.name));
        }
    };
    expect(member.description.as_ref().is_some_and(|text| !text.is_empty()), "a description");
    expect(member.license.is_some(), "a licence");
    expect(member.rust_version.is_some(), "rust-version.workspace");
    let manifest = std::fs::read_to_string(&member.manifest_path).unwrap_or_default();
    expect(manifest.contains("[lints]\nworkspace = true"), "[lints] workspace = true");
    found
}

fn foreign_source(name: &str, source: &str) -> Option<String> {
    (source != CRATES_IO).then(|| format!("{name}: comes from {source} and not from crates.io"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_the_table_lacks_is_found() {
        use DependencyKind::{Development, Normal};
        assert!(forbidden_edge("parados-backup", "parados-aws", Normal).is_some());
        assert!(forbidden_edge("parados-parameter", "testkit", Normal).is_some());
        assert!(forbidden_edge("parados-backup", "parados-store", Development).is_some());
        assert!(forbidden_edge("parados-new", "parados-parameter", Normal).is_some());
        assert_eq!(forbidden_edge("parados-backup", "parados-parameter", Normal), None);
        assert_eq!(forbidden_edge("parados-parameter", "testkit", Development), None);
        assert!(forbidden_edge("parados-server", "parados-aws", Normal).is_some());
        assert_eq!(forbidden_edge("parados-server", "parados-aws", Development), None);
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (from, allowed) in MAY_USE {
            let before = MAY_USE.iter().position(|(name, _)| *name == from).unwrap();
            for to in allowed {
                assert!(
                    MAY_USE.iter().position(|(name, _)| name == to).unwrap() < before,
                    "{from} uses {to}, which is further down"
                );
            }
        }
    }

    #[test]
    fn a_bare_manifest_is_found() {
        let mut package = crate::tidy::metadata().unwrap().workspace_packages()[0].clone();
        assert_eq!(incomplete_manifest(&package), Vec::<String>::new());
        package.description = None;
        package.license = None;
        package.manifest_path = "/dev/null".into();
        assert_eq!(incomplete_manifest(&package).len(), 3);
    }

    #[test]
    fn a_dependency_from_elsewhere_is_found() {
        assert!(foreign_source("x", "git+https://example.org/x").is_some());
        assert_eq!(foreign_source("x", CRATES_IO), None);
    }
}
