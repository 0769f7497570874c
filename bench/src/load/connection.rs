//! A connection over which one request follows the other, opened anew where the server closes it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::Outcome;

/// A client's side of HTTP/1.1.
pub(super) struct Connection<'a> {
    address: &'a str,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(address: &'a str) -> Self {
        Self { address, stream: None, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When it is not answered with 200.
    pub(super) fn send(&mut self, request: &[u8]) -> Outcome<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more(&mut stream)?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let header = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        match header("content-length") {
            Some(length) => {
                let end = head + length.parse::<usize>()?;
                while self.buffer.len() < end {
                    self.read_more(&mut stream)?;
                }
            }
            None if header("transfer-encoding").as_deref() == Some("chunked") => {
                while !self.buffer.ends_with(b"0\r\n\r\n") {
                    self.read_more(&mut stream)?;
                }
            }
            None => return Err("an answer without a length".into()),
        }
        if !text.starts_with("http/1.1 200") {
            let shown = String::from_utf8_lossy(&self.buffer[head..]);
            return Err(format!("{}: {shown}", text.lines().next().unwrap_or_default()).into());
        }
        if header("connection").as_deref() != Some("close") {
            self.stream = Some(stream);
        }
        Ok(())
    }

    fn read_more(&mut self, stream: &mut TcpStream) -> Outcome<()> {
        let mut part = [0; 64 * 1024];
        match stream.read(&mut part)? {
            0 => Err("the server closed the connection amid an answer".into()),
            read => {
                self.buffer.extend_from_slice(&part[..read]);
                Ok(())
            }
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn answers_are_read_whole_and_a_closed_connection_is_opened_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            ] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                if answer.contains("chunked") {
                    stream.read_exact(&mut request).unwrap();
                    stream.write_all(b"HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nnope").unwrap();
                }
            }
        });
        let mut connection = Connection::new(&address);
        connection.send(b"ping").unwrap();
        connection.send(b"ping").unwrap();
        assert!(connection.send(b"ping").unwrap_err().to_string().contains("nope"));
        server.join().unwrap();
    }
}
