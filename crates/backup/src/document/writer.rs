//! Writes a document as a stream.

use std::fmt;
use std::io::{self, Write};

use zeroize::Zeroizing;

use super::header::DocumentHeader;
use super::record::ParameterRecord;
use super::written;

/// A few of age's chunks of 64 KiB, and few enough bytes to stay in a processor's cache between JSON, digest and zstd.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes a document: header, one parameter a line, the count last. Memory is one buffer, however large the document.
///
/// What an error leaves behind is not a document, and [`read`](super::read()) says so; there is nothing to do but to drop it.
#[derive(Debug)]
pub struct Writer<W: Write> {
    buffer: SecretBuffer<W>,
    count: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a document.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(inner: W, header: &DocumentHeader) -> io::Result<Self> {
        let mut buffer = SecretBuffer { inner, bytes: Zeroizing::new(Vec::with_capacity(BUFFER_BYTES)) };
        let mut json = serde_json::to_vec(header)?;
        json.pop(); // The object goes on: the last '}' is written by `finish`.
        buffer.write_all(&json)?;
        buffer.write_all(b",\"parameters\":[")?;
        Ok(Self { buffer, count: 0 })
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn write(&mut self, record: &ParameterRecord) -> io::Result<()> {
        let separator: &[u8] = if self.count == 0 { b"\n" } else { b",\n" };
        self.buffer.write_all(separator)?;
        written::write(&mut self.buffer, record)?;
        self.count += 1;
        Ok(())
    }

    /// Ends the document, and gives the inner writer back with the number of parameters.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        write!(self.buffer, "\n],\"parameter_count\":{}}}\n", self.count)?;
        Ok((self.buffer.finish()?, self.count))
    }
}

/// A buffered writer whose buffer is zeroed, and never moves, so that it leaves no copy behind.
struct SecretBuffer<W> {
    inner: W,
    bytes: Zeroizing<Vec<u8>>,
}

impl<W: fmt::Debug> fmt::Debug for SecretBuffer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretBuffer").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<W: Write> SecretBuffer<W> {
    fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&self.bytes)?;
        Ok(self.inner)
    }

    /// The way of what does not fit into what is left of the buffer.
    #[cold]
    fn spill(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.bytes.len() + bytes.len() > BUFFER_BYTES {
            let (fits, rest) = bytes.split_at(BUFFER_BYTES - self.bytes.len());
            self.bytes.extend_from_slice(fits);
            self.inner.write_all(&self.bytes)?;
            self.bytes.clear();
            bytes = rest;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl<W: Write> Write for SecretBuffer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() > BUFFER_BYTES {
            return self.spill(bytes);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document() {
        let header = DocumentHeader { environment: "dev".into(), ..DocumentHeader::default() };
        let (bytes, count) = Writer::new(Vec::new(), &header).unwrap().finish().unwrap();
        assert_eq!(count, 0);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"backup_date":"","backup_timestamp":"","environment":"dev","parameters":[
],"parameter_count":0}
"#
        );
    }

    #[test]
    fn the_buffer_never_moves_and_loses_nothing() {
        let mut buffer = SecretBuffer { inner: Vec::new(), bytes: Zeroizing::new(Vec::with_capacity(BUFFER_BYTES)) };
        let address = buffer.bytes.as_ptr();
        let mut expected = Vec::new();
        for size in [0, 1, BUFFER_BYTES - 1, 1, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES + 5, 7] {
            let piece: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            buffer.write_all(&piece).unwrap();
            expected.extend(piece);
        }
        assert_eq!(buffer.bytes.as_ptr(), address);
        assert!(buffer.finish().unwrap() == expected);
    }

    #[test]
    fn debug_does_not_show_what_is_buffered() {
        let mut writer = Writer::new(Vec::new(), &DocumentHeader::default()).unwrap();
        writer.buffer.write_all(b"hunter2").unwrap();
        let debug = format!("{writer:?}");
        assert!(!debug.contains("hunter2") && !debug.contains("104, 117"), "{debug}");
    }
}
