//! The expressions inside texts: `{{ project }}`, `{{ values.team }}`, `{{ resources.bucket.name }}`.
//!
//! They make texts and nothing else: no file, no clock and no environment is in their reach.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use super::error::DeclarationError;
use super::node::{Node, NodeValue, Place};

/// What expressions can name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scope {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The account of the resource's target.
    pub account: String,
    /// The Region of the resource's target.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The declaration's own values.
    pub values: BTreeMap<String, String>,
    /// The outputs of the resources.
    pub resources: BTreeMap<String, BTreeMap<String, String>>,
}

/// Renders a text.
///
/// # Errors
/// [`DeclarationError`] at `place` when it is no expression, or names what there is not.
pub(crate) fn render(text: &str, scope: &Scope, place: &Place) -> Result<String, DeclarationError> {
    if !is_expression(text) {
        return Ok(text.to_owned());
    }
    environment().render_str(text, scope).map_err(|error| explain(&error, text, scope, place))
}

/// The names of the resources whose outputs the texts of `node` use.
///
/// # Errors
/// [`DeclarationError`] when one is no expression.
pub(crate) fn used_resources(node: &Node) -> Result<BTreeSet<String>, DeclarationError> {
    let mut used = BTreeSet::new();
    collect(node, &mut used)?;
    Ok(used)
}

fn collect(node: &Node, used: &mut BTreeSet<String>) -> Result<(), DeclarationError> {
    match &node.value {
        NodeValue::Text(text) if is_expression(text) => {
            let environment = environment();
            let template = environment
                .template_from_str(text)
                .map_err(|error| explain(&error, text, &Scope::default(), &node.place))?;
            for variable in template.undeclared_variables(true) {
                if variable == "resources" {
                    return Err(DeclarationError::at(
                        &node.place,
                        format!("`{text}` does not say which output it means"),
                        "write `resources.NAME.OUTPUT`, without brackets",
                    ));
                }
                if let Some(name) = variable.strip_prefix("resources.") {
                    used.insert(name.split('.').next().unwrap_or(name).to_owned());
                }
            }
        }
        NodeValue::List(items) => items.iter().try_for_each(|item| collect(item, used))?,
        NodeValue::Map(entries) => entries.iter().try_for_each(|(_, item)| collect(item, used))?,
        _ => {}
    }
    Ok(())
}

fn is_expression(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

fn explain(error: &minijinja::Error, text: &str, scope: &Scope, place: &Place) -> DeclarationError {
    if error.kind() == ErrorKind::UndefinedError {
        let listed = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect::<Vec<_>>().join(", ");
        let hint = match scope.resources.iter().find(|(name, _)| text.contains(&format!("resources.{name}."))) {
            Some((name, outputs)) => format!("`{name}` has the outputs {}", listed(&mut outputs.keys())),
            None => format!(
                "there are project, environment, account, region, partition, values.NAME ({}) and resources.NAME.OUTPUT",
                listed(&mut scope.values.keys())
            ),
        };
        return DeclarationError::at(place, format!("`{text}` names something that there is not"), hint);
    }
    DeclarationError::at(place, format!("`{text}` is no expression: {error}"), "write `{{ name }}`, as in Jinja")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { file: "f".into(), line: 1, column: 1 }
    }

    fn scope() -> Scope {
        let outputs = BTreeMap::from([("name".to_owned(), "b-1".to_owned())]);
        Scope {
            project: "jenkins".into(),
            values: BTreeMap::from([("team".into(), "core".into())]),
            resources: BTreeMap::from([("bucket".into(), outputs)]),
            ..Scope::default()
        }
    }

    #[test]
    fn texts_are_rendered() {
        let text = "{{ project }}-{{ values.team | upper }}-{{ resources.bucket.name }}";
        assert_eq!(render(text, &scope(), &place()).unwrap(), "jenkins-CORE-b-1");
        assert_eq!(render("plain", &scope(), &place()).unwrap(), "plain");
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let error = render("{{ resources.bucket.nam }}", &scope(), &place()).unwrap_err();
        assert_eq!(error.hint, "`bucket` has the outputs name");
        let error = render("{{ projekt }}", &scope(), &place()).unwrap_err();
        assert!(error.message.contains("projekt") && error.hint.contains("team"), "{error:?}");
        let error = render("{{ project", &scope(), &place()).unwrap_err();
        assert!(error.message.contains("is no expression"), "{error}");
    }

    #[test]
    fn what_a_text_uses_is_known_without_rendering_it() {
        let node =
            Node::parse("a: '{{ resources.bucket.name }}'\nb: ['{{ resources.key.arn ~ project }}']", "f").unwrap();
        assert_eq!(used_resources(&node).unwrap(), BTreeSet::from(["bucket".to_owned(), "key".to_owned()]));
        let node = Node::parse("a: '{{ resources[\"bucket\"].name }}'", "f").unwrap();
        assert!(used_resources(&node).unwrap_err().hint.contains("without brackets"));
    }
}
