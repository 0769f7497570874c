//! Some connections on one thread, so that what is measured waits for the server and not for other threads of the client.

use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::connection::Connection;
use crate::Outcome;

/// Bytes that are read at once.
const PART_BYTES: usize = 64 * 1024;

/// Sends what `next` gives, on each connection one after the other's answer, until it gives no more. How long each answer took to come
/// to its end, in µs.
///
/// # Errors
/// When one is not answered with 200.
pub(super) fn drive<'a>(
    address: &str,
    connections: usize,
    mut next: impl FnMut() -> Option<&'a [u8]>,
) -> Outcome<Vec<u32>> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let open = |number: usize| -> Outcome<Connection> {
        let connection = Connection::open(address)?;
        epoll.add(&connection, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        Ok(connection)
    };
    let mut open_ones = (0..connections).map(open).collect::<Outcome<Vec<_>>>()?;
    let (mut begun, mut latencies) = (vec![Instant::now(); connections], Vec::new());
    let mut waiting = 0;
    for (connection, begun) in open_ones.iter_mut().zip(&mut begun) {
        let Some(request) = next() else { break };
        *begun = Instant::now();
        connection.send(request)?;
        waiting += 1;
    }
    let (mut events, mut part) = (vec![EpollEvent::empty(); connections], vec![0; PART_BYTES]);
    while waiting > 0 {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..ready] {
            let number = usize::try_from(event.data())?;
            let connection = &mut open_ones[number];
            if !connection.read(&mut part)? {
                continue;
            }
            latencies.push(u32::try_from(begun[number].elapsed().as_micros()).unwrap_or(u32::MAX));
            let Some(request) = next() else {
                // The server may close it now.
                epoll.delete(&*connection)?;
                waiting -= 1;
                continue;
            };
            begun[number] = Instant::now();
            if connection.is_closed() {
                *connection = open(number)?;
            }
            connection.send(request)?;
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server whose connections give these answers to `ping`, in parts that come apart.
    fn server(connections: Vec<Vec<&'static str>>) -> (String, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = thread::spawn(move || {
            for answers in connections {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                for answer in answers {
                    let mut request = [0; 4];
                    stream.read_exact(&mut request).unwrap();
                    assert_eq!(&request, b"ping");
                    for part in answer.split_inclusive("||") {
                        stream.write_all(part.trim_end_matches("||").as_bytes()).unwrap();
                    }
                }
            }
        });
        (address, serving)
    }

    fn pings(address: &str, connections: usize, count: usize) -> Outcome<usize> {
        let mut requests = std::iter::repeat_n(&b"ping"[..], count);
        drive(address, connections, || requests.next()).map(|latencies| latencies.len())
    }

    #[test]
    fn answers_are_read_whole_and_a_closed_connection_is_opened_anew() {
        let (address, serving) = server(vec![
            vec!["HTTP/1.1 200 OK\r\nContent-||Length: 2\r\nConnection: close\r\n\r\n{||}"],
            vec![
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}||\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            ],
        ]);
        assert_eq!(pings(&address, 1, 3).unwrap(), 3);
        serving.join().unwrap();
    }

    #[test]
    fn a_connection_that_is_closed_behind_its_last_answer_disturbs_no_other() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (address, serving) = server(vec![vec![answer], vec![answer]]);
        assert_eq!(pings(&address, 2, 2).unwrap(), 2);
        serving.join().unwrap();
    }

    #[test]
    fn an_answer_that_is_none_fails() {
        for (answer, expected) in [
            ("HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nnope", "nope"),
            ("HTTP/1.1 200 OK\r\n\r\n", "without a length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{", "amid an answer"),
        ] {
            let (address, serving) = server(vec![vec![answer]]);
            let error = pings(&address, 1, 1).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            serving.join().unwrap();
        }
    }
}
