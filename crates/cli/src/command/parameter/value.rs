//! Where a value comes from: standard input, a file, or a prompt that does not show it. Never the command line, which other users
//! of the machine and the shell's history can read.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

use parados_parameter::Secret;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};

/// More than any store takes; what is longer is refused there, with the tier's limit.
const MOST_BYTES: usize = 64 * 1024;

/// The arguments that say where a value comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct ValueArgs {
    /// Read the value from standard input, which is also done where that is not a terminal; on one it is asked for, and not
    /// shown
    #[arg(value_name = "-")]
    source: Option<String>,
    /// Read the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    value_file: Option<PathBuf>,
    /// Keep a newline at the end of the value, which is left out otherwise
    #[arg(long)]
    keep_newline: bool,
}

impl ValueArgs {
    /// Reads the value.
    pub(crate) fn read(&self) -> Result<Secret> {
        let piped = || !io::stdin().is_terminal();
        let (from, bytes) = match (self.source.as_deref(), &self.value_file) {
            (None, None) if !piped() => return prompt(),
            (Some("-") | None, None) => ("standard input".to_owned(), read_whole(io::stdin().lock())),
            (Some(_), _) => {
                return Err(Failure::usage(
                    "a value does not belong on the command line: other users and the shell's history can read it there",
                )
                .hint("give it on standard input (`-`), in a file (--value-file FILE), or leave it out to be asked"));
            }
            (_, Some(path)) => (path.display().to_string(), File::open(path).and_then(read_whole)),
        };
        let bytes = bytes.map_err(|error| Failure::failed(format!("reading the value from {from}: {error}")))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::usage(format!("the value from {from} is not UTF-8 text")))?;
        let text = match self.keep_newline {
            true => text,
            false => text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text),
        };
        Ok(Secret::new(text))
    }
}

/// Reads all, into memory that is zeroed and never moved.
fn read_whole(reader: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    reader.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() {
        0..=MOST_BYTES => Ok(bytes),
        _ => Err(io::Error::other("it is longer than any value may be")),
    }
}

fn prompt() -> Result<Secret> {
    let ask = |text| rpassword::prompt_password(text).map(Zeroizing::new);
    let failed = |error: io::Error| Failure::failed(format!("asking for the value: {error}"));
    let (value, again) = (ask("Value: ").map_err(failed)?, ask("Again: ").map_err(failed)?);
    match value == again {
        true => Ok(Secret::new(value.as_str())),
        false => Err(Failure::usage("the two are not the same")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_before_it_is_whole_in_memory() {
        assert_eq!(read_whole(&[1_u8; MOST_BYTES][..]).unwrap().len(), MOST_BYTES);
        read_whole(io::repeat(1)).unwrap_err();
    }
}
