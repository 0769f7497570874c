//! The exit codes of `parados`. They are part of its interface: a scheduler decides by them.

/// Everything was done. A backup is complete.
pub(crate) const COMPLETE: u8 = 0;
/// It failed. Of a backup: nothing was committed, unless the message says that this cannot be known, because the answer to
/// the commit was lost.
pub(crate) const FAILED: u8 = 1;
/// The command line, the configuration or a key file is wrong. Nothing was begun.
pub(crate) const USAGE: u8 = 2;
/// A backup is partial (a snapshot is committed, and what is not in it is named), or nothing matched.
pub(crate) const PARTIAL: u8 = 3;
/// What was compared is not the same.
pub(crate) const DIFFERENT: u8 = 4;
/// A target has no good snapshot that is new enough, or something is wrong with one (`status`).
pub(crate) const STALE: u8 = 5;
/// A check found bytes that are others than those that were written.
pub(crate) const CHANGED: u8 = 10;
/// A check found an object whose end is missing.
pub(crate) const TRUNCATED: u8 = 11;
/// A check found an object in another one's place.
pub(crate) const SWAPPED: u8 = 12;
/// A check found an older state in the place of a newer one.
pub(crate) const REPLAYED: u8 = 13;
/// A check found that something is gone.
pub(crate) const REMOVED: u8 = 14;
/// A check found something that nobody made who is trusted.
pub(crate) const FORGED: u8 = 15;
/// Stopped by SIGINT or SIGTERM. Nothing is half committed.
pub(crate) const INTERRUPTED: u8 = 130;

/// What `--help` says of them.
pub(crate) const HELP: &str = "\
Exit codes:

    0    complete: everything was done
    1    failed: of a backup, nothing was committed
    2    the command line or the configuration is wrong; nothing was begun
    3    partial (what is missing is named), or nothing matched
    4    different: what was compared is not the same
    5    stale: a target has no good snapshot that is new enough (status)
    10   a check found bytes that are others than those that were written (changed)
    11   … an object whose end is missing (truncated)
    12   … an object in another one's place (swapped)
    13   … an older state in the place of a newer one (replayed)
    14   … that something is gone (removed)
    15   … something that nobody made who is trusted (forged); of several the worst counts: 15, 13, 14, 12, 11, 10
    130  stopped by Ctrl-C or SIGTERM; nothing is half committed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        let damage = [CHANGED, TRUNCATED, SWAPPED, REPLAYED, REMOVED, FORGED];
        for code in [COMPLETE, FAILED, USAGE, PARTIAL, DIFFERENT, STALE, INTERRUPTED].into_iter().chain(damage) {
            assert!(HELP.lines().any(|line| line.split_whitespace().next() == Some(&code.to_string())), "{code}");
        }
    }
}
