//! Asks before something is done.

use std::io::{self, IsTerminal as _, Write as _};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::error::{Failure, Result};

/// Asks `question` on standard error, and fails unless the answer is yes; `refused` is what has then not happened.
pub(crate) fn confirm(question: &str, refused: &str) -> Result<()> {
    ask(question)?;
    taken(read_answer(), refused)
}

/// As [`confirm`], inside of a [`runtime`](crate::runtime), where a signal does not end the process by itself: here it ends the question.
pub(crate) async fn confirm_or_signal(question: &str, refused: &str) -> Result<()> {
    let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("listening for signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    ask(question)?;
    let (given, answer) = oneshot::channel();
    // Not one of the runtime's threads, whose end it would wait for: nothing ends the reading but an answer.
    thread::spawn(move || given.send(read_answer()));
    tokio::select! {
        _ = interrupt.recv() => Err(Failure::interrupted()),
        _ = terminate.recv() => Err(Failure::interrupted()),
        answer = answer => taken(answer.unwrap_or_else(|_| Ok(String::new())), refused),
    }
}

fn ask(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("there is no terminal to ask on: {question}")).hint("add --yes"));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(failed)
}

fn read_answer() -> io::Result<String> {
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map(|_| answer)
}

fn taken(answer: io::Result<String>, refused: &str) -> Result<()> {
    match answer.map_err(failed)?.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed(refused)),
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::failed(format!("asking: {error}"))
}
