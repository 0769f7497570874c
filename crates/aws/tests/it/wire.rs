//! A server that answers what it is told to, right or wrong, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What every call but GetCallerIdentity is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status and a body.
    Body(u16, String),
    /// A body that is said to be longer than what comes before the connection ends.
    Truncated(String),
    /// A body that is said to be longer than what comes, and no end of the connection.
    Stall(String),
    /// The end of the connection.
    HangUp,
    /// Nothing, for ever.
    Silence,
}

impl Answer {
    /// An error as AWS JSON 1.1 has it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let message = message.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        Self::Body(status, format!(r#"{{"__type":"com.amazonaws.ssm#{code}","message":"{message}"}}"#))
    }
}

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/test</Arn><UserId>AIDA</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// The server; its threads end with the test's process.
#[derive(Debug)]
pub(crate) struct Wire {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    answer: Answer,
    identity: Answer,
    asked: Vec<(String, String)>,
    heads: Vec<String>,
}

impl Wire {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            answer: Answer::Body(200, "{}".into()),
            identity: Answer::Body(200, IDENTITY.into()),
            asked: Vec::new(),
            heads: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// What GetCallerIdentity is answered.
    pub(crate) fn answer_identity(&self, answer: Answer) {
        self.state.lock().unwrap().identity = answer;
    }

    /// The operation and the body of each call since the last time, but for GetCallerIdentity.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The request line and the headers of the same.
    pub(crate) fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().heads)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let Some((head, target, body)) = read_request(stream) else { return };
    let answer = {
        let mut state = state.lock().unwrap();
        if body.contains("Action=GetCallerIdentity") {
            state.identity.clone()
        } else {
            state.asked.push((target, body));
            state.heads.push(head);
            state.answer.clone()
        }
    };
    let mut stream = stream;
    let mut write = |status: u16, length: usize, body: &str| {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let _ = stream.write_all(head.as_bytes());
    };
    match answer {
        Answer::Body(status, body) => write(status, body.len(), &body),
        Answer::Truncated(body) => write(200, body.len() + 100, &body),
        Answer::Stall(body) => {
            write(200, body.len() + 100, &body);
            park();
        }
        Answer::HangUp => {}
        Answer::Silence => park(),
    }
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// The head, the operation (`X-Amz-Target` after its dot) and the body.
fn read_request(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut target, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        head += &line;
        let Some((header, value)) = line.trim_end().split_once(':') else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match header.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = value.rsplit('.').next()?.to_owned(),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, target, String::from_utf8(body).ok()?))
}
