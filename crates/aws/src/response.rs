//! The SDK's answers, as nouns. What an answer lacks, or says that this version does not know, is an error that names it:
//! a guess would be backed up as the truth.

use aws_sdk_ssm::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, DataType, Description, HistoryEntry, KeyId, Label, Operation, Page, Parameter, ParameterMetadata,
    ParameterName, ParameterType, Policy, Secret, StoreError, StoreErrorKind, Tag, Tier, Unreadable, Version,
};

/// The answer to `operation` about `subject`, being read.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) operation: Operation,
    pub(crate) subject: &'a str,
}

impl Answer<'_> {
    /// An InvalidResponse error about `subject`, or about what the whole answer is about.
    pub(crate) fn invalid(self, subject: Option<&str>, message: impl Into<String>) -> StoreError {
        StoreError::new(self.operation, subject.unwrap_or(self.subject), StoreErrorKind::InvalidResponse, message)
    }

    /// What must be there.
    pub(crate) fn present<T>(self, subject: Option<&str>, field: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.invalid(subject, format!("the answer lacks {field}")))
    }

    /// A page of a listing, each entry read by `read`. One that cannot be read spoils no other, as long as it has a name by
    /// which it can be told.
    pub(crate) fn page<F, T>(
        self,
        from: Option<Vec<F>>,
        name: impl Fn(&F) -> Option<String>,
        read: impl Fn(Self, F) -> Result<T, StoreError>,
        next_token: Option<String>,
    ) -> Result<Page<T>, StoreError> {
        let mut page = Page::new(Vec::new(), next_token);
        for one in from.unwrap_or_default() {
            match (name(&one), read(self, one)) {
                (_, Ok(item)) => page.items.push(item),
                (Some(name), Err(error)) => {
                    page.unreadable.push(Unreadable { name: ParameterName::observed(name), error });
                }
                (None, Err(error)) => return Err(error),
            }
        }
        Ok(page)
    }

    pub(crate) fn metadata(self, from: sdk::ParameterMetadata) -> Result<ParameterMetadata, StoreError> {
        let name = self.present(None, "a Name", from.name)?;
        let policies = policies(from.policies);
        Ok(ParameterMetadata {
            arn: from.arn,
            parameter_type: self.parameter_type(&name, from.r#type)?,
            key_id: from.key_id.map(KeyId::observed),
            last_modified_date: self.date(&name, from.last_modified_date)?,
            last_modified_user: from.last_modified_user,
            description: from.description.map(Description::observed),
            allowed_pattern: from.allowed_pattern.map(AllowedPattern::observed),
            version: self.version(Some(&name), from.version)?,
            tier: self.tier(&name, from.tier, !policies.is_empty())?,
            policies,
            data_type: from.data_type.map(DataType::observed).unwrap_or_default(),
            annotations: None,
            name: ParameterName::observed(name),
        })
    }

    pub(crate) fn parameter(self, from: sdk::Parameter) -> Result<Parameter, StoreError> {
        let name = self.present(None, "a Name", from.name)?;
        Ok(Parameter {
            parameter_type: self.parameter_type(&name, from.r#type)?,
            value: Secret::new(self.present(Some(&name), "a Value", from.value)?),
            version: self.version(Some(&name), from.version)?,
            last_modified_date: self.date(&name, from.last_modified_date)?,
            arn: from.arn,
            data_type: from.data_type.map(DataType::observed).unwrap_or_default(),
            name: ParameterName::observed(name),
        })
    }

    pub(crate) fn history(self, from: sdk::ParameterHistory) -> Result<HistoryEntry, StoreError> {
        let value = Secret::new(self.present(None, "a Value", from.value)?);
        let mut labels: Vec<Label> = from.labels.unwrap_or_default().into_iter().map(Label::observed).collect();
        labels.sort();
        let metadata = sdk::ParameterMetadata::builder()
            .set_name(from.name)
            .set_type(from.r#type)
            .set_key_id(from.key_id)
            .set_last_modified_date(from.last_modified_date)
            .set_last_modified_user(from.last_modified_user)
            .set_description(from.description)
            .set_allowed_pattern(from.allowed_pattern)
            .version(from.version)
            .set_tier(from.tier)
            .set_policies(from.policies)
            .set_data_type(from.data_type)
            .build();
        Ok(HistoryEntry { metadata: self.metadata(metadata)?, value, labels })
    }

    pub(crate) fn version(self, subject: Option<&str>, number: i64) -> Result<Version, StoreError> {
        // Where it is absent the SDK says 0.
        Version::new(number).map_err(|_| self.invalid(subject, format!("the answer says Version {number}")))
    }

    /// A tier that reads back as the request that it was, Intelligent-Tiering, is the advanced one where there is
    /// something that only that one has.
    pub(crate) fn tier(
        self,
        name: &str,
        from: Option<sdk::ParameterTier>,
        is_advanced: bool,
    ) -> Result<Tier, StoreError> {
        match from {
            None | Some(sdk::ParameterTier::IntelligentTiering) if is_advanced => Ok(Tier::Advanced),
            None | Some(sdk::ParameterTier::IntelligentTiering) => Ok(Tier::Standard),
            Some(tier) => tier.as_str().parse().map_err(|_| self.unknown(name, "Tier", tier.as_str())),
        }
    }

    fn parameter_type(self, name: &str, from: Option<sdk::ParameterType>) -> Result<ParameterType, StoreError> {
        let from = self.present(Some(name), "a Type", from)?;
        from.as_str().parse().map_err(|_| self.unknown(name, "Type", from.as_str()))
    }

    fn date(self, name: &str, from: Option<DateTime>) -> Result<Timestamp, StoreError> {
        let from = self.present(Some(name), "a LastModifiedDate", from)?;
        // The wire has seconds as a number with a fraction, whose binary form is off by some hundred nanoseconds.
        let micros = (i64::from(from.subsec_nanos()) + 500) / 1000;
        let all = from.secs().checked_mul(1_000_000).and_then(|secs| secs.checked_add(micros));
        all.and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .ok_or_else(|| self.invalid(Some(name), "the answer says a LastModifiedDate that is none"))
    }

    fn unknown(self, name: &str, field: &str, text: &str) -> StoreError {
        self.invalid(Some(name), format!("the answer says {field} {text:?}, which this version does not know"))
    }
}

/// The tags, sorted by key.
pub(crate) fn tags(from: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = from.into_iter().map(|(key, value)| Tag::observed(key, value)).collect();
    tags.sort();
    tags
}

fn policies(from: Option<Vec<sdk::ParameterInlinePolicy>>) -> Vec<Policy> {
    let one = |policy: sdk::ParameterInlinePolicy| Policy {
        policy_text: policy.policy_text.unwrap_or_default(),
        policy_type: policy.policy_type.unwrap_or_default(),
        policy_status: policy.policy_status,
    };
    from.unwrap_or_default().into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Answer<'static> = Answer { operation: Operation::DescribeParameters, subject: "" };

    fn metadata() -> aws_sdk_ssm::types::builders::ParameterMetadataBuilder {
        sdk::ParameterMetadata::builder()
            .name("/a")
            .r#type(sdk::ParameterType::String)
            .last_modified_date(DateTime::from_secs_f64(1_760_529_645.76))
            .version(3)
            .tier(sdk::ParameterTier::Standard)
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it() {
        let error = |from: sdk::ParameterMetadata| ANSWER.metadata(from).unwrap_err().to_string();
        assert_eq!(
            error(metadata().r#type("HologramString".into()).build()),
            "DescribeParameters /a: InvalidResponse: the answer says Type \"HologramString\", which this version does \
             not know"
        );
        assert!(error(metadata().tier("Platinum".into()).build()).contains("Tier \"Platinum\""));
        assert!(error(metadata().version(0).build()).contains("Version 0"));
        assert!(error(metadata().set_name(None).build()).contains("lacks a Name"));
        assert!(error(metadata().set_type(None).build()).contains("/a: InvalidResponse: the answer lacks a Type"));
        assert!(error(metadata().set_last_modified_date(None).build()).contains("lacks a LastModifiedDate"));
    }

    #[test]
    fn an_entry_that_cannot_be_read_spoils_no_other_and_one_without_a_name_the_page() {
        let page = |entries| ANSWER.page(Some(entries), |one| one.name.clone(), Answer::metadata, Some("t".to_owned()));
        let unknown = || metadata().name("/b").tier("Platinum".into()).build();
        let read = page(vec![metadata().build(), unknown(), metadata().name("/c").build()]).unwrap();
        assert_eq!(read.items.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["/a", "/c"]);
        assert_eq!(read.unreadable.len(), 1);
        assert_eq!(read.unreadable[0].name.as_str(), "/b");
        assert!(
            read.unreadable[0].error.to_string().contains("/b: InvalidResponse: the answer says Tier \"Platinum\"")
        );
        assert_eq!(read.next_token.as_deref(), Some("t"));
        let error = page(vec![metadata().build(), metadata().set_name(None).build()]).unwrap_err();
        assert!(error.to_string().contains("lacks a Name"), "nobody could say what is missing");
    }

    #[test]
    fn a_date_keeps_its_fraction() {
        let read = ANSWER.metadata(metadata().build()).unwrap();
        assert_eq!(read.last_modified_date.to_string(), "2025-10-15T12:00:45.76Z");
        assert_eq!(read.data_type, DataType::default());
    }

    #[test]
    fn intelligent_tiering_reads_as_one_of_the_two() {
        let tier = sdk::ParameterTier::IntelligentTiering;
        let policy = sdk::ParameterInlinePolicy::builder().policy_text("{}").policy_type("Expiration").build();
        let read = |from: sdk::ParameterMetadata| ANSWER.metadata(from).unwrap().tier;
        assert_eq!(read(metadata().tier(tier.clone()).build()), Tier::Standard);
        assert_eq!(read(metadata().tier(tier).policies(policy).build()), Tier::Advanced);
    }
}
