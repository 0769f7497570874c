//! A future that runs to its end also where whoever waits for it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Runs where it is polled, so that nobody has to be woken for it. Where it is dropped before its end it goes on as a task of `home`, in whose context it always
/// is: what it opens, spawns and waits for is the home's, whichever runtime polls it. One that panicked has ended.
pub struct Unbroken<T: Send + 'static> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    home: Handle,
}

impl<T: Send + 'static> Unbroken<T> {
    /// `future`, of `home`.
    pub fn new(future: impl Future<Output = T> + Send + 'static, home: Handle) -> Self {
        Self { future: Some(Box::pin(future)), home }
    }
}

impl<T: Send + 'static> Future for Unbroken<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // It is put back only where it goes on.
        let mut future = self.future.take().expect("polled after its end");
        let home = self.home.enter();
        let polled = future.as_mut().poll(context);
        drop(home);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Unbroken<T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.home.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::FutureExt as _;
    use tokio::runtime::Builder;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn it_goes_on_at_home_where_whoever_waits_goes_away() {
        let home = Builder::new_current_thread().enable_all().build().unwrap();
        let ((go, going), (end, ended)) = (oneshot::channel::<()>(), oneshot::channel());
        let mut unbroken = Unbroken::new(
            async move {
                going.await.unwrap();
                end.send(Handle::current().id()).unwrap();
            },
            home.handle().clone(),
        );
        assert!((&mut unbroken).now_or_never().is_none());
        drop(unbroken);
        go.send(()).unwrap();
        assert_eq!(home.block_on(ended), Ok(home.handle().id()));
    }

    #[test]
    fn it_is_at_home_wherever_it_is_polled() {
        let (home, elsewhere) = [(); 2].map(|()| Builder::new_current_thread().enable_all().build().unwrap()).into();
        let unbroken =
            Unbroken::new(async { (Handle::current().id(), tokio::spawn(async { 7 })) }, home.handle().clone());
        let (id, spawned) = elsewhere.block_on(unbroken);
        assert_eq!(id, home.handle().id());
        assert_eq!(home.block_on(spawned).unwrap(), 7);
    }

    #[test]
    fn one_that_panicked_has_ended() {
        let home = Builder::new_current_thread().build().unwrap();
        let was_polled_again = Arc::new(AtomicBool::new(false));
        let seen = was_polled_again.clone();
        let mut panicked = false;
        let future = std::future::poll_fn(move |_| -> Poll<()> {
            seen.store(panicked, Ordering::Relaxed);
            panicked = true;
            std::panic::resume_unwind(Box::new("a panic"));
        });
        let unbroken = Unbroken::new(future, home.handle().clone());
        assert!(catch_unwind(AssertUnwindSafe(|| unbroken.now_or_never())).is_err());
        home.block_on(tokio::task::yield_now());
        assert!(!was_polled_again.load(Ordering::Relaxed));
    }
}
