use std::sync::atomic::{AtomicI64, Ordering};

use parados_parameter::memory::MemoryStore;
use parados_parameter::{Secret, SystemClock};
use tokio::sync::{Notify, broadcast};

use super::*;

/// A database in memory, whose clock and watch the test moves, and whose reads it can hold back.
#[derive(Debug)]
struct Fake {
    store: SharedStore,
    now: AtomicI64,
    seen_until: Arc<AtomicI64>,
    changed: broadcast::Sender<Option<(AccountRegion, ParameterName)>>,
}

/// Waits, between a read and its answer, until it is let go on.
#[derive(Debug)]
struct Slow {
    inner: SharedStore,
    read: Notify,
    go_on: Notify,
}

type Answer<T> = Result<T, StoreError>;

macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl ParameterStore for Slow {
            async fn get(&self, reference: &ParameterReference) -> Answer<Parameter> {
                let parameter = self.inner.get(reference).await;
                self.read.notify_one();
                self.go_on.notified().await;
                parameter
            }

            $(async fn $name(&self, $($argument: $type),*) -> Answer<$answer> {
                self.inner.$name($($argument),*).await
            })+
        }
    };
}

forward! {
    describe(request: &DescribeRequest) -> Page<ParameterMetadata>;
    get_many(names: &[ParameterName]) -> GetManyOutcome;
    by_path(request: &ByPathRequest) -> Page<Parameter>;
    history(request: &HistoryRequest) -> Page<HistoryEntry>;
    tags(names: &[ParameterName]) -> BTreeMap<ParameterName, Vec<Tag>>;
    list_tags(name: &ParameterName) -> Vec<Tag>;
    put(request: &PutRequest) -> PutOutcome;
    delete(name: &ParameterName) -> ();
    label(name: &ParameterName, version: Option<Version>, labels: &[String]) -> LabelOutcome;
    unlabel(name: &ParameterName, version: Version, labels: &[Label]) -> UnlabelOutcome;
    tag(name: &ParameterName, tags: &[Tag]) -> ();
    untag(name: &ParameterName, keys: &[String]) -> ();
}

#[async_trait]
impl ParameterDatabase for Fake {
    fn store(&self, _: &AccountRegion, _: &str) -> SharedStore {
        Arc::clone(&self.store)
    }

    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError> {
        Ok(Vec::new())
    }

    async fn sweep(&self, _: Timestamp) -> Result<SweepReport, DatabaseError> {
        Ok(SweepReport::default())
    }

    async fn changes(&self, _: &ChangeCursor, _: usize) -> Result<ChangePage, DatabaseError> {
        Ok(ChangePage::default())
    }

    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError> {
        Ok(ChangeCursor::default())
    }

    async fn deleted_since(&self, _: Timestamp) -> Result<Vec<Change>, DatabaseError> {
        Ok(Vec::new())
    }

    async fn forget_changes(&self, _: &ChangeCursor) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn watch(&self, _: Duration) -> ChangeWatch {
        ChangeWatch::new(self.changed.subscribe(), Arc::clone(&self.seen_until))
    }

    fn elapsed(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn seal_secret(&self, _: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        Ok(secret.to_vec())
    }

    async fn open_secret(&self, _: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        Ok(Zeroizing::new(sealed.to_vec()))
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        Ok(())
    }
}

/// A cache with a bound of a second, the store behind it, and the database between.
struct World {
    fake: Arc<Fake>,
    cached: SharedStore,
    behind: SharedStore,
}

fn world_of(store: SharedStore, behind: SharedStore, bytes: u64) -> World {
    let (changed, _) = broadcast::channel(4);
    let (now, seen_until) = (AtomicI64::new(0), Arc::new(AtomicI64::new(0)));
    let fake = Arc::new(Fake { store, now, seen_until, changed });
    let options = CacheOptions { bytes, max_staleness: Duration::from_secs(1) };
    let cached = CachedDatabase::new(Arc::clone(&fake) as Arc<dyn ParameterDatabase>, options);
    World { cached: cached.store(&place(), "user"), fake, behind }
}

fn world() -> World {
    let store: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    world_of(Arc::clone(&store), store, 1 << 20)
}

impl World {
    fn at(&self, milliseconds: i64) {
        self.fake.now.store(milliseconds, Ordering::SeqCst);
    }

    /// What another process did up to then was sent.
    fn seen_until(&self, milliseconds: i64) {
        self.fake.seen_until.store(milliseconds, Ordering::SeqCst);
    }

