//! What to do about an error of a library: the steps that stand under its message.

use parados_backup::compare::CompareError;
use parados_backup::restore::SourceError;
use parados_backup::signature::SignatureError;
use parados_backup::snapshot::SnapshotError;
use parados_parameter::{StoreError, StoreErrorKind};

/// What to do about a call to a store that failed.
pub(crate) fn of_store_error(error: &StoreError) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match error.kind {
        StoreErrorKind::AccessDenied => vec![
            format!("allow the action {} to the identity that runs this", error.operation.iam_action()),
            "`parados doctor` tries each permission and says which are missing".to_owned(),
        ],
        StoreErrorKind::Credentials => {
            one("the credentials are missing, expired or refused; `aws sts get-caller-identity` shows who you are, \
                 `aws sso login` renews a session")
        }
        StoreErrorKind::Throttling => one(
            "the account's quota is used up by others too; take less of it with `quota: {share: 0.2}`, or try later",
        ),
        StoreErrorKind::ParameterNotFound | StoreErrorKind::InvalidResourceId => {
            one("`parados parameter list` shows what is there; names are case-sensitive")
        }
        StoreErrorKind::ParameterVersionNotFound => {
            one("`parados parameter history NAME` shows its versions and labels")
        }
        StoreErrorKind::ParameterAlreadyExists => one("add --overwrite to put a further version of it"),
        StoreErrorKind::ParameterMaxVersionLimitExceeded => {
            one("the oldest of its 100 versions bears a label; take that off with `parados parameter unlabel`")
        }
        StoreErrorKind::ParameterPatternMismatch => {
            one("the value has to match the parameter's allowed pattern; `parados parameter list` shows it")
        }
        StoreErrorKind::InvalidKeyId => {
            one("check that the KMS key exists in this Region, is enabled, and that you may use it")
        }
        StoreErrorKind::Timeout | StoreErrorKind::Connection => {
            one("check the network, the Region and AWS_ENDPOINT_URL; `parados doctor` tries each step of the way")
        }
        StoreErrorKind::Unreadable => {
            one("the store was written under another master key, or its file is damaged; put the right master key back")
        }
        StoreErrorKind::Storage => one("check that the disk has room and that the store's folder can be written"),
        _ => Vec::new(),
    }
}

/// What to do about a source of a restore that cannot be read.
pub(crate) fn of_source_error(error: &SourceError) -> Vec<String> {
    match error {
        SourceError::Open { .. } | SourceError::Snapshot(SnapshotError::Open { .. }) => {
            vec!["name a file with an identity that opens it: --identity FILE; `parados show` says who can".to_owned()]
        }
        SourceError::Snapshot(SnapshotError::Differs { .. } | SnapshotError::Document { .. }) => {
            vec!["`parados verify` says what is wrong with it".to_owned()]
        }
        SourceError::File { .. } => {
            vec!["a snapshot of the repository is named by latest, an id, or a date: @2025-10-15".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// What to do about a side of a comparison that cannot be read.
pub(crate) fn of_compare_error(error: &CompareError) -> Vec<String> {
    match error {
        CompareError::Source(source) => of_source_error(source),
        _ => Vec::new(),
    }
}

/// What to do about a signing key that cannot be used.
pub(crate) fn of_signature_error(error: &SignatureError) -> Vec<String> {
    let one = |text: String| vec![text];
    match error {
        SignatureError::ReadKey { path, .. } => one(format!(
            "make one with `ssh-keygen -t ed25519 -N '' -f {0}`, or with `parados init`, and leave `signing_key` out",
            path.display()
        )),
        SignatureError::KeyIsOpen { path, .. } => one(format!("chmod 600 {}", path.display())),
        SignatureError::UnusableKey { .. } => one("use an OpenSSH ed25519 key without a passphrase".to_owned()),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use parados_parameter::Operation;

    use super::*;

    #[test]
    fn a_refusal_names_the_action() {
        let error = StoreError::new(Operation::GetParameters, "/a", StoreErrorKind::AccessDenied, "no");
        assert_eq!(of_store_error(&error)[0], "allow the action ssm:GetParameters to the identity that runs this");
    }
}
