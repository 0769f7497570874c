//! The same resources for teams that run another engine: Terraform, CloudFormation, Pulumi.
//!
//! Expressions become the engine's own references: the outputs that a declaration names are, for an export, texts that stand for a
//! reference (see `Reference`), so that whatever a text is made of comes out as the engine's interpolation.

mod cloudformation;
mod pulumi;
mod terraform;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kind::{KindName, Outputs, Spec};
use crate::stack::{Observation, Observed, Stack, StackError};

/// What stands around a reference as long as it is not the engine's.
const MARKS: (char, char) = ('\u{e000}', '\u{e001}');

/// Whose language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Terraform's JSON syntax, with blocks that import what is there.
    Terraform,
    /// A template of CloudFormation, JSON.
    CloudFormation,
    /// A program of Pulumi, in its YAML language, written as JSON, which is YAML.
    Pulumi,
}

/// What an export gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The text.
    pub text: String,
    /// The resources that the engine has nothing for.
    pub left_out: Vec<String>,
}

/// Exports a stack. What is there already is known by `observation`.
///
/// # Errors
/// [`StackError`] when the declaration is wrong.
pub fn export(stack: &Stack, observation: &Observation, format: ExportFormat) -> Result<Export, StackError> {
    let mut outputs: BTreeMap<String, Outputs> = BTreeMap::new();
    let mut resources = Vec::new();
    let mut left_out = Vec::new();
    for observed in &observation.resources {
        let declared = stack.declared(&observed.resource);
        let one = stack.resolve(declared, &outputs, &observation.records)?;
        let one = Observed { live: observed.live.clone(), id: observed.id.clone(), ..one };
        let known = one.spec.outputs(&one.at, one.live.as_ref());
        let referred = known.into_iter().map(|(name, value)| {
            let reference = reference(format, one.spec.kind(), &one.resource, &name);
            let value = reference.map(|text| format!("{}{text}{}", MARKS.0, MARKS.1)).or(value);
            (name, value)
        });
        outputs.insert(one.resource.clone(), referred.collect());
        match (&one.spec, format) {
            (Spec::LocalFolder(_) | Spec::StoreParameter(_), _)
            | (Spec::GcsBucket(_) | Spec::AzureContainer(_), ExportFormat::CloudFormation) => {
                left_out.push(one.resource)
            }
            _ => resources.push(one),
        }
    }
    let outputs = stack.stack_outputs(&outputs)?;
    let document = match format {
        ExportFormat::Terraform => terraform::document(stack, &resources, &outputs),
        ExportFormat::CloudFormation => cloudformation::document(stack, &resources, &outputs),
        ExportFormat::Pulumi => pulumi::document(stack, &resources, &outputs),
    };
    let text = serde_json::to_string_pretty(&document).expect("a document is JSON") + "\n";
    Ok(Export { text, left_out })
}

/// How the engine calls an output of a resource; none where a text has to do.
fn reference(format: ExportFormat, kind: KindName, resource: &str, output: &str) -> Option<String> {
    match format {
        ExportFormat::Terraform => terraform::reference(kind, resource, output),
        ExportFormat::CloudFormation => cloudformation::reference(kind, resource, output),
        ExportFormat::Pulumi => pulumi::reference(kind, resource, output),
    }
}

/// Every text of `value` with the references as the engine writes them; `literal` is how it writes a `${` that is none.
fn interpolated(value: &Value, literal: &str) -> Value {
    match value {
        Value::String(text) => Value::String(interpolate(text, literal)),
        Value::Array(items) => items.iter().map(|item| interpolated(item, literal)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, item)| (key.clone(), interpolated(item, literal))).collect()
        }
        other => other.clone(),
    }
}

fn interpolate(text: &str, literal: &str) -> String {
    text.replace("${", literal).replace(MARKS.0, "${").replace(MARKS.1, "}")
}

/// Takes sections out that are empty, which the engines do not take.
fn without_empty(document: &mut Value, sections: &[&str]) {
    if let Some(entries) = document.as_object_mut() {
        entries.retain(|key, value| !(sections.contains(&key.as_str()) && crate::difference::is_nothing(value)));
    }
}

/// A mapping without what is `null`, at any depth.
fn compact(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, compact(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(compact).collect(),
        other => other,
    }
}

/// `backup_role` as `BackupRole`.
fn camel(name: &str) -> String {
    let mut text = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_told_from_a_text_that_looks_like_one() {
        let text = format!("{}aws_s3_bucket.b.arn{}/${{x}}", MARKS.0, MARKS.1);
        assert_eq!(interpolate(&text, "$${"), "${aws_s3_bucket.b.arn}/$${x}");
        assert_eq!(camel("backup_role_2"), "BackupRole2");
    }
}
