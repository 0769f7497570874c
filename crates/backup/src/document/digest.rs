//! Digests and sizes of what goes through a stream.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256. Written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// A text that is not a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a digest: it is 'sha256:' and 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let hex = text.strip_prefix("sha256:").map(str::as_bytes).ok_or(ParseDigestError)?;
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(ParseDigestError),
        };
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return Err(ParseDigestError);
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(digest))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, ParseDigestError> {
        text.parse()
    }
}

/// A reader or a writer with the size and the digest of what went through it.
#[derive(Debug)]
pub struct Measured<T> {
    inner: T,
    size: u64,
    hash: Sha256,
}

impl<T> Measured<T> {
    /// Measures what goes through `inner` from here on.
    pub fn new(inner: T) -> Self {
        Self { inner, size: 0, hash: Sha256::new() }
    }

    /// The digest of what went through up to here.
    pub fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }

    /// Gives the inner one back, with the size in bytes and the digest of what went through.
    pub fn finish(self) -> (T, u64, Digest) {
        (self.inner, self.size, Digest(self.hash.finalize().into()))
    }

    fn count(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
    }
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(&bytes[..written]);
        Ok(written)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_all(bytes)?;
        self.count(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: BufRead> BufRead for Measured<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    /// Counts what is consumed.
    fn consume(&mut self, count: usize) {
        if count == 0 {
            // There may be no buffer yet, and filling it may fail.
            return;
        }
        let consumed = self.inner.fill_buf().map(|buffer| &buffer[..count]);
        self.hash.update(consumed.expect("a buffer that was filled stays until it is consumed"));
        self.size += count as u64;
        self.inner.consume(count);
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use testkit::FailingReader;

    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn measures_both_ways() {
        let mut writer = Measured::new(Vec::new());
        writer.write_all(b"a").unwrap();
        assert_eq!(writer.write(b"bc").unwrap(), 2);
        let (bytes, size, digest) = writer.finish();
        assert_eq!((bytes.as_slice(), size, digest.to_string().as_str()), (&b"abc"[..], 3, ABC));

        let mut reader = Measured::new(bytes.as_slice());
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(reader.finish().2, digest);

        let mut buffered = Measured::new(bytes.as_slice());
        buffered.consume(2);
        assert_eq!(buffered.fill_buf().unwrap(), b"c");
        buffered.consume(1);
        assert_eq!((buffered.size, buffered.digest()), (3, digest));
        assert_eq!(Digest::of(b"abc"), digest);
    }

    #[test]
    fn nothing_is_consumed_of_what_cannot_be_read() {
        let mut reader = Measured::new(io::BufReader::new(FailingReader(io::ErrorKind::ConnectionReset)));
        reader.consume(0);
        assert_eq!(reader.fill_buf().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn text() {
        let digest: Digest = ABC.parse().unwrap();
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("{ABC:?}"));
        assert_eq!(serde_json::from_str::<Digest>(&format!("{ABC:?}")).unwrap(), digest);
        for text in ["", &ABC[7..], &ABC[..70], &ABC.to_uppercase(), &ABC.replace('b', "g")] {
            text.parse::<Digest>().unwrap_err();
        }
    }
}
