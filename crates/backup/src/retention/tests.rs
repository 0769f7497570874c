//! Tests of what is kept: golden tables, and what holds of every policy.

use std::fmt::Write as _;

use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn aged(sequence: u64, at: Timestamp, complete: bool) -> Aged {
    Aged { id: SnapshotId::from_bytes(sequence.to_be_bytes()), sequence, at, complete, locked: false }
}

/// One every `hours` for `days`, up to 2025-03-31 12:00. Every seventh is partial.
fn rhythm(hours: i64, days: i64) -> Vec<Aged> {
    let last: Timestamp = "2025-03-31T12:00:00Z".parse().unwrap();
    let count = days * 24 / hours;
    (1..=count)
        .map(|number| {
            let at = last - SignedDuration::from_hours((count - number) * hours);
            aged(number as u64, at, number % 7 != 0)
        })
        .collect()
}

fn table(policy: &RetentionPolicy, snapshots: &[Aged]) -> String {
    let decided = policy.decide(snapshots);
    let mut text = format!("keep {policy}: {} of {}\n", kept(policy, snapshots).len(), snapshots.len());
    for (snapshot, rules) in snapshots.iter().zip(decided).rev().filter(|(_, rules)| !rules.is_empty()) {
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        let verdict = if snapshot.complete { "" } else { " (partial)" };
        writeln!(text, "{}{verdict}  {}", snapshot.at.strftime("%a %Y-%m-%d %H:%M"), rules.join(" ")).unwrap();
    }
    text
}

fn kept(policy: &RetentionPolicy, snapshots: &[Aged]) -> Vec<Aged> {
    let decided = policy.decide(snapshots);
    snapshots.iter().zip(decided).filter(|(_, rules)| !rules.is_empty()).map(|(snapshot, _)| *snapshot).collect()
}

#[rstest]
#[case::last("last", RetentionPolicy { last: 3, ..Default::default() }, rhythm(24, 10))]
#[case::last_of_partial_ones("last_partial", RetentionPolicy { last: 1, ..Default::default() }, rhythm(24, 7))]
#[case::hourly("hourly", RetentionPolicy { hourly: 5, ..Default::default() }, rhythm(1, 2))]
#[case::several_an_hour("daily_of_many", RetentionPolicy { daily: 4, ..Default::default() }, rhythm(4, 10))]
#[case::daily("daily", RetentionPolicy { daily: 5, ..Default::default() }, rhythm(24, 30))]
#[case::weekly("weekly", RetentionPolicy { weekly: 6, ..Default::default() }, rhythm(24, 90))]
#[case::monthly("monthly", RetentionPolicy { monthly: 8, ..Default::default() }, rhythm(24, 400))]
#[case::yearly("yearly", RetentionPolicy { yearly: 3, ..Default::default() }, rhythm(24, 800))]
#[case::within("within", RetentionPolicy { within: Some(Period::days(4)), ..Default::default() }, rhythm(24, 30))]
#[case::all_together("together", RetentionPolicy { last: 3, daily: 7, weekly: 5, monthly: 12, yearly: 2, ..Default::default() }, rhythm(12, 500))]
#[case::nothing("nothing", RetentionPolicy::default(), rhythm(24, 14))]
fn what_each_rule_keeps(#[case] name: &str, #[case] policy: RetentionPolicy, #[case] snapshots: Vec<Aged>) {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, table(&policy, &snapshots));
    });
}

#[test]
fn a_pause_of_the_backups_expires_nothing() {
    let mut snapshots = rhythm(24, 30);
    let policy = RetentionPolicy { daily: 7, within: Some(Period::days(7)), ..Default::default() };
    let before = kept(&policy, &snapshots);
    assert_eq!(before.len(), 8, "seven days, and what is exactly seven days old");
    let years_later = Period::days(3 * 365).after(snapshots[29].at);
    snapshots.push(aged(31, years_later, true));
    let after = RetentionPolicy { within: None, ..policy }.decide(&snapshots);
    assert_eq!(after.iter().filter(|rules| rules.contains(&Rule::Daily)).count(), 7);
}

#[test]
fn a_week_at_the_turn_of_the_year_is_one() {
    let at = |text: &str| text.parse().unwrap();
    let snapshots = [
        aged(1, at("2024-12-29T12:00:00Z"), true),
        aged(2, at("2024-12-30T12:00:00Z"), true),
        aged(3, at("2025-01-05T12:00:00Z"), true),
        aged(4, at("2025-01-06T00:00:00Z"), true),
    ];
    let decided = RetentionPolicy { weekly: 3, ..Default::default() }.decide(&snapshots);
    let weekly: Vec<_> = decided.iter().map(|rules| rules.contains(&Rule::Weekly)).collect();
    assert_eq!(weekly, [true, false, true, true]);
}

