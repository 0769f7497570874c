//! The ARNs of parameters.

use parados_parameter::{AccountRegion, ParameterName};

/// The Region of a store that is in no cloud: the one that the command line uses.
pub(crate) const EMBEDDED_REGION: &str = "embedded";
/// Its account.
pub(crate) const EMBEDDED_ACCOUNT: &str = "000000000000";

/// The ARN of a parameter of `at`, in the partition of the Region.
pub(crate) fn arn(at: &AccountRegion, name: &ParameterName) -> String {
    name.arn(partition(at.region()), at.region(), at.account())
}

fn partition(region: &str) -> &'static str {
    match region {
        EMBEDDED_REGION => "parados",
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_a_partition() {
        let name = ParameterName::observed("a/b");
        for (region, expected) in [
            ("eu-west-1", "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b"),
            ("cn-north-1", "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b"),
            ("us-gov-west-1", "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/a/b"),
            ("embedded", "arn:parados:ssm:embedded:123456789012:parameter/a/b"),
        ] {
            assert_eq!(arn(&AccountRegion::new("123456789012", region).unwrap(), &name), expected);
        }
    }
}
