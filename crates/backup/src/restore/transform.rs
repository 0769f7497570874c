//! What names and keys become on their way from the source into the store.

use parados_parameter::{KeyId, ParameterName};

use super::request::{KeyMap, NameMap};

impl NameMap {
    /// What `name` becomes; nothing where this map does not mean it.
    pub fn apply(&self, name: &ParameterName) -> Option<ParameterName> {
        moved(name, &self.from, &self.to)
    }

    /// What becomes `name`; nothing where this map does not lead there.
    pub fn invert(&self, name: &ParameterName) -> Option<ParameterName> {
        moved(name, &self.to, &self.from)
    }
}

/// `name` with `to` in place of the `from` that it begins with. Whole levels count: `/a` is the beginning of `/a` and `/a/b` and
/// not of `/ab`, and `/a/` that of `/a/b` alone.
fn moved(name: &ParameterName, from: &str, to: &str) -> Option<ParameterName> {
    let absolute = name.absolute();
    let rest = absolute.strip_prefix(from.trim_end_matches('/'))?;
    let is_itself = rest.is_empty() && !from.ends_with('/');
    (is_itself || rest.starts_with('/')).then(|| ParameterName::observed(format!("{}{rest}", to.trim_end_matches('/'))))
}

/// What `name` becomes: by the first map that means it. Nothing says that it is a name which can be created.
pub fn map_name(maps: &[NameMap], name: &ParameterName) -> ParameterName {
    maps.iter().find_map(|map| map.apply(name)).unwrap_or_else(|| name.clone())
}

/// Every name that becomes `name`.
pub fn names_that_become(maps: &[NameMap], name: &ParameterName) -> Vec<ParameterName> {
    let mut names: Vec<_> = maps.iter().filter_map(|map| map.invert(name)).collect();
    names.push(name.clone());
    names.retain(|one| map_name(maps, one) == *name);
    names.sort_unstable();
    names.dedup();
    names
}

/// What `key` becomes: by the first map that means it. A map of every key means one that is not known, too.
pub fn map_key(maps: &[KeyMap], key: Option<&KeyId>) -> Option<KeyId> {
    let means = |map: &&KeyMap| match (&map.from, key) {
        (None, _) => true,
        (Some(from), Some(key)) => is_same_key(from, key),
        (Some(_), None) => false,
    };
    maps.iter().find(means).map(|map| map.to.clone()).or_else(|| key.cloned())
}

/// Whether two texts name one key: an id or an alias is the end of its ARN. Two ARNs are the same only as a whole.
pub fn is_same_key(a: &KeyId, b: &KeyId) -> bool {
    fn end(key: &KeyId) -> &str {
        match key.as_str().strip_prefix("arn:") {
            Some(arn) => arn.rsplit(':').next().map_or(arn, |end| end.strip_prefix("key/").unwrap_or(end)),
            None => key.as_str(),
        }
    }
    let both_are_arns = [a, b].iter().all(|key| key.as_str().starts_with("arn:"));
    a == b || (!both_are_arns && end(a) == end(b))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn maps(texts: &[&str]) -> Vec<NameMap> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn name(text: &str) -> ParameterName {
        ParameterName::parse(text).unwrap()
    }

    #[rstest]
    #[case("/prod/=/dr/", "/prod/db", "/dr/db")]
    #[case("/prod/=/dr/", "/product/db", "/product/db")]
    #[case("/prod/=/dr/", "/prod", "/prod")]
    #[case("/prod/=/dr/", "/Prod/db", "/Prod/db")]
    #[case("/=/drill/x/", "/a/b", "/drill/x/a/b")]
    #[case("/=/drill/x/", "a", "/drill/x/a")]
    #[case("/drill/x/=/", "/drill/x/a/b", "/a/b")]
    #[case("/a=/b", "/a", "/b")]
    #[case("/a=/b", "a", "/b")]
    #[case("/a=/b", "/a/c", "/b/c")]
    #[case("/a=/b", "/ab", "/ab")]
    fn a_map_moves_whole_levels(#[case] map: &str, #[case] from: &str, #[case] to: &str) {
        let mapped = map_name(&maps(&[map]), &name(from));
        assert_eq!(mapped.as_str(), to);
        if from != to {
            assert!(names_that_become(&maps(&[map]), &mapped).contains(&name(from)));
        }
    }

    #[test]
    fn the_first_map_that_fits_counts_also_backwards() {
        let maps = maps(&["/app/dev/=/app/x/", "/app/=/web/"]);
        assert_eq!(map_name(&maps, &name("/app/dev/a")), name("/app/x/a"));
        assert_eq!(map_name(&maps, &name("/app/a")), name("/web/a"));
        assert_eq!(names_that_become(&maps, &name("/app/x/a")), [name("/app/dev/a")], "/app/x/a becomes /web/x/a");
        assert_eq!(names_that_become(&maps, &name("/web/dev/a")), [name("/web/dev/a")]);
        assert_eq!(names_that_become(&maps, &name("/web/a")), [name("/app/a"), name("/web/a")]);
    }

    const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1-2";

    #[rstest]
    #[case("alias/a=alias/b", Some("alias/a"), Some("alias/b"))]
    #[case("alias/a=alias/b", Some("alias/c"), Some("alias/c"))]
    #[case("1-2=alias/b", Some(ARN), Some("alias/b"))]
    #[case("alias/a=alias/b", None, None)]
    #[case("*=alias/b", Some("alias/c"), Some("alias/b"))]
    #[case("*=alias/b", None, Some("alias/b"))]
    fn keys_are_mapped(#[case] map: &str, #[case] from: Option<&str>, #[case] to: Option<&str>) {
        let from = from.map(KeyId::observed);
        assert_eq!(map_key(&[map.parse().unwrap()], from.as_ref()).as_ref().map(KeyId::as_str), to);
    }

    #[rstest]
    #[case(ARN, "1-2", true)]
    #[case("arn:aws:kms:eu-west-1:123456789012:alias/a", "alias/a", true)]
    #[case(ARN, "arn:aws:kms:eu-west-1:210987654321:key/1-2", false)]
    #[case("alias/a", "alias/A", false)]
    fn an_arn_is_the_key_that_it_ends_with(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!(is_same_key(&KeyId::observed(a), &KeyId::observed(b)), same);
    }
}