#[test]
fn no_snapshots_are_no_trouble() {
    assert!(RetentionPolicy { last: 1, ..Default::default() }.decide(&[]).is_empty());
}

fn policies() -> impl Strategy<Value = RetentionPolicy> {
    let rule = || prop_oneof![Just(0u32), 0..6u32];
    (rule(), rule(), rule(), rule(), rule(), rule(), proptest::option::of(0..60i32)).prop_map(
        |(last, hourly, daily, weekly, monthly, yearly, within)| RetentionPolicy {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            within: within.map(Period::days),
        },
    )
}

/// In any order, with times that do not go up with the numbers: what is imported is older than its number.
fn snapshots() -> impl Strategy<Value = Vec<Aged>> {
    let one = (0..3_000i64, any::<bool>(), 0..20u8);
    proptest::collection::vec(one, 0..60).prop_map(|drawn| {
        let begin: Timestamp = "2023-01-01T00:00:00Z".parse().unwrap();
        drawn
            .into_iter()
            .zip(1..)
            .map(|((hours, complete, locked), sequence)| Aged {
                locked: locked == 0,
                ..aged(sequence, begin + SignedDuration::from_hours(hours * 7), complete)
            })
            .collect()
    })
}

fn good(snapshots: &[Aged]) -> Option<Aged> {
    let newest = |among: Vec<Aged>| among.into_iter().max_by_key(Aged::order);
    let complete = snapshots.iter().filter(|one| one.complete).copied().collect();
    newest(complete).or_else(|| newest(snapshots.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_removes_the_last_good_one_the_head_or_one_that_is_locked(policy in policies(), snapshots in snapshots()) {
        let kept = kept(&policy, &snapshots);
        prop_assert_eq!(good(&kept), good(&snapshots));
        prop_assert_eq!(kept.iter().map(|one| one.sequence).max(), snapshots.iter().map(|one| one.sequence).max());
        prop_assert!(snapshots.iter().filter(|one| one.locked).all(|one| kept.contains(one)));
    }

    #[test]
    fn a_second_run_removes_nothing(policy in policies(), snapshots in snapshots()) {
        let once = kept(&policy, &snapshots);
        prop_assert_eq!(kept(&policy, &once), once);
    }

    #[test]
    fn each_rule_keeps_at_most_as_many_as_it_says(policy in policies(), snapshots in snapshots()) {
        let decided = policy.decide(&snapshots);
        let count = |rule| decided.iter().filter(|rules: &&Vec<Rule>| rules.contains(&rule)).count();
        let RetentionPolicy { last, hourly, daily, weekly, monthly, yearly, .. } = policy;
        for (rule, most) in [
            (Rule::Last, last), (Rule::Hourly, hourly), (Rule::Daily, daily), (Rule::Weekly, weekly),
            (Rule::Monthly, monthly), (Rule::Yearly, yearly),
        ] {
            prop_assert!(count(rule) <= most as usize, "{} keeps {}", rule, count(rule));
        }
        prop_assert_eq!(count(Rule::Last), snapshots.len().min(last as usize));
    }

    #[test]
    fn more_rules_keep_more(policy in policies(), more in policies(), snapshots in snapshots()) {
        let sum = RetentionPolicy {
            last: policy.last + more.last,
            hourly: policy.hourly + more.hourly,
            daily: policy.daily + more.daily,
            weekly: policy.weekly + more.weekly,
            monthly: policy.monthly + more.monthly,
            yearly: policy.yearly + more.yearly,
            within: policy.within.or(more.within),
        };
        let kept_by_more = kept(&sum, &snapshots);
        prop_assert!(kept(&policy, &snapshots).iter().all(|one| kept_by_more.contains(one)));
    }

    #[test]
    fn the_order_in_which_they_stand_does_not_matter(policy in policies(), snapshots in snapshots()) {
        let mut reversed = snapshots.clone();
        reversed.reverse();
        let mut kept_of_reversed = kept(&policy, &reversed);
        kept_of_reversed.reverse();
        prop_assert_eq!(kept(&policy, &snapshots), kept_of_reversed);
    }
}
