//! Every test that SEMANTICS.md names stands in the sources.

use std::path::{Path, PathBuf};

/// A violation for each name, among those in the last column of a table, that is no function's.
pub(crate) fn violations(files: &[(PathBuf, String)]) -> Vec<String> {
    let Some((path, text)) = files.iter().find(|(path, _)| path == Path::new("SEMANTICS.md")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(tests) = line.strip_suffix('|').and_then(|row| row.rsplit('|').next()) else { continue };
        for name in tests.split('`').skip(1).step_by(2) {
            let function = format!("fn {name}(");
            if !files
                .iter()
                .any(|(path, text)| path.extension().is_some_and(|ext| ext == "rs") && text.contains(&function))
            {
                found.push(format!("{}:{}: no test is called {name}", path.display(), number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_whose_test_is_gone_is_found() {
        let semantics = "| promise | held by |\n|---|---|\n| a `b` | `held`, `gone` |\n";
        let files = [
            (PathBuf::from("SEMANTICS.md"), semantics.to_owned()),
            (PathBuf::from("src/lib.rs"), "fn held() {}".to_owned()),
        ];
        assert_eq!(violations(&files), ["SEMANTICS.md:3: no test is called gone"]);
    }
}