    async fn value(&self, text: &str) -> String {
        let reference = ParameterReference::parse(text).unwrap();
        self.cached.get(&reference).await.unwrap().value.reveal().to_owned()
    }
}

fn place() -> AccountRegion {
    "123456789012/eu-west-1".parse().unwrap()
}

fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

async fn put(store: &SharedStore, text: &str, value: &str) {
    store.put(&PutRequest { overwrite: true, ..PutRequest::new(name(text), Secret::new(value)) }).await.unwrap();
}

#[tokio::test]
async fn an_own_write_is_seen_at_once() {
    let world = world();
    put(&world.cached, "/a", "one").await;
    assert_eq!(world.value("/a").await, "one");
    put(&world.cached, "a", "two").await;
    assert_eq!(world.value("/a").await, "two");
    world.cached.label(&name("/a"), Some(Version::FIRST), &["old".into()]).await.unwrap();
    assert_eq!(world.value("/a:old").await, "one");
    world.cached.label(&name("/a"), None, &["old".into()]).await.unwrap();
    assert_eq!(world.value("/a:old").await, "two", "a label that moved");
    world.cached.delete(&name("/a")).await.unwrap();
    world.cached.get(&ParameterReference::newest(name("/a"))).await.unwrap_err();
}

#[tokio::test]
async fn another_s_write_is_seen_within_the_bound_and_what_is_known_to_be_fresh_is_not_read_again() {
    let world = world();
    put(&world.behind, "/a", "one").await;
    assert_eq!(world.value("/a").await, "one");
    put(&world.behind, "/a", "two").await;
    world.at(1000);
    assert_eq!(world.value("/a").await, "one", "it may be as stale as the bound");
    world.at(1001);
    assert_eq!(world.value("/a").await, "two", "and no staler");
    world.at(60_000);
    world.seen_until(59_500);
    put(&world.behind, "/a", "three").await;
    assert_eq!(world.value("/a").await, "two", "nothing was sent, so it was true at 59.5 s");
    world.fake.changed.send(Some((place(), name("/a")))).unwrap();
    assert_eq!(world.value("/a").await, "three", "what was sent is forgotten at once");
    let many = world.cached.get_many(&[name("/a"), name("/none")]).await.unwrap();
    assert_eq!((many.parameters.len(), many.invalid), (1, vec![name("/none")]));
}

#[tokio::test]
async fn a_watch_that_lagged_or_does_not_know_makes_everything_forgotten() {
    for lag in [true, false] {
        let world = world();
        put(&world.behind, "/a", "one").await;
        assert_eq!(world.value("/a").await, "one");
        put(&world.behind, "/a", "two").await;
        match lag {
            true => (0..9).for_each(|_| drop(world.fake.changed.send(Some((place(), name("/b")))))),
            false => drop(world.fake.changed.send(None)),
        }
        assert_eq!(world.value("/a").await, "two", "lagged: {lag}");
    }
}

#[tokio::test]
async fn a_slow_read_never_overwrites_a_newer_value() {
    for by_another in [true, false] {
        let behind: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let slow = Arc::new(Slow { inner: Arc::clone(&behind), read: Notify::new(), go_on: Notify::new() });
        let world = world_of(slow.clone(), behind, 1 << 20);
        put(&world.behind, "/a", "old").await;
        let reading = tokio::spawn({
            let cached = Arc::clone(&world.cached);
            async move { cached.get(&ParameterReference::newest(name("/a"))).await }
        });
        slow.read.notified().await;
        match by_another {
            true => {
                put(&world.behind, "/a", "new").await;
                world.fake.changed.send(Some((place(), name("/a")))).unwrap();
            }
            false => put(&world.cached, "/a", "new").await,
        }
        slow.go_on.notify_one();
        assert_eq!(reading.await.unwrap().unwrap().value.reveal(), "old", "it was true when it began");
        slow.go_on.notify_one();
        assert_eq!(world.value("/a").await, "new", "by another: {by_another}");
    }
}

#[tokio::test]
async fn it_is_bounded_in_bytes() {
    let store: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let (changed, _) = broadcast::channel(4);
    let fake = Fake { store, now: AtomicI64::new(0), seen_until: Arc::default(), changed };
    let options = CacheOptions { bytes: 64 * 1024, max_staleness: Duration::from_secs(1) };
    let database = CachedDatabase::new(Arc::new(fake), options);
    let store = database.store(&place(), "user");
    for number in 0..500 {
        let text = format!("/a/{number}");
        put(&store, &text, &"v".repeat(1000)).await;
        store.get(&ParameterReference::newest(name(&text))).await.unwrap();
    }
    let weight = database.cache.entries.weight();
    assert!(weight > 8 * 1024 && weight <= 64 * 1024, "{weight}");

    let read = |name: &str| {
        let reading = database.readings().into_iter().find(|reading| reading.name == name);
        (reading.unwrap().read)() as u64
    };
    assert_eq!((read("parados_cache_bytes"), read("parados_cache_misses")), (weight, 500));
    assert_eq!(read("parados_cache_entries"), database.cache.entries.len() as u64);
    store.get(&ParameterReference::newest(name("/a/499"))).await.unwrap();
    assert_eq!(read("parados_cache_misses"), 500, "it was kept");
}
