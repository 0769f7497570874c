//! Links in Markdown: those within the repository lead to a file of it, and to a heading where they name one.

use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// `files` are all tracked texts; other kinds of file are looked for below `root`.
pub(super) fn violations(files: &[(PathBuf, String)], root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| is_markdown(path)) {
        for (line, link) in links(text) {
            if let Some(reason) = broken(path, &link, files, root) {
                found.push(format!("{}:{line}: {link}: {reason}", path.display()));
            }
        }
    }
    found
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

fn links(text: &str) -> Vec<(usize, String)> {
    let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
    let events = Parser::new(text).into_offset_iter();
    events
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((line_of(range.start), dest_url.into_string()))
            }
            _ => None,
        })
        .collect()
}

fn broken(from: &Path, link: &str, files: &[(PathBuf, String)], root: &Path) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = if file.is_empty() { from.to_owned() } else { resolve(from, file)? };
    let text = files.iter().find(|(path, _)| *path == target).map(|(_, text)| text);
    if target.components().next() == Some(Component::ParentDir) {
        return Some("leads out of the repository".to_owned());
    }
    if text.is_none() && !root.join(&target).exists() {
        return Some("there is no such file".to_owned());
    }
    let (heading, text) = (heading?, text?);
    if !is_markdown(&target) || headings(text).iter().any(|known| known == heading) {
        return None;
    }
    Some("there is no such heading".to_owned())
}

/// The link's path from the root, `..` taken out where a folder stands before it.
fn resolve(from: &Path, link: &str) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in from.parent()?.join(link).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if resolved.file_name().is_some() => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    Some(resolved)
}

/// Headings as links name them: lower case, words joined by hyphens, punctuation left out.
fn headings(text: &str) -> Vec<String> {
    let (mut headings, mut current) = (Vec::new(), None::<String>);
    for event in Parser::new(text) {
        match (event, &mut current) {
            (Event::Start(Tag::Heading { .. }), _) => current = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
            (Event::End(TagEnd::Heading(_)), heading) => headings.extend(heading.take().map(|text| slug(&text))),
            _ => {}
        }
    }
    headings
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let files = [
            (PathBuf::from("docs/page.md"), page.to_owned()),
            (PathBuf::from("README.md"), "# Parados, whole\n\n## `backup` now".to_owned()),
        ];
        violations(&files, Path::new("/nowhere"))
    }

    #[test]
    fn a_dead_link_is_found_with_its_line() {
        assert_eq!(found("one\n\n[two](three.md)"), ["docs/page.md:3: three.md: there is no such file"]);
        assert_eq!(found("![x](x.svg)").len(), 1);
        assert_eq!(found("[x][y]\n\n[y]: no.md").len(), 1);
        assert_eq!(
            found("[x](../README.md#parados)"),
            ["docs/page.md:1: ../README.md#parados: there is no such heading"]
        );
        assert_eq!(
            found("[x](../../shared/DESIGN.md)"),
            ["docs/page.md:1: ../../shared/DESIGN.md: leads out of the repository"]
        );
    }

    #[test]
    fn what_is_there_or_elsewhere_passes() {
        let page = "# Here\n[a](../README.md) [b](../README.md#backup-now) [c](#here) [d](https://x.org/y) `[e](no)`\n\n```\n[f](no)\n```";
        assert_eq!(found(page), Vec::<String>::new());
    }
}
