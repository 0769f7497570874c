//! JSON of which each byte is known in advance, but for the texts and numbers in it: read and written without a parser.

use std::io::{self, Write};

use parados_parameter::Version;

/// Writes `begin`, which ends with a quote, and the text that follows it, up to its last quote.
pub(crate) fn write_text(out: &mut impl Write, begin: &[u8], text: &str) -> io::Result<()> {
    let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // All of them, many at once.
    if text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
        out.write_all(&begin[..begin.len() - 1])?;
        return Ok(serde_json::to_writer(out, text)?);
    }
    out.write_all(begin)?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\"")
}

/// Most bytes that [`Cursor::until`] looks at: more than what is read so has.
const MAX_CURSOR_BYTES: usize = 16 * 1024;

/// Reads JSON that stands as it is expected to, byte for byte. Each of its methods gives nothing where it does not, and the cursor is
/// of no use any more then.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Of the bytes up to the first that is `last`, that one too. None where they are no text, or have a character that JSON escapes.
    pub(crate) fn until(bytes: &'a [u8], last: u8) -> Option<Self> {
        let end = memchr::memchr(last, &bytes[..bytes.len().min(MAX_CURSOR_BYTES)])?;
        // The last one may be a line feed, which stands behind what is read.
        if bytes[..end].iter().fold(false, |any, byte| any | (*byte < b' ')) {
            return None;
        }
        let text = std::str::from_utf8(&bytes[..=end]).ok()?;
        Some(Self { text, at: 0 })
    }

    /// How many bytes were taken.
    pub(crate) fn taken(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn is_next<const N: usize>(&self, expected: &[u8; N]) -> bool {
        self.rest().first_chunk() == Some(expected)
    }

    /// Takes exactly this.
    pub(crate) fn take<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        self.is_next(expected).then(|| self.at += N)
    }

    /// Takes what begins with this, up to the quote that begins its text, and the text, in which nothing is escaped.
    pub(crate) fn member<const N: usize>(&mut self, begin: &[u8; N]) -> Option<&'a str> {
        self.take(begin)?;
        let rest = self.rest();
        let length = memchr::memchr2(b'"', b'\\', rest).filter(|end| rest[*end] == b'"')?;
        let text = &self.text[self.at..self.at + length];
        self.at += length + 1;
        Some(text)
    }

    /// As [`member`](Self::member), where it is there.
    pub(crate) fn optional<const N: usize>(&mut self, begin: &[u8; N]) -> Option<Option<&'a str>> {
        match self.is_next(begin) {
            true => self.member(begin).map(Some),
            false => Some(None),
        }
    }

    /// Takes a list behind this, where it is there, of what `each` takes.
    pub(crate) fn list<T, const N: usize>(
        &mut self,
        begin: &[u8; N],
        mut each: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        if self.take(begin).is_none() {
            return Some(None);
        }
        self.take(b"[")?;
        let mut list = Vec::new();
        if self.take(b"]").is_some() {
            return Some(Some(list));
        }
        loop {
            list.push(each(self)?);
            if self.take(b"]").is_some() {
                return Some(Some(list));
            }
            self.take(b",")?;
        }
    }

    /// Takes a version: a number without a sign, of so many digits as fit.
    pub(crate) fn version(&mut self) -> Option<Version> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).filter(|length| (1..=18).contains(length))?;
        match (&rest[..length], rest[length]) {
            // What JSON has no such number for, and what goes on as another one.
            ([b'0', _, ..], _) | (_, b'.' | b'e' | b'E') => None,
            _ => {
                let digits = &self.text[self.at..self.at + length];
                self.at += length;
                Version::new(digits.parse().ok()?).ok()
            }
        }
    }
}
