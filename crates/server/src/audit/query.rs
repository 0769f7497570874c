//! What is asked of an audit.

use std::str::FromStr;

use jiff::Timestamp;

use super::line::AuditRecord;

/// Which entries are meant: those that everything fits that is said here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to this time.
    pub until: Option<Timestamp>,
    /// By this principal, access key or ARN.
    pub principal: Option<String>,
    /// This operation.
    pub operation: Option<String>,
    /// Of this parameter.
    pub name: Option<String>,
    /// Of what is below this path, and of the path itself.
    pub path: Option<String>,
    /// Which ended so.
    pub outcome: Option<AuditOutcome>,
    /// Most entries: the newest ones.
    pub limit: usize,
}

/// How calls ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// They were done.
    Ok,
    /// They were not allowed, or nobody could be found out who called.
    Denied,
    /// They were not done, for whatever reason.
    Failed,
    /// They were not done, with this code.
    Code(String),
}

/// Codes of those who may not, or are not known.
const DENIED: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Whether a code says that somebody may not, or is not known.
pub(crate) fn is_denial(code: &str) -> bool {
    DENIED.contains(&code)
}

impl FromStr for AuditOutcome {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "ok" => Self::Ok,
            "denied" => Self::Denied,
            "failed" => Self::Failed,
            code => Self::Code(code.to_owned()),
        })
    }
}

impl AuditOutcome {
    fn means(&self, outcome: &str) -> bool {
        match self {
            Self::Ok => outcome == "ok",
            Self::Denied => is_denial(outcome),
            Self::Failed => outcome != "ok",
            Self::Code(code) => outcome == code,
        }
    }
}

impl AuditQuery {
    /// The newest `limit` entries.
    pub fn newest(limit: usize) -> Self {
        Self {
            since: None,
            until: None,
            principal: None,
            operation: None,
            name: None,
            path: None,
            outcome: None,
            limit,
        }
    }

    /// The time that it spans, in milliseconds since 1970, both ends included.
    pub(crate) fn span(&self) -> (i64, i64) {
        let milliseconds = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        (milliseconds(self.since).unwrap_or(i64::MIN), milliseconds(self.until).unwrap_or(i64::MAX))
    }

    /// Whether an entry is meant.
    pub(crate) fn means(&self, record: &AuditRecord<'_>) -> bool {
        let (since, until) = self.span();
        let is_in_time = || match self.since.or(self.until) {
            None => true,
            Some(_) => {
                let at = record.at.parse().map_or(i64::MIN, Timestamp::as_millisecond);
                (since..=until).contains(&at)
            }
        };
        let any = |wanted: &Option<String>, of: &[Option<&str>]| match wanted {
            None => true,
            Some(wanted) => of.contains(&Some(wanted)),
        };
        any(&self.operation, &[record.operation.as_deref(), record.event.as_deref()])
            && any(&self.principal, &[&record.principal, &record.access_key_id, &record.arn].map(Option::as_deref))
            && self.outcome.as_ref().is_none_or(|outcome| outcome.means(&record.outcome))
            && self.name.as_ref().is_none_or(|name| touches(record, |touched| canonical(touched) == canonical(name)))
            && self.path.as_ref().is_none_or(|path| touches(record, |touched| is_below(touched, path)))
            && is_in_time()
    }
}

fn touches(record: &AuditRecord<'_>, fits: impl Fn(&str) -> bool) -> bool {
    record.touched.iter().any(|touched| fits(&touched.name))
}

/// A name without what may stand around it: `/a` and `a` are the same parameter.
fn canonical(name: &str) -> &str {
    name.trim_matches('/')
}

fn is_below(name: &str, path: &str) -> bool {
    let (name, path) = (canonical(name), canonical(path));
    path.is_empty() || name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, refused};
    use super::*;

    fn means(change: impl FnOnce(&mut AuditQuery)) -> (bool, bool) {
        let mut query = AuditQuery::newest(1);
        change(&mut query);
        (query.means(&AuditRecord::of_call(&entry("/shop/dev/db"))), query.means(&AuditRecord::of_call(&refused())))
    }

    #[test]
    fn everything_that_is_said_has_to_fit() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(means(|_| {}), (true, true));
        assert_eq!(means(|query| query.principal = some("deploy")), (true, false));
        assert_eq!(means(|query| query.principal = some("AKIAEXAMPLE")), (true, false));
        assert_eq!(means(|query| query.operation = some("PutParameter")), (false, false));
        assert_eq!(means(|query| query.name = some("shop/dev/db")), (true, false));
        assert_eq!(means(|query| query.name = some("/shop/dev")), (false, false));
        assert_eq!(means(|query| query.path = some("/shop/")), (true, false));
        assert_eq!(means(|query| query.path = some("/sho")), (false, false));
        assert_eq!(means(|query| query.outcome = Some(AuditOutcome::Ok)), (true, false));
        for outcome in ["denied", "failed", "MissingAuthenticationTokenException"] {
            assert_eq!(means(|query| query.outcome = outcome.parse().ok()), (false, true), "{outcome}");
        }
        // The one is from 250 milliseconds past, the other from the full second.
        let second = "2026-11-24T15:00:00Z".parse().ok();
        assert_eq!(means(|query| query.until = second), (false, true));
        assert_eq!(means(|query| query.since = "2026-11-24T15:00:00.001Z".parse().ok()), (true, false));
    }
}
