//! What a store that is thrown away takes for puts and reads.

use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use parados_parameter::reading::describe_all;
use parados_parameter::{MAX_GET_NAMES, ParameterStore as _, SystemClock};
use parados_store::{EmbeddedStore, ThrowAwayOptions};

use crate::{Outcome, fill};

/// Calls at once.
const AT_ONCE: usize = 16;

/// Prints a line for puts, and one for reading all of it back.
pub(crate) async fn print(count: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let options = ThrowAwayOptions {
        folder: folder.path().join("scratch"),
        clock: Arc::new(SystemClock),
        user: "bench".to_owned(),
    };
    let store = EmbeddedStore::throw_away(options).await?;
    let requests: Vec<_> = (0..count).map(fill::parameter).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    let puts = stream::iter(&requests).map(|request| store.put(request)).buffer_unordered(AT_ONCE);
    puts.try_for_each(|_| std::future::ready(Ok(()))).await?;
    println!("{count} puts, {AT_ONCE} at once: {:.3} s", begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    let names: Vec<_> = describe_all(&store, &[]).await?.into_iter().map(|metadata| metadata.name).collect();
    let reads = stream::iter(names.chunks(MAX_GET_NAMES)).map(|names| store.get_many(names)).buffer_unordered(AT_ONCE);
    reads.try_for_each(|_| std::future::ready(Ok(()))).await?;
    println!("the same listed and read: {:.3} s", begun.elapsed().as_secs_f64());
    Ok(())
}
