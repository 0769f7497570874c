//! What needs what. Owns the order; knows nothing of resources.

use std::collections::{BTreeMap, BTreeSet};

/// Resources that need one another in a circle, each followed by one that it needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these resources need one another in a circle: {}", .0.join(" → "))]
pub(crate) struct Cycle(pub(crate) Vec<String>);

/// The names in an order in which each comes after what it needs; `needs` has an entry for every name. Names that do not need one
/// another stay in the order in which they came.
///
/// # Errors
/// [`Cycle`], where there is no such order.
pub(crate) fn order(names: &[String], needs: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Cycle> {
    let mut sorted: Vec<String> = Vec::with_capacity(names.len());
    let mut path = Vec::new();
    for name in names {
        visit(name, needs, &mut sorted, &mut path)?;
    }
    Ok(sorted)
}

fn visit(
    name: &String,
    needs: &BTreeMap<String, BTreeSet<String>>,
    sorted: &mut Vec<String>,
    path: &mut Vec<String>,
) -> Result<(), Cycle> {
    if sorted.contains(name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|one| one == name) {
        let mut circle = path[start..].to_vec();
        circle.push(name.clone());
        return Err(Cycle(circle));
    }
    path.push(name.clone());
    for needed in needs.get(name).into_iter().flatten() {
        visit(needed, needs, sorted, path)?;
    }
    path.pop();
    sorted.push(name.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> (Vec<String>, BTreeMap<String, BTreeSet<String>>) {
        let names = edges.iter().map(|(name, _)| (*name).to_owned()).collect();
        let needs =
            edges.iter().map(|(name, needs)| ((*name).to_owned(), needs.iter().map(|one| (*one).to_owned()).collect()));
        (names, needs.collect())
    }

    #[test]
    fn what_is_needed_comes_first() {
        let (names, needs) =
            graph(&[("parameter", &["bucket"]), ("bucket", &["key"]), ("key", &[]), ("role", &["bucket"])]);
        assert_eq!(order(&names, &needs).unwrap(), ["key", "bucket", "parameter", "role"]);
    }

    #[test]
    fn a_circle_is_named() {
        let (names, needs) = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        assert_eq!(
            order(&names, &needs).unwrap_err().to_string(),
            "these resources need one another in a circle: b → c → b"
        );
    }
}
