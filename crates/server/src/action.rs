//! The operations that are served: their names on the wire, and the IAM action that permits each.

use std::fmt;

use parados_parameter::QuotaGroup;

/// A service whose operations are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Systems Manager: Parameter Store.
    Ssm,
    /// Security Token Service.
    Sts,
    /// Resource Groups Tagging API.
    Tagging,
}

impl Service {
    /// Its name in signatures.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::Sts => "sts",
            Self::Tagging => "tagging",
        }
    }
}

macro_rules! iam_action {
    (Ssm, $name:ident) => {
        concat!("ssm:", stringify!($name))
    };
    (Sts, $name:ident) => {
        concat!("sts:", stringify!($name))
    };
    (Tagging, $name:ident) => {
        concat!("tag:", stringify!($name))
    };
}

macro_rules! actions {
    ($($name:ident: $service:ident, $quota:ident, $is_write:literal;)+) => {
        /// An operation that is served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub enum Action { $($name,)+ }

        impl Action {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in AWS's spelling.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The service that it is of.
            pub fn service(self) -> Service {
                match self { $(Self::$name => Service::$service,)+ }
            }

            /// The quota that it draws from.
            pub fn quota_group(self) -> QuotaGroup {
                match self { $(Self::$name => QuotaGroup::$quota,)+ }
            }

            /// Whether it changes something.
            pub fn is_write(self) -> bool {
                match self { $(Self::$name => $is_write,)+ }
            }

            /// The IAM action that permits it: `ssm:GetParameter`.
            pub fn iam_action(self) -> &'static str {
                match self { $(Self::$name => iam_action!($service, $name),)+ }
            }

            /// The operation of a service by its name.
            fn find(service: Service, name: &str) -> Option<Self> {
                match (service, name) {
                    $((Service::$service, stringify!($name)) => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

actions! {
    PutParameter: Ssm, Put, true;
    GetParameter: Ssm, Get, false;
    GetParameters: Ssm, Get, false;
    GetParametersByPath: Ssm, Get, false;
    DescribeParameters: Ssm, Describe, false;
    DeleteParameter: Ssm, Delete, true;
    DeleteParameters: Ssm, Delete, true;
    GetParameterHistory: Ssm, History, false;
    LabelParameterVersion: Ssm, Annotate, true;
    UnlabelParameterVersion: Ssm, Annotate, true;
    AddTagsToResource: Ssm, Annotate, true;
    RemoveTagsFromResource: Ssm, Annotate, true;
    ListTagsForResource: Ssm, Tags, false;
    GetServiceSetting: Ssm, Tags, false;
    UpdateServiceSetting: Ssm, Annotate, true;
    ResetServiceSetting: Ssm, Annotate, true;
    GetResourcePolicies: Ssm, Tags, false;
    PutResourcePolicy: Ssm, Annotate, true;
    DeleteResourcePolicy: Ssm, Annotate, true;
    GetResources: Tagging, Tags, false;
    GetCallerIdentity: Sts, Tags, false;
}

impl Action {
    /// The operation that an `X-Amz-Target` names: `AmazonSSM.GetParameter`.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        let (prefix, name) = target.split_once('.')?;
        match prefix {
            "AmazonSSM" => Self::find(Service::Ssm, name),
            "ResourceGroupsTaggingAPI_20170126" => Self::find(Service::Tagging, name),
            _ => None,
        }
    }

    /// The operation that the query protocol's `Action` names.
    pub(crate) fn of_query(name: &str) -> Option<Self> {
        Self::find(Service::Sts, name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_service_s_operation() {
        assert_eq!(Action::of_target("AmazonSSM.GetParameter"), Some(Action::GetParameter));
        assert_eq!(Action::of_target("AmazonSSM.GetResources"), None, "that is another service's");
        assert_eq!(Action::of_target("ResourceGroupsTaggingAPI_20170126.GetResources"), Some(Action::GetResources));
        for target in ["", "GetParameter", "AmazonSSM.", "AmazonSSM.getparameter", "AmazonSSM.CreateDocument"] {
            assert_eq!(Action::of_target(target), None, "{target}");
        }
        assert_eq!(Action::GetResources.iam_action(), "tag:GetResources");
    }
}
