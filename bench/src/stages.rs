//! How the stages of a backup share its CPU time: each is run alone over what the one before it gave.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use nix::sys::resource::{UsageWho, getrusage};
use parados_backup::document::{DocumentHeader, Encoder, ParameterRecord, Writer};
use parados_backup::seal::{Recipient, Sealer};
use parados_parameter::{DescribeRequest, MAX_GET_NAMES, ParameterStore};

use crate::{Outcome, fill};

/// Prints a line for each stage.
pub(crate) async fn print(directory: &Path, recipient: &str) -> Outcome<()> {
    let store = fill::open(directory).await?;
    let sealer = Sealer::new([Recipient::parse(recipient)?], None)?;
    let header = DocumentHeader::new("dev", Timestamp::now());

    let start = cpu_seconds()?;
    let records = read(&store).await?;
    report("read (list, read, open each value)", start)?;

    let start = cpu_seconds()?;
    let mut writer = Writer::new(io::sink(), &header)?;
    records.iter().try_for_each(|record| writer.write(record))?;
    writer.finish()?;
    report("write JSON", start)?;

    let (document, _) = encode(Vec::new(), &header, None, &records)?;
    let start = cpu_seconds()?;
    let compressed = zstd::encode_all(document.as_slice(), 3)?;
    report("compress (zstd 3)", start)?;

    let start = cpu_seconds()?;
    let mut sealed = sealer.wrap(io::sink())?;
    sealed.write_all(&compressed)?;
    sealed.finish()?;
    report("seal (age)", start)?;

    let start = cpu_seconds()?;
    let (_, stored) = encode(io::sink(), &header, Some(&sealer), &records)?;
    report("write, digest, compress, seal, digest: all of it", start)?;
    println!(
        "{} parameters, {} bytes of document, {} bytes stored",
        stored.parameter_count, stored.content_size, stored.size
    );
    Ok(())
}

fn encode<W: Write>(
    inner: W,
    header: &DocumentHeader,
    sealer: Option<&Sealer>,
    records: &[ParameterRecord],
) -> Outcome<(W, parados_backup::document::Encoded)> {
    let mut encoder = Encoder::new(inner, header, sealer)?;
    records.iter().try_for_each(|record| encoder.write(record))?;
    Ok(encoder.finish()?)
}

async fn read(store: &dyn ParameterStore) -> Outcome<Vec<ParameterRecord>> {
    let mut records = Vec::new();
    let mut ask = DescribeRequest::default();
    loop {
        let page = store.describe(&ask).await?;
        for batch in page.items.chunks(MAX_GET_NAMES) {
            let names: Vec<_> = batch.iter().map(|metadata| metadata.name.clone()).collect();
            let mut found = store.get_many(&names).await?.parameters;
            for metadata in batch {
                let at = found.iter().position(|parameter| parameter.name == metadata.name);
                let parameter = found.swap_remove(at.ok_or("a parameter that was listed is not there")?);
                records.push(ParameterRecord::join(metadata.clone(), parameter));
            }
        }
        match page.next_token {
            Some(token) => ask.next_token = Some(token),
            None => return Ok(records),
        }
    }
}

fn report(stage: &str, start: f64) -> Outcome<()> {
    println!("stage: {stage}: {:.3} CPU s", cpu_seconds()? - start);
    Ok(())
}

/// Of this process and all of its threads, so far.
fn cpu_seconds() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
