//! Where the rhythm of snapshots was broken.

use jiff::{SignedDuration, Timestamp};

use super::Gap;

/// The gaps between `times`, which are sorted: more than `every` between two, the later of which is after `since`.
pub(super) fn gaps(times: &[Timestamp], every: SignedDuration, since: Timestamp) -> Vec<Gap> {
    let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
    let long = pairs.filter(|(after, until)| *until > since && until.duration_since(*after) > every);
    long.map(|(after, until)| Gap { after, until, seconds: until.duration_since(after).as_secs() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + hour * 3600).unwrap()
    }

    #[test]
    fn a_gap_is_longer_than_expected_and_recent() {
        let times = [0, 48, 72, 98, 125].map(hour);
        let found = |since| gaps(&times, SignedDuration::from_hours(26), hour(since));
        let ends: Vec<_> = found(-1).iter().map(|gap| gap.until).collect();
        assert_eq!(ends, [hour(48), hour(125)], "exactly 26 hours is none");
        assert_eq!(found(48).len(), 1, "what is over is not looked back at");
        assert_eq!(found(-1)[0].seconds, 48 * 3600);
    }

    proptest! {
        #[test]
        fn a_regular_rhythm_has_no_gap_and_each_one_left_out_makes_one(count in 3usize..60, left_out in 1usize..58) {
            let every = SignedDuration::from_hours(1);
            let mut times: Vec<_> = (0..count).map(|at| hour(at as i64)).collect();
            prop_assert!(gaps(&times, every, hour(-1)).is_empty());
            if left_out < count - 1 {
                times.remove(left_out);
                prop_assert_eq!(gaps(&times, every, hour(-1)).len(), 1);
            }
        }
    }
}
