//! What may not stand in a tracked file, line by line, and how long a source may be.

use std::path::Path;

/// Lines of code that is not test in one source file.
const MOST_LINES: usize = 600;

/// Text that may stand in no Rust source, and why. They are put together here so that this file does not hold them.
const IN_NO_RUST: [(&str, &str); 5] = [
    (concat!("#[al", "low("), "an exception is an #[expect] with its reason"),
    (concat!("#![al", "low("), "an exception is an #[expect] with its reason"),
    (concat!("#[ign", "ore"), "a test that is not run is no test"),
    (concat!("to", "do!("), "what is not done is not committed"),
    (concat!("unimpl", "emented!("), "what is not done is not committed"),
];

const IN_NO_PRODUCT_CODE: (&str, &str) =
    (concat!(".unw", "rap()"), "only tests may; say with expect why it cannot fail");

/// A machine's folders, as a path that begins so.
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot"), concat!("/wo", "rk"), concat!("/ho", "me")];

/// Where packages are had from is each machine's own affair.
const REGISTRY_SETTINGS: [&str; 5] = [
    concat!("index", "-url"),
    concat!("extra-", "index"),
    concat!("replace", "-with"),
    concat!("artif", "actory"),
    concat!("find", "-links"),
];

/// What is wrong in one file, as `path:line: reason`.
pub(super) fn violations(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut report = |line: usize, reason: String| found.push(format!("{}:{}: {reason}", path.display(), line + 1));
    for (number, line) in text.lines().enumerate() {
        if let Some(machine) = MACHINE_PATHS.iter().find(|machine| holds_path(line, machine)) {
            report(number, format!("{machine} is a path of one machine"));
        }
        if let Some(setting) = REGISTRY_SETTINGS.iter().find(|setting| line.contains(*setting)) {
            report(number, format!("{setting} is one machine's registry"));
        }
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return found;
    }
    let product = if is_test(path) { 0 } else { product_lines(text) };
    if product > MOST_LINES {
        report(MOST_LINES, format!("{product} lines of code that is not test; at most {MOST_LINES}"));
    }
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        let product_only = (number < product).then_some(IN_NO_PRODUCT_CODE);
        for (bad, reason) in IN_NO_RUST.into_iter().chain(product_only) {
            if line.contains(bad) {
                report(number, format!("{bad}: {reason}"));
            }
        }
    }
    found
}

/// A path that begins with `folder`: what stands before is no part of a longer path, and what comes after no longer name.
fn holds_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        let inside =
            |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '}' | ')' | '>' | '~' | '*');
        !before.is_some_and(inside)
            && !after.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
    })
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// The lines before the inline module of tests.
fn product_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| {
        pair[0].trim() == "#[cfg(test)]"
            && pair[1].trim_start().starts_with("mod ")
            && pair[1].trim_end().ends_with('{')
    };
    lines.windows(2).position(is_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        violations(Path::new(path), text)
    }

    #[test]
    fn each_forbidden_text_is_found_with_its_line() {
        for (bad, reason) in IN_NO_RUST.into_iter().chain([IN_NO_PRODUCT_CODE]) {
            assert_eq!(found("src/a.rs", &format!("fn a() {{\n{bad}\n}}")), [format!("src/a.rs:2: {bad}: {reason}")]);
            assert_eq!(found("src/a.rs", &format!("// {bad}\n/// {bad}")), Vec::<String>::new());
        }
    }

    #[test]
    fn only_tests_may_take_a_value_for_granted() {
        let call = IN_NO_PRODUCT_CODE.0;
        assert_eq!(found("src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{call}\n}}")), Vec::<String>::new());
        assert_eq!(found("tests/it/main.rs", call), Vec::<String>::new());
        assert_eq!(found("src/a.rs", &format!("#[cfg(test)]\nmod tests;\n{call}")).len(), 1);
        assert_eq!(found("src/a.rs", &format!("#[cfg(test)]\nuse x;\n{call}")).len(), 1);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let code = "x\n".repeat(MOST_LINES);
        assert_eq!(found("src/a.rs", &code), Vec::<String>::new());
        assert_eq!(found("src/a.rs", &format!("{code}y\n")).len(), 1);
        assert_eq!(found("src/a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}")), Vec::<String>::new());
        assert_eq!(found("docs/a.md", &format!("{code}y\n")), Vec::<String>::new());
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for folder in MACHINE_PATHS {
            for bad in
                [format!("{folder}/x"), format!("`{folder}`"), format!("a={folder}/x"), format!("file://{folder}/x")]
            {
                assert_eq!(found("docs/a.md", &bad).len(), 1, "{bad}");
            }
            for good in [
                format!("target{folder}/x"),
                format!("$X}}{folder}/x"),
                format!("{folder}ers/x"),
                format!("..{folder}"),
            ] {
                assert_eq!(found("docs/a.md", &good), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn the_registry_of_one_machine_is_found() {
        for setting in REGISTRY_SETTINGS {
            assert_eq!(found("x.toml", &format!("a\n{setting} = 'https://x'")).len(), 1);
        }
    }
}
