//! Texts from outside, made safe for a terminal.

use std::fmt::Write as _;

/// `text` with its control characters escaped, so that a description or a value cannot move the cursor, change colours or
/// pretend to be another line.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => printed.push_str("\\n"),
            '\t' => printed.push_str("\\t"),
            '\r' => printed.push_str("\\r"),
            c if c.is_control() || is_direction(c) => _ = write!(printed, "\\u{{{:x}}}", c as u32),
            c => printed.push(c),
        }
    }
    printed
}

/// Whether it turns the direction of writing, which can make a text read as another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_done() {
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}é"), "a\\nb\\u{1b}[2J\\u{202e}é");
    }
}
