//! Which snapshots of a target are kept, and why.
//!
//! Owns the rules: a pure function from a policy and a list of snapshots to reasons. It reads no clock: every rule counts from the
//! newest snapshot, so that a wrong clock, or a pause of the backups, expires nothing. Does not own what is done with a snapshot
//! that no rule keeps (the prune use case).

mod period;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{DateTime, ISOWeekDate};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::period::{InvalidPeriod, Period};
use crate::manifest::{ManifestSummary, SnapshotId};
use crate::verdict::Verdict;

/// What is kept of a target. A rule of 0 keeps nothing; a snapshot is kept when any rule keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// This many of the newest.
    pub last: u32,
    /// The newest of each of this many hours that have one. Hours, days, weeks, months and years are those of UTC; weeks begin on
    /// Monday. In each of them a complete snapshot comes before a partial one.
    pub hourly: u32,
    /// Of each of this many days.
    pub daily: u32,
    /// Of each of this many weeks.
    pub weekly: u32,
    /// Of each of this many months.
    pub monthly: u32,
    /// Of each of this many years.
    pub yearly: u32,
    /// All that are at most this much older than the newest.
    pub within: Option<Period>,
}

/// What keeps a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It is the newest in its chain: the next one is made from it.
    Head,
    /// It is the last good one: the newest that is complete, or the newest one where none is.
    LastGood,
    /// Somebody locked it.
    Locked,
    /// It is among the newest.
    Last,
    /// It is an hour's.
    Hourly,
    /// It is a day's.
    Daily,
    /// It is a week's.
    Weekly,
    /// It is a month's.
    Monthly,
    /// It is a year's.
    Yearly,
    /// It is recent.
    Within,
}

/// What the rules look at of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    /// The snapshot.
    pub id: SnapshotId,
    /// Its place in the target's chain.
    pub sequence: u64,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether nothing is missing from it.
    pub complete: bool,
    /// Whether it is locked.
    pub locked: bool,
}

impl Aged {
    /// What a manifest says.
    pub fn of(summary: &ManifestSummary, locked: bool) -> Self {
        let complete = summary.verdict == Verdict::Complete;
        Self { id: summary.id, sequence: summary.sequence, at: summary.started_at, complete, locked }
    }

    fn order(&self) -> (Timestamp, u64) {
        (self.at, self.sequence)
    }
}

impl RetentionPolicy {
    /// Whether it has no rule.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What keeps each of the `snapshots` of one target, which stand in any order: its rules, in their order, and none where it is
    /// not kept. Whatever the policy, the newest in the chain, the last good one and those that are locked are kept.
    pub fn decide(&self, snapshots: &[Aged]) -> Vec<Vec<Rule>> {
        let mut rules = vec![BTreeSet::new(); snapshots.len()];
        let mut newest_first: Vec<usize> = (0..snapshots.len()).collect();
        newest_first.sort_by_key(|at| std::cmp::Reverse(snapshots[*at].order()));

        let head = (0..snapshots.len()).max_by_key(|at| snapshots[*at].sequence);
        let good = newest_first.iter().find(|at| snapshots[**at].complete).or(newest_first.first());
        head.into_iter().for_each(|at| _ = rules[at].insert(Rule::Head));
        good.into_iter().for_each(|at| _ = rules[*at].insert(Rule::LastGood));
        (0..snapshots.len()).filter(|at| snapshots[*at].locked).for_each(|at| _ = rules[at].insert(Rule::Locked));

        newest_first.iter().take(count(self.last)).for_each(|at| _ = rules[*at].insert(Rule::Last));
        if let (Some(within), Some(newest)) = (&self.within, newest_first.first()) {
            let since = within.before(snapshots[*newest].at);
            let recent = newest_first.iter().filter(|at| snapshots[**at].at >= since);
            recent.for_each(|at| _ = rules[*at].insert(Rule::Within));
        }
        let calendar: [CalendarRule; 5] = [
            (Rule::Hourly, self.hourly, |at| (at.year(), at.day_of_year(), at.hour())),
            (Rule::Daily, self.daily, |at| (at.year(), at.day_of_year(), 0)),
            (Rule::Weekly, self.weekly, |at| {
                let week = ISOWeekDate::from(at.date());
                (week.year(), week.week().into(), 0)
            }),
            (Rule::Monthly, self.monthly, |at| (at.year(), at.month().into(), 0)),
            (Rule::Yearly, self.yearly, |at| (at.year(), 0, 0)),
        ];
        for (rule, number, calendar) in calendar {
            let same =
                |a: &&usize, b: &&usize| calendar_of(calendar, snapshots[**a]) == calendar_of(calendar, snapshots[**b]);
            let newest_first: Vec<_> = newest_first.iter().collect();
            for period in newest_first.chunk_by(same).take(count(number)) {
                let kept = period.iter().find(|at| snapshots[***at].complete).or(period.first());
                kept.into_iter().for_each(|at| _ = rules[**at].insert(rule));
            }
        }
        rules.into_iter().map(|rules| rules.into_iter().collect()).collect()
    }
}

/// A rule, how many periods it keeps one of, and in which of them a time is.
type CalendarRule = (Rule, u32, fn(DateTime) -> Calendar);

/// A year and what of it.
type Calendar = (i16, i16, i8);

fn calendar_of(calendar: fn(DateTime) -> Calendar, snapshot: Aged) -> Calendar {
    calendar(TimeZone::UTC.to_datetime(snapshot.at))
}

fn count(number: u32) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        let numbers = numbers.iter().filter(|(_, number)| *number > 0).map(|(name, number)| format!("{name} {number}"));
        let within = self.within.iter().map(|within| format!("within {within}"));
        let rules: Vec<_> = numbers.chain(within).collect();
        f.pad(&if rules.is_empty() { "nothing".to_owned() } else { rules.join(", ") })
    }
}

impl Rule {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::LastGood => "last-good",
            Self::Locked => "locked",
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Within => "within",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
