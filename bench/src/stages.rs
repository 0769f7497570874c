//! How the stages of a backup share its CPU time: each is run alone over what the one before it gave.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use nix::sys::resource::{UsageWho, getrusage};
use parados_backup::document::{COMPRESSION_LEVEL, DocumentHeader, Encoded, Encoder, ParameterRecord, Writer};
use parados_backup::field::FieldFingerprinter;
use parados_backup::manifest::{Counts, DocumentObject, ManifestDraft, ParameterEntry, SnapshotId};
use parados_backup::seal::{Recipient, Sealer};
use parados_backup::signature::SigningKey;
use parados_backup::target::{StoreKind, Target};
use parados_backup::verdict::Verdict;
use parados_parameter::{DescribeRequest, MAX_GET_NAMES, ParameterMetadata, ParameterStore};

use crate::{Outcome, fill};

/// Prints a line for each stage.
pub(crate) async fn print(directory: &Path, recipient: &str) -> Outcome<()> {
    let store = fill::open(directory).await?;
    let sealer = Sealer::new([Recipient::parse(recipient)?], None)?;
    let header = DocumentHeader::new("dev", Timestamp::now());

    let start = cpu_seconds()?;
    let (metadata, records): (Vec<_>, Vec<_>) = read(&store).await?.into_iter().unzip();
    report("read (list, read, open each value)", start)?;

    let start = cpu_seconds()?;
    let mut writer = Writer::new(io::sink(), &header)?;
    records.iter().try_for_each(|record| writer.write(record))?;
    writer.finish()?;
    report("write JSON", start)?;

    let (document, _) = encode(Vec::new(), &header, None, &records)?;
    let start = cpu_seconds()?;
    let compressed = zstd::encode_all(document.as_slice(), COMPRESSION_LEVEL)?;
    report(&format!("compress (zstd {COMPRESSION_LEVEL})"), start)?;
    let by_default = zstd::encode_all(document.as_slice(), zstd::DEFAULT_COMPRESSION_LEVEL)?.len();

    let start = cpu_seconds()?;
    let mut sealed = sealer.wrap(io::sink())?;
    sealed.write_all(&compressed)?;
    sealed.finish()?;
    report("seal (age)", start)?;

    let start = cpu_seconds()?;
    let (_, stored) = encode(io::sink(), &header, Some(&sealer), &records)?;
    let mut all = report("write, digest, compress, seal, digest: all of it", start)?;

    let start = cpu_seconds()?;
    let key = SigningKey::from_seed(&[7; 32], "bench");
    let entries = fingerprint(&key, &metadata, &records);
    all += report("fingerprint (each value, each field, each listing)", start)?;

    let start = cpu_seconds()?;
    let manifest = draft(&key, &stored, entries)?.encode()?.place(1, None, &key)?;
    all += report("commit (manifest: write, sign, digest)", start)?;
    let size: usize = manifest.chunks.iter().map(|chunk| chunk.len()).sum();
    println!("writing, sealing and committing: {all:.3} CPU s");
    println!(
        "{} parameters, {} bytes of document, {} bytes stored, {size} bytes of manifest",
        stored.parameter_count, stored.content_size, stored.size
    );
    println!(
        "compressed at level {COMPRESSION_LEVEL}: {} bytes; at zstd's own, {}: {by_default} bytes",
        compressed.len(),
        zstd::DEFAULT_COMPRESSION_LEVEL
    );
    Ok(())
}

/// What a backup says in its manifest of each record.
fn fingerprint(key: &SigningKey, metadata: &[ParameterMetadata], records: &[ParameterRecord]) -> Vec<ParameterEntry> {
    let fingerprints = key.fingerprint_key("a repository");
    let mut fields = FieldFingerprinter::new(&fingerprints);
    let entry = |(metadata, record): (&ParameterMetadata, &ParameterRecord)| ParameterEntry {
        name: record.name.clone(),
        parameter_type: record.parameter_type,
        version: record.version,
        last_modified_date: record.last_modified_date,
        fingerprint: fingerprints.value(&record.value),
        metadata: fingerprints.metadata(metadata),
        fields: Some(fields.of(record)),
    };
    metadata.iter().zip(records).map(entry).collect()
}

fn draft(key: &SigningKey, stored: &Encoded, parameters: Vec<ParameterEntry>) -> Outcome<ManifestDraft> {
    let now = Timestamp::now();
    let Encoded { parameter_count, content_size, content_digest, size, digest } = *stored;
    Ok(ManifestDraft {
        id: SnapshotId::from_bytes([7; 8]),
        target: Target {
            project: "bench".into(),
            environment: "dev".into(),
            account: "000000000000".into(),
            region: "embedded".into(),
            store: StoreKind::Embedded,
        },
        purpose: None,
        tool: "bench".into(),
        started_at: now,
        finished_at: now,
        verdict: Verdict::Complete,
        counts: Counts { parameters: parameter_count, versions: parameter_count, missing: 0, reused: 0 },
        document: DocumentObject { key: "document.json.zst.age".into(), size, digest, content_size, content_digest },
        recipients: Vec::new(),
        fingerprint_key: key.fingerprint_key("a repository").id().clone(),
        selector: "everything".into(),
        with_history: false,
        with_labels: true,
        missing: Vec::new(),
        parameters,
    })
}

fn encode<W: Write>(
    inner: W,
    header: &DocumentHeader,
    sealer: Option<&Sealer>,
    records: &[ParameterRecord],
) -> Outcome<(W, Encoded)> {
    let mut encoder = Encoder::new(inner, header, sealer)?;
    records.iter().try_for_each(|record| encoder.write(record))?;
    Ok(encoder.finish()?)
}

async fn read(store: &dyn ParameterStore) -> Outcome<Vec<(ParameterMetadata, ParameterRecord)>> {
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
                records.push((metadata.clone(), ParameterRecord::join(metadata.clone(), parameter)));
            }
        }
        match page.next_token {
            Some(token) => ask.next_token = Some(token),
            None => return Ok(records),
        }
    }
}

/// Prints what a stage cost since `start`, and gives it.
fn report(stage: &str, start: f64) -> Outcome<f64> {
    let seconds = cpu_seconds()? - start;
    println!("stage: {stage}: {seconds:.3} CPU s");
    Ok(seconds)
}

/// Of this process and all of its threads, so far.
fn cpu_seconds() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
