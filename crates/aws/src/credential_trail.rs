//! Where credentials were looked for: names of variables, files and profiles, never what they hold.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::session::SessionOptions;

/// What the default chain of credentials finds on this machine, in the order in which it looks, for an error to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialTrail {
    steps: Vec<String>,
}

impl CredentialTrail {
    /// Looks at the environment and for the files, as the SDK does.
    pub(crate) fn observe(options: &SessionOptions) -> Self {
        Self::from(options, &|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// A trail of one step: credentials that the program was given.
    pub(crate) fn given() -> Self {
        Self { steps: vec!["credentials that were given by the caller".to_owned()] }
    }

    fn from(options: &SessionOptions, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| format!("{name} {}", if variable(name).is_some() { "set" } else { "not set" });
        let mut steps = vec![match &options.profile {
            // A profile that was asked for by name goes before the environment, as with the AWS CLI.
            Some(_) => "environment variables (not looked at: a profile was named)".to_owned(),
            None => format!(
                "environment variables ({}, {}, {})",
                set("AWS_ACCESS_KEY_ID"),
                set("AWS_SECRET_ACCESS_KEY"),
                set("AWS_SESSION_TOKEN")
            ),
        }];
        steps.push(profile_step(options, variable));
        if options.profile.is_none() {
            steps.push(format!("web identity ({})", set("AWS_WEB_IDENTITY_TOKEN_FILE")));
            steps.push(format!(
                "container ({}, {})",
                set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
                set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
            ));
            let disabled =
                variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            steps.push(match disabled {
                true => "EC2 instance metadata (turned off by AWS_EC2_METADATA_DISABLED)".to_owned(),
                false => "EC2 instance metadata".to_owned(),
            });
        }
        Self { steps }
    }

    /// Each place, in order.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

fn profile_step(options: &SessionOptions, variable: &dyn Fn(&str) -> Option<OsString>) -> String {
    let (profile, by) = match (&options.profile, variable("AWS_PROFILE")) {
        (Some(profile), _) => (profile.clone(), " asked for"),
        (None, Some(profile)) => (profile.to_string_lossy().into_owned(), " from AWS_PROFILE"),
        (None, None) => ("default".to_owned(), ""),
    };
    let file = |name: &str, default: &str| {
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from).unwrap_or_default();
        let path = variable(name).map_or_else(|| home.join(default), PathBuf::from);
        let exists = if Path::new(&path).is_file() { "" } else { ", which is not there" };
        format!("{}{exists}", path.display())
    };
    let config = file("AWS_CONFIG_FILE", ".aws/config");
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    format!("profile {profile:?}{by} ({config}; {credentials})")
}

impl fmt::Display for CredentialTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(options: &SessionOptions, set: &[(&str, &str)]) -> String {
        let find = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        CredentialTrail::from(options, &find).to_string()
    }

    #[test]
    fn names_each_place_and_no_secret() {
        let set = [
            ("AWS_ACCESS_KEY_ID", "AKIDcanary"),
            ("AWS_SESSION_TOKEN", "canary"),
            ("AWS_EC2_METADATA_DISABLED", "TRUE"),
            ("HOME", "/nowhere"),
        ];
        assert_eq!(
            trail(&SessionOptions::default(), &set),
            "environment variables (AWS_ACCESS_KEY_ID set, AWS_SECRET_ACCESS_KEY not set, AWS_SESSION_TOKEN set), \
             profile \"default\" (/nowhere/.aws/config, which is not there; /nowhere/.aws/credentials, which is not \
             there), web identity (AWS_WEB_IDENTITY_TOKEN_FILE not set), container \
             (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI not set, AWS_CONTAINER_CREDENTIALS_FULL_URI not set), \
             EC2 instance metadata (turned off by AWS_EC2_METADATA_DISABLED)"
        );
    }

    #[test]
    fn a_profile_is_named_with_where_it_comes_from() {
        let named = SessionOptions { profile: Some("prod".into()), ..SessionOptions::default() };
        assert!(trail(&named, &[]).contains("profile \"prod\" asked for"));
        assert!(!trail(&named, &[]).contains("metadata"), "a named profile is looked for alone");
        assert!(trail(&SessionOptions::default(), &[("AWS_PROFILE", "ci")]).contains("\"ci\" from AWS_PROFILE"));
    }
}
