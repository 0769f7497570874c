//! Reads one JSON text value by value, without having all of it in memory. What stands exactly as we write it is read and written by
//! `exact`.
//!
//! Owns the position and the tokens between the values. A value that lies in the reader's buffer as a whole is parsed there, many
//! times faster than byte by byte; one that does not, or that is not right, is read once more as a stream, which alone says what is
//! wrong with it and where.

mod exact;

use std::io::{self, BufRead, Read};

use serde::de::DeserializeOwned;
use serde_json::Deserializer;
use serde_json::error::Category;

pub(crate) use self::exact::{Cursor, write_text};

/// A text that is not the JSON that was asked for. It holds nothing out of the text.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// The bytes could not be read.
    Read(io::Error),
    /// It ends in the middle.
    Truncated,
    /// It is not JSON, or not what was asked for.
    Damaged {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Position {
    /// The line, from 1.
    line: usize,
    /// Bytes of it that are behind.
    column: usize,
}

/// Reads a text from its beginning to its end.
pub(crate) struct JsonReader<R> {
    bytes: Bytes<R>,
}

impl<R: BufRead> JsonReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { bytes: Bytes { inner: reader, filled: 0, at: 0, before: 0, start: Position { line: 1, column: 0 } } }
    }

    /// The next value.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, JsonError> {
        self.peek()?;
        let bytes = self.bytes.left()?;
        let mut stream = Deserializer::from_slice(bytes).into_iter();
        if let Some(Ok(value)) = stream.next() {
            let length = stream.byte_offset();
            // What ends with the buffer may be the beginning of a longer number.
            if length < bytes.len() {
                self.bytes.skip(length);
                return Ok(value);
            }
        }
        self.streamed_value()
    }

    /// The next value, for which `parse` is tried first where it stands in the buffer: a value, and how many bytes it has.
    pub(crate) fn value_by<T: DeserializeOwned>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Option<(T, usize)>,
    ) -> Result<T, JsonError> {
        self.peek()?;
        match parse(self.bytes.left()?) {
            Some((value, length)) => {
                self.bytes.skip(length);
                Ok(value)
            }
            None => self.value(),
        }
    }

    #[cold]
    fn streamed_value<T: DeserializeOwned>(&mut self) -> Result<T, JsonError> {
        let begun = self.bytes.taken();
        let mut stream = Deserializer::from_reader(&mut self.bytes).into_iter();
        let outcome = stream.next();
        let length = stream.byte_offset() as u64;
        match outcome {
            None => Err(JsonError::Truncated),
            // The JSON reader has taken what is wrong, and not a byte more.
            Some(Err(error)) => Err(JsonError::of(error, self.bytes.position()?)),
            Some(Ok(value)) => {
                // The end of a number shows only in what comes after it.
                let ahead = self.bytes.taken() - begun - length;
                self.bytes.give_back(usize::try_from(ahead).expect("the JSON reader looks one byte ahead"));
                Ok(value)
            }
        }
    }

    /// Begins an object.
    pub(crate) fn begin_object(&mut self) -> Result<(), JsonError> {
        self.begin(b'{')
    }

    /// Begins a list.
    pub(crate) fn begin_list(&mut self) -> Result<(), JsonError> {
        self.begin(b'[')
    }

    fn begin(&mut self, bracket: u8) -> Result<(), JsonError> {
        if self.peek()? == bracket {
            self.bytes.skip(1);
            return Ok(());
        }
        // Whether it is another value or none at all makes the difference.
        let start = self.bytes.position()?;
        self.value::<serde::de::IgnoredAny>()?;
        Err(JsonError::damaged(start, "not what the format says"))
    }

    /// The name of an object's next member, whose value is next; none at the object's end. `is_first` says that there was none.
    pub(crate) fn member(&mut self, is_first: bool) -> Result<Option<String>, JsonError> {
        if !self.goes_on(is_first, b'}')? {
            return Ok(None);
        }
        if self.peek()? != b'"' {
            return Err(self.not_json());
        }
        let name = self.value()?;
        match self.peek()? {
            b':' => self.bytes.skip(1),
            _ => return Err(self.not_json()),
        }
        Ok(Some(name))
    }

    /// Whether a list has a next value. `is_first` says that there was none.
    pub(crate) fn element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        self.goes_on(is_first, b']')
    }

    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, JsonError> {
        match self.peek()? {
            byte if byte == end => {
                self.bytes.skip(1);
                Ok(false)
            }
            _ if is_first => Ok(true),
            b',' => {
                self.bytes.skip(1);
                match self.peek()? {
                    byte if byte == end => Err(self.not_json()),
                    _ => Ok(true),
                }
            }
            _ => Err(self.not_json()),
        }
    }

    /// Checks that nothing but white space comes any more.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError::Truncated) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(self.not_json()),
        }
    }

    /// Where what is wrong with what was read last ends.
    pub(crate) fn damaged(&mut self, message: &str) -> JsonError {
        self.bytes.position().map_or_else(JsonError::Read, |position| JsonError::damaged(position, message))
    }

    /// The next byte that is not white space, which stays.
    fn peek(&mut self) -> Result<u8, JsonError> {
        loop {
            let left = self.bytes.left()?;
            match left.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r')) {
                Some(at) => {
                    let byte = left[at];
                    self.bytes.skip(at);
                    return Ok(byte);
                }
                None if left.is_empty() => return Err(JsonError::Truncated),
                None => {
                    let count = left.len();
                    self.bytes.skip(count);
                }
            }
        }
    }

    /// The byte that comes next is none that may stand there.
    fn not_json(&mut self) -> JsonError {
        self.bytes.skip(1);
        self.damaged("not JSON")
    }
}

