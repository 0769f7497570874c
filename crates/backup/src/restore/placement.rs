//! Where the wanted versions come to stand in the store: version numbers cannot be set, so what matters is their order.

use parados_parameter::{MAX_VERSIONS, Version};

use super::version_state::VersionState;

/// Where each wanted version stands in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The version in the store of each wanted version, in their order.
    pub(super) at: Vec<Version>,
    /// Of the wanted versions, as many as these, the last ones, are put.
    pub(super) puts: usize,
}

impl Placement {
    /// Where they all stand when they are put after `newest`, the store's newest version.
    pub(super) fn on_top(newest: Option<Version>, wanted: usize) -> Self {
        let first = newest.map_or(1, |newest| newest.get() + 1);
        let at = (first..).take(wanted).map(|number| Version::new(number).unwrap_or(Version::FIRST));
        Self { at: at.collect(), puts: wanted }
    }
}

/// How many of the store's versions, the oldest ones, are gone after `puts` puts.
pub(super) fn dropped(kept: usize, puts: usize) -> usize {
    (kept + puts).saturating_sub(MAX_VERSIONS).min(kept)
}

/// Places `wanted`, the newest last, on and after the versions that the store has, the newest last: with as few puts as do. The
/// newest is put unless it `is_right`. Both are never empty.
///
/// Where `in_a_row`, the wanted versions come to be the store's last ones, as they are. Otherwise the older ones only bear labels,
/// and any version of the same value, in the same order, does.
pub(super) fn place(live: &[VersionState], wanted: &[VersionState], is_right: bool, in_a_row: bool) -> Placement {
    let newest = live.last().map(|newest| newest.version);
    let (last, older) = (wanted.len().saturating_sub(1), &wanted[..wanted.len().saturating_sub(1)]);
    let all = Placement::on_top(newest, wanted.len());
    if in_a_row {
        let most = if is_right { wanted.len() } else { last }.min(live.len());
        let fits = |count: &usize| {
            let ends = live[live.len() - count..].iter().zip(wanted).enumerate();
            ends.into_iter().all(|(index, (live, wanted))| index == last || live.is_as(wanted))
                && (*count < wanted.len() || is_right)
        };
        let found = (1..=most).rev().find(fits).unwrap_or(0);
        let mut at: Vec<_> = live[live.len() - found..].iter().map(|version| version.version).collect();
        at.extend(Placement::on_top(newest, wanted.len() - found).at);
        return Placement { at, puts: wanted.len() - found };
    }
    let puts = usize::from(!is_right);
    let candidates = &live[dropped(live.len(), puts)..live.len() - usize::from(is_right)];
    let Some(mut at) = as_labelled(candidates, older).or_else(|| as_valued(candidates, older)) else { return all };
    match newest {
        Some(newest) if is_right => at.push(newest),
        _ => at.extend(Placement::on_top(newest, 1).at),
    }
    Placement { at, puts }
}

/// The versions that bear the labels already, where their values and their order are right.
fn as_labelled(candidates: &[VersionState], wanted: &[VersionState]) -> Option<Vec<Version>> {
    let bearer = |wanted: &VersionState| {
        let label = wanted.labels.first()?;
        candidates.iter().find(|version| version.labels.contains(label) && version.has_value_of(wanted))
    };
    let at: Vec<_> =
        wanted.iter().map(|wanted| bearer(wanted).map(|version| version.version)).collect::<Option<_>>()?;
    at.is_sorted_by(|a, b| a < b).then_some(at)
}

/// The newest versions that have the values in their order.
fn as_valued(candidates: &[VersionState], wanted: &[VersionState]) -> Option<Vec<Version>> {
    let mut candidates = candidates.iter().rev();
    let mut at: Vec<_> = wanted
        .iter()
        .rev()
        .map(|wanted| candidates.find(|version| version.has_value_of(wanted)).map(|version| version.version))
        .collect::<Option<_>>()?;
    at.reverse();
    Some(at)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fingerprint::Fingerprint;

    /// Versions from `first` on, one a letter; an upper-case letter is labelled with itself.
    fn versions(first: i64, letters: &str) -> Vec<VersionState> {
        (first..)
            .zip(letters.bytes())
            .map(|(number, letter)| {
                let mut version = VersionState::sample(number);
                version.fingerprint = Fingerprint::from_bytes([letter.to_ascii_lowercase(); 16]);
                if letter.is_ascii_uppercase() {
                    version.labels = vec![parados_parameter::Label::observed(char::from(letter).to_string())];
                }
                version
            })
            .collect()
    }

    fn placed(first: i64, live: &str, wanted: &str, in_a_row: bool) -> (Vec<i64>, usize) {
        let (live, wanted) = (versions(first, live), versions(1, wanted));
        let is_right = live.last().unwrap().has_value_of(wanted.last().unwrap());
        let placement = place(&live, &wanted, is_right, in_a_row);
        (placement.at.into_iter().map(Version::get).collect(), placement.puts)
    }

    #[rstest]
    #[case::nothing_to_do("a", "a", &[1], 0)]
    #[case::a_new_value("a", "b", &[2], 1)]
    #[case::found_in_order("abcd", "BCd", &[2, 3, 4], 0)]
    #[case::found_with_gaps("abcd", "ACd", &[1, 3, 4], 0)]
    #[case::the_newest_that_fits("abac", "Ac", &[3, 4], 0)]
    #[case::labels_stay_where_they_are_right("Abac", "Ac", &[1, 4], 0)]
    #[case::found_and_the_newest_put("abc", "Bd", &[2, 4], 1)]
    #[case::the_newest_becomes_an_older_one("abc", "Cd", &[3, 4], 1)]
    #[case::not_found("abc", "Xc", &[4, 5], 2)]
    #[case::not_found_in_that_order("abc", "BAc", &[4, 5, 6], 3)]
    #[case::the_newest_itself_is_no_older_one("abc", "Cc", &[4, 5], 2)]
    fn labels_find_their_values_in_order(
        #[case] live: &str,
        #[case] wanted: &str,
        #[case] at: &[i64],
        #[case] puts: usize,
    ) {
        assert_eq!(placed(1, live, wanted, false), (at.to_vec(), puts));
    }

    #[rstest]
    #[case::nothing_to_do("abc", "abc", &[1, 2, 3], 0)]
    #[case::only_the_last_ones_count("xabc", "abc", &[2, 3, 4], 0)]
    #[case::the_rest_is_put("xab", "abc", &[2, 3, 4], 1)]
    #[case::as_much_as_overlaps("xaba", "abac", &[2, 3, 4, 5], 1)]
    #[case::all_is_put("abd", "abc", &[4, 5, 6], 3)]
    #[case::a_gap_does_not_do("axbc", "abc", &[5, 6, 7], 3)]
    fn a_history_comes_to_stand_in_a_row(
        #[case] live: &str,
        #[case] wanted: &str,
        #[case] at: &[i64],
        #[case] puts: usize,
    ) {
        assert_eq!(placed(1, live, wanted, true), (at.to_vec(), puts));
    }

    #[test]
    fn a_version_that_the_puts_push_out_bears_no_label() {
        let live = "a".to_owned() + &"b".repeat(99);
        assert_eq!(placed(5, &live, "Ac", false), (vec![105, 106], 2), "`a` would be gone");
        assert_eq!(placed(5, &live, "Ab", false), (vec![5, 104], 0));
        assert_eq!((dropped(100, 1), dropped(99, 1), dropped(3, 200)), (1, 0, 3));
    }
}
