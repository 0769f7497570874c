//! A client of a parameter store, the same one for each server that is measured: signed requests over kept connections, as many at a
//! time as there are connections, made before the clock runs.

mod client;
mod connection;
mod process;
mod signed;
mod sockets;

use std::time::{Duration, Instant};

use self::client::drive;
use self::process::cpu_and_peak;
use self::signed::Signer;
pub(crate) use self::sockets::read_all;
use crate::Outcome;

/// Reads that are made in advance; they are sent over and over.
const PREPARED_READS: u32 = 4_000;
/// Puts that are made in advance for each second: each is sent once.
const PUTS_A_SECOND: u32 = 4_000;
/// Most requests that go before the clock runs, …
const WARM_UP: usize = 200;
/// … and most of their time.
const WARM_UP_TIME: Duration = Duration::from_millis(200);

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    GetParameter,
    GetParameters,
    DescribeParameters,
    GetParametersByPath,
    PutParameter,
}

impl Call {
    fn parse(name: &str) -> Outcome<Self> {
        Ok(match name {
            "GetParameter" => Self::GetParameter,
            "GetParameters" => Self::GetParameters,
            "DescribeParameters" => Self::DescribeParameters,
            "GetParametersByPath" => Self::GetParametersByPath,
            "PutParameter" => Self::PutParameter,
            other => return Err(format!("{other} is not a call that is measured").into()),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::GetParameter => "GetParameter",
            Self::GetParameters => "GetParameters",
            Self::DescribeParameters => "DescribeParameters",
            Self::GetParametersByPath => "GetParametersByPath",
            Self::PutParameter => "PutParameter",
        }
    }

    /// The body of the call that has this number, of a store of so many parameters.
    fn body(self, number: u32, parameters: u32) -> String {
        let name = |number: u32| parameter_name(number % parameters);
        match self {
            // Every fifth is a SecureString.
            Self::GetParameter => format!(r#"{{"Name":"{}","WithDecryption":true}}"#, name(spread(number) / 5 * 5)),
            Self::GetParameters => {
                let first = spread(number) % parameters;
                let names: Vec<String> = (0..10).map(|next| format!("\"{}\"", name(first + next * 7))).collect();
                format!(r#"{{"Names":[{}],"WithDecryption":true}}"#, names.join(","))
            }
            Self::DescribeParameters => r#"{"MaxResults":50}"#.to_owned(),
            Self::GetParametersByPath => format!(
                r#"{{"Path":"/dev/service-{:02}","Recursive":true,"MaxResults":10,"WithDecryption":true}}"#,
                number % 40
            ),
            Self::PutParameter => put_body(spread(number) % parameters, number),
        }
    }
}

/// What `load` is asked.
#[derive(Debug)]
pub(crate) struct LoadOptions {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    /// How many there are.
    pub(crate) parameters: u32,
}

/// Puts all of the parameters, through the server.
pub(crate) fn fill(options: &LoadOptions) -> Outcome<()> {
    let signer = Signer::new(options);
    let requests = (0..options.parameters)
        .map(|number| signer.request(Call::PutParameter.name(), &put_body(number, 0)))
        .collect::<Outcome<Vec<Vec<u8>>>>()?;
    let mut requests = requests.iter().map(Vec::as_slice);
    drive(&options.address, 1, || requests.next()).map(drop)
}

/// Calls for so many seconds and prints, in a line: requests, wall µs, CPU µs of the server, its peak KiB, the median and the 99th
/// percentile of the latencies in µs.
pub(crate) fn load(options: &LoadOptions, call: &str, connections: usize, seconds: u32, pid: u32) -> Outcome<()> {
    let call = Call::parse(call)?;
    let signer = Signer::new(options);
    let count = if call == Call::PutParameter { PUTS_A_SECOND * seconds } else { PREPARED_READS };
    let requests = (0..count + u32::try_from(WARM_UP)?)
        .map(|number| signer.request(call.name(), &call.body(number, options.parameters)))
        .collect::<Outcome<Vec<Vec<u8>>>>()?;
    let (warm_up, requests) = requests.split_at(WARM_UP);
    let mut warm_up = warm_up.iter().map(Vec::as_slice);
    let end = Instant::now() + WARM_UP_TIME;
    drive(&options.address, 1, || if Instant::now() < end { warm_up.next() } else { None })?;

    let (cpu_before, _) = cpu_and_peak(pid)?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    let repeats = if call == Call::PutParameter { 1 } else { usize::MAX };
    let mut requests = std::iter::repeat_n(requests, repeats).flatten().map(Vec::as_slice);
    let mut latencies =
        drive(&options.address, connections, || if Instant::now() < end { requests.next() } else { None })?;
    let wall = start.elapsed();
    let (cpu, peak) = cpu_and_peak(pid)?;
    latencies.sort_unstable();
    let at = |share: usize| latencies.get((latencies.len() * share / 100).min(latencies.len().saturating_sub(1)));
    println!(
        "{} {} {} {peak} {} {}",
        latencies.len(),
        wall.as_micros(),
        (cpu - cpu_before).as_micros(),
        at(50).ok_or("no request was answered")?,
        at(99).ok_or("no request was answered")?,
    );
    Ok(())
}

/// A number that jumps about, the same in each run.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761) >> 4
}

fn parameter_name(number: u32) -> String {
    format!("/dev/service-{:02}/setting-{number:06}", number % 40)
}

/// 500 bytes of value that differ with the salt, of the type that the parameter has.
fn put_body(number: u32, salt: u32) -> String {
    let parameter_type = if number.is_multiple_of(5) { "SecureString" } else { "String" };
    let value = crate::fill::value(number.wrapping_add(salt.wrapping_mul(977)));
    format!(r#"{{"Name":"{}","Value":"{value}","Type":"{parameter_type}","Overwrite":true}}"#, parameter_name(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_name_parameters_that_are_there() {
        for number in 0..500 {
            let body = Call::GetParameter.body(number, 500);
            let there = (0..500).step_by(5).any(|number| body.contains(&parameter_name(number)));
            assert!(there, "{body} is a SecureString's");
        }
        let ten = Call::GetParameters.body(3, 500);
        assert_eq!(ten.matches("setting-").count(), 10, "{ten}");
        let mut names: Vec<&str> = ten.split('"').filter(|part| part.starts_with("/dev/")).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 10, "no name twice");
        assert!(Call::parse("DeleteParameter").is_err());
    }

    #[test]
    fn names_are_those_of_a_filled_store() {
        assert_eq!(parameter_name(41), crate::fill::parameter(41).unwrap().name.as_str());
    }
}