impl JsonError {
    fn damaged(at: Position, message: &str) -> Self {
        Self::Damaged { line: at.line, column: at.column, message: message.to_owned() }
    }

    fn of(error: serde_json::Error, at: Position) -> Self {
        let message = match error.classify() {
            Category::Eof => return Self::Truncated,
            Category::Io => return Self::Read(error.into()),
            Category::Syntax => "not JSON".to_owned(),
            Category::Data => without_content(&error.to_string()),
        };
        Self::Damaged { line: at.line, column: at.column, message }
    }
}

/// What of serde's message holds no text out of the document: which field is missing or there twice, not what a field holds.
fn without_content(message: &str) -> String {
    let names_a_field = ["missing field `", "duplicate field `"].iter().any(|start| message.starts_with(start));
    match message.split_once(" at line ") {
        Some((message, _)) if names_a_field => message.to_owned(),
        _ => "not what the format says".to_owned(),
    }
}

impl From<io::Error> for JsonError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The bytes of a text, in the buffers that they come in. What was taken of one is consumed when all of it was: so one byte can
/// always be given back.
struct Bytes<R> {
    inner: R,
    /// How many bytes the buffer has.
    filled: usize,
    /// How many of them were taken.
    at: usize,
    /// Bytes of earlier buffers.
    before: u64,
    /// Where this buffer begins.
    start: Position,
}

