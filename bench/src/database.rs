//! What single puts and gets of the embedded store cost, from one caller and from several at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use parados_parameter::{ParameterReference, ParameterStore as _, PutRequest};
use parados_store::EmbeddedStore;
use tokio::task::JoinSet;

use crate::{Outcome, fill};

/// Callers at once.
const CALLERS: [u32; 3] = [1, 8, 64];
/// How long each is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// Prints a line for puts and one for gets of each number of callers, of a store that `fill` made of `count` parameters.
pub(crate) async fn print(directory: &Path, count: u32) -> Outcome<()> {
    let store = Arc::new(fill::open(directory).await?);
    for callers in CALLERS {
        let puts = measure(&store, callers, count, |store, number| async move {
            let request = fill::parameter(number)?;
            store.put(&PutRequest { overwrite: true, tags: Vec::new(), ..request }).await?;
            Ok(())
        });
        println!("durable puts, {callers} at once: {}", puts.await?);
    }
    for callers in CALLERS {
        let gets = measure(&store, callers, count, |store, number| async move {
            store.get(&ParameterReference::newest(fill::parameter(number)?.name)).await?;
            Ok(())
        });
        println!("gets, {callers} at once: {}", gets.await?);
    }
    store.close().await;
    let memory = getrusage(UsageWho::RUSAGE_SELF)?.max_rss();
    println!("memory at the most: {} MiB", memory / 1024);
    Ok(())
}

/// Calls again and again, from several tasks, over all of the parameters in turn; says how many a second and what CPU each took.
async fn measure<F>(
    store: &Arc<EmbeddedStore>,
    callers: u32,
    count: u32,
    call: impl Fn(Arc<EmbeddedStore>, u32) -> F + Copy + Send + 'static,
) -> Outcome<String>
where
    F: Future<Output = Result<(), Box<dyn std::error::Error>>>,
{
    let (next, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (begun, cpu) = (Instant::now(), cpu()?);
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (store, next, done) = (store.clone(), next.clone(), done.clone());
        tasks.spawn_local(async move {
            while begun.elapsed() < MEASURED {
                // A step that is prime to any count goes through all of them.
                let number = next.fetch_add(7919, Ordering::Relaxed) % count;
                call(store.clone(), number).await.map_err(|error| error.to_string())?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), String>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let calls = f64::from(done.load(Ordering::Relaxed));
    let spent = self::cpu()?.saturating_sub(cpu);
    Ok(format!(
        "{:.0} a second, {:.0} µs of CPU each",
        calls / begun.elapsed().as_secs_f64(),
        spent.as_secs_f64() * 1e6 / calls
    ))
}

/// The CPU that this process has used.
fn cpu() -> Outcome<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let used = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(used.try_into()?))
}
