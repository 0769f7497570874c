//! A connection over which one request follows the other, opened anew where the server closes it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use memchr::memmem;

use crate::Outcome;

/// A client's side of HTTP/1.1.
pub(super) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// How many bytes the answer has, once that is known.
    length: Length,
}

/// What an answer's head says of its end.
#[derive(Clone, Copy)]
enum Length {
    Unknown,
    Bytes(usize),
    Chunked,
}

impl Connection {
    /// One that never blocks but to connect.
    pub(super) fn open(address: &str) -> Outcome<Self> {
        let connection = Self::blocking(address)?;
        connection.stream.set_nonblocking(true)?;
        Ok(connection)
    }

    /// One that waits for what it reads.
    pub(super) fn blocking(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(64 * 1024), length: Length::Unknown })
    }

    /// Sends a request, whose answer is to be read before the next one. It has to fit into the kernel's buffer.
    pub(super) fn send(&mut self, request: &[u8]) -> Outcome<()> {
        self.answer.clear();
        self.length = Length::Unknown;
        Ok(self.stream.write_all(request)?)
    }

    /// Reads what has come of the answer, into `part` first. Whether it is there to its end.
    ///
    /// # Errors
    /// When it is not answered with 200.
    pub(super) fn read(&mut self, part: &mut [u8]) -> Outcome<bool> {
        match self.stream.read(part) {
            Ok(0) => return Err("the server closed the connection amid an answer".into()),
            Ok(read) => self.answer.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if matches!(self.length, Length::Unknown) {
            let Some(head) = memmem::find(&self.answer, b"\r\n\r\n").map(|end| end + 4) else { return Ok(false) };
            self.length = match (self.header("content-length"), self.header("transfer-encoding")) {
                (Some(length), _) => Length::Bytes(head + length.parse::<usize>()?),
                (None, Some("chunked")) => Length::Chunked,
                (None, _) => return Err("an answer without a length".into()),
            };
        }
        let is_whole = match self.length {
            Length::Unknown => false,
            Length::Bytes(length) => self.answer.len() >= length,
            Length::Chunked => self.answer.ends_with(b"0\r\n\r\n"),
        };
        if is_whole && !self.answer.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&self.answer).into());
        }
        Ok(is_whole)
    }

    /// The body of an answer that is whole and not chunked.
    pub(super) fn body(&self) -> &[u8] {
        memmem::find(&self.answer, b"\r\n\r\n").map_or(&[], |end| &self.answer[end + 4..])
    }

    /// Whether the server closes it after the answer that was read.
    pub(super) fn is_closed(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// A header of the answer.
    fn header(&self, name: &str) -> Option<&str> {
        let head = &self.answer[..memmem::find(&self.answer, b"\r\n\r\n")?];
        let mut lines = head.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