impl<R: BufRead> Bytes<R> {
    /// What of the buffer was not taken; of the next one, where all of it was. Empty at the end.
    #[inline]
    fn left(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            self.fill()?;
        }
        Ok(&self.inner.fill_buf()?[self.at..])
    }

    #[cold]
    fn fill(&mut self) -> io::Result<()> {
        (self.start, self.before) = (self.position()?, self.taken());
        self.inner.consume(self.at);
        (self.at, self.filled) = (0, 0);
        self.filled = loop {
            match self.inner.fill_buf() {
                Ok(buffer) => break buffer.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        Ok(())
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Takes back what was taken last, at most one byte.
    fn give_back(&mut self, count: usize) {
        self.at -= count;
    }

    /// Bytes that were taken.
    fn taken(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Where the bytes that were taken end.
    fn position(&mut self) -> io::Result<Position> {
        if self.at == 0 {
            return Ok(self.start);
        }
        let taken = &self.inner.fill_buf()?[..self.at];
        Ok(match memchr::memrchr(b'\n', taken) {
            None => Position { column: self.start.column + self.at, ..self.start },
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', taken).count();
                Position { line: self.start.line + lines, column: self.at - last - 1 }
            }
        })
    }
}

impl<R: BufRead> Read for Bytes<R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        let count = buffer.len().min(left.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.skip(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use serde_json::Value;
    use testkit::FailingReader;

    use super::*;

    const BUFFER_BYTES: usize = 128 * 1024;

    fn values(text: &[u8], buffer: usize) -> Result<Vec<Value>, JsonError> {
        let mut json = JsonReader::new(BufReader::with_capacity(buffer, text));
        json.begin_list()?;
        let mut values = Vec::new();
        while json.element(values.is_empty())? {
            values.push(json.value()?);
        }
        json.end()?;
        Ok(values)
    }

    fn place(error: &JsonError) -> Option<(usize, usize)> {
        match error {
            JsonError::Damaged { line, column, .. } => Some((*line, *column)),
            JsonError::Read(_) | JsonError::Truncated => None,
        }
    }

    proptest! {
        /// Values of all kinds, numbers too, on the borders of the buffer.
        #[test]
        fn what_lies_on_the_border_of_the_buffer_is_read_as_a_whole(
            before in BUFFER_BYTES - 40..BUFFER_BYTES + 40,
            number in any::<i64>(),
            buffer in prop_oneof![1_usize..100, Just(BUFFER_BYTES), 1_usize..200_000],
        ) {
            let text = format!(r#"["{}",{number},{number}.25,{{"a":[null,{number}]}},true,"é\n"]"#, "x".repeat(before - 60));
            let expected: Vec<Value> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(values(text.as_bytes(), buffer).unwrap(), expected);
        }

        #[test]
        fn what_is_wrong_is_where_the_stock_parser_finds_it(
            lines in 0_usize..3,
            before in BUFFER_BYTES - 40..BUFFER_BYTES + 40,
            wrong in prop::sample::select(vec![",]", "{\"a\":1,}", "nul", "1 2", "\"\\x\"", "]]", "[1}", "0x", "{1:2}"]),
        ) {
            let text = format!("{}[\"{}\",\n {wrong}]", "\n".repeat(lines), "x".repeat(before - 60));
            let stock = serde_json::from_str::<Value>(&text).unwrap_err();
            let ours = values(text.as_bytes(), BUFFER_BYTES).unwrap_err();
            prop_assert_eq!(place(&ours), Some((stock.line(), stock.column())));
        }

        #[test]
        fn a_text_that_is_cut_off_is_truncated(cut in 1_usize..60) {
            let text = format!(r#"["{}",12,{{"a":true}},[1,2],"x\u00e9\ud83d\ude00"]"#, "x".repeat(BUFFER_BYTES - 30));
            let cut = &text.as_bytes()[..text.len() - cut];
            prop_assert!(matches!(values(cut, BUFFER_BYTES), Err(JsonError::Truncated)));
        }
    }

    #[test]
    fn what_was_read_before_an_error_is_given_out_first() {
        let mut json = JsonReader::new(BufReader::new(b"[1,2,".chain(FailingReader(io::ErrorKind::ConnectionReset))));
        json.begin_list().unwrap();
        assert!(json.element(true).unwrap());
        assert_eq!(json.value::<u8>().unwrap(), 1);
        assert!(json.element(false).unwrap());
        assert_eq!(json.value::<u8>().unwrap(), 2);
        assert!(
            matches!(json.element(false), Err(JsonError::Read(error)) if error.kind() == io::ErrorKind::ConnectionReset)
        );
    }
}
