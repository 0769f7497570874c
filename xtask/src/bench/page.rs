//! The page of all benchmarks: a part for each subject, which begins with a heading of its own.

const HEADING: &str = "# ";

/// `page` with `part` in the place of the one of the same heading, or behind all others.
pub(super) fn with_part(page: &str, part: &str) -> String {
    let mut parts = parts(page);
    let heading = |part: &str| part.lines().next().map(str::to_owned);
    match parts.iter_mut().find(|there| heading(there) == heading(part)) {
        Some(there) => part.trim_end().clone_into(there),
        None => parts.push(part.trim_end().to_owned()),
    }
    parts.join("\n\n") + "\n"
}

fn parts(page: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in page.lines() {
        match parts.last_mut() {
            Some(part) if !line.starts_with(HEADING) => {
                part.push('\n');
                part.push_str(line);
            }
            _ => parts.push(line.to_owned()),
        }
    }
    parts.iter().map(|part| part.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_its_like_and_leaves_the_others() {
        let page = "# A\n\nold\n\n## deeper\n\n# B\n\nother\n";
        assert_eq!(with_part(page, "# A\n\nnew\n"), "# A\n\nnew\n\n# B\n\nother\n");
        assert_eq!(with_part("# A\n\nold\n", "# B\n\nnew\n"), "# A\n\nold\n\n# B\n\nnew\n");
    }
}
