//! The parameters that are read: 500 bytes each that do not compress, with the metadata that a company's have.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use parados_parameter::reading::describe_all;
use parados_parameter::{
    Description, ParameterName, ParameterStore as _, ParameterType, PutRequest, Secret, SystemClock, Tag,
};
use parados_store::{EmbeddedStore, InitOptions, OpenOptions};

use crate::Outcome;

/// Parameters of one transaction.
const BATCH: u32 = 1_000;

/// Makes an embedded store of `count` parameters.
pub(crate) async fn fill(directory: &Path, count: u32) -> Outcome<()> {
    EmbeddedStore::init(&InitOptions::new(directory)).await?;
    let store = open(directory).await?;
    for start in (0..count).step_by(BATCH as usize) {
        let requests: Result<Vec<PutRequest>, _> = (start..count.min(start + BATCH)).map(parameter).collect();
        store.put_all(&requests?).await?;
    }
    store.close().await;
    Ok(())
}

/// Puts every so many parameters of a store that `fill` made once more, with the next one's value; deletes one and makes one.
pub(crate) async fn change(directory: &Path, every: u32) -> Outcome<()> {
    let store = open(directory).await?;
    let count = u32::try_from(describe_all(&store, &[]).await?.len())?;
    let put = |number| {
        let request = parameter(number)?;
        Ok::<_, Box<dyn Error>>(PutRequest {
            value: Secret::new(value(number + 1)),
            overwrite: true,
            tags: Vec::new(),
            ..request
        })
    };
    let requests: Result<Vec<PutRequest>, _> = (1..count).step_by(every as usize).map(put).collect();
    store.put_all(&requests?).await?;
    store.put(&parameter(count)?).await?;
    store.delete(&parameter(0)?.name).await?;
    store.close().await;
    Ok(())
}

/// The store that `fill` made.
pub(crate) async fn open(directory: &Path) -> Outcome<EmbeddedStore> {
    let options = OpenOptions {
        directory: directory.to_owned(),
        key_management: None,
        clock: Arc::new(SystemClock),
        user: "bench".to_owned(),
    };
    Ok(EmbeddedStore::open(options).await?)
}

/// The parameter of this number, in one of forty services of the environment dev.
pub(crate) fn parameter(number: u32) -> Outcome<PutRequest> {
    let name = ParameterName::parse(&format!("/dev/service-{:02}/setting-{number:06}", number % 40))?;
    let mut request = PutRequest::new(name, Secret::new(value(number)));
    request.parameter_type =
        Some(if number.is_multiple_of(5) { ParameterType::SecureString } else { ParameterType::String });
    request.description = Some(Description::parse(&format!("Setting {number}"))?);
    request.tags = vec![Tag::new("team", &format!("team-{}", number % 7))?];
    Ok(request)
}

/// 500 letters and digits, drawn by a splitmix64 from the number.
pub(crate) fn value(number: u32) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = u64::from(number);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        char::from(LETTERS[((mixed ^ (mixed >> 31)) % 64) as usize])
    };
    (0..500).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_its_own_and_has_500_bytes() {
        assert_eq!(value(7).len(), 500);
        assert_ne!(value(7), value(8));
        assert_eq!(parameter(7).unwrap(), parameter(7).unwrap());
    }
}
