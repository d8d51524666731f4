//! The threads that hash: as many as there are cores, as many as the system gives, or none beside
//! the caller's own.
//!
//! Nothing else in the crate asks rayon for threads. Its global pool is never used: it panics where
//! it can not be made, and a library has no say in it anyway.

use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Which threads share the work.
#[derive(Clone, Debug)]
pub(super) enum Threads {
    /// Those that all hashers of the process share; made when there is something to share.
    Shared,
    /// A pool of a hasher's own.
    Own(Arc<ThreadPool>),
    /// The caller's alone.
    Alone,
}

/// What was to be had of the threads that were wanted.
#[derive(Debug)]
struct Found {
    pool: Option<ThreadPool>,
    /// The system gave fewer than wanted: in words.
    shortfall: Option<String>,
}

static SHARED: OnceLock<Found> = OnceLock::new();

impl Threads {
    /// A pool of `count` threads. One thread that can not be had is the caller's.
    pub(super) fn own(count: usize) -> Result<Self, String> {
        match pool(count) {
            Ok(pool) => Ok(Self::Own(Arc::new(pool))),
            Err(_) if count == 1 => Ok(Self::Alone),
            Err(error) => Err(error),
        }
    }

    pub(super) fn pool(&self) -> Option<&ThreadPool> {
        let make = || Found::at_most(available_parallelism().map_or(1, usize::from), pool);
        match self {
            Self::Shared => SHARED.get_or_init(make).pool.as_ref(),
            Self::Own(pool) => Some(pool),
            Self::Alone => None,
        }
    }

    /// How many work at a time.
    pub(super) fn count(&self) -> usize {
        self.pool().map_or(1, ThreadPool::current_num_threads)
    }

    /// Does both, side by side if there is a thread for the second.
    pub(super) fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match self.pool() {
            Some(pool) => pool.join(a, b),
            None => (a(), b()),
        }
    }

    /// Does `work` for each of `items`, which do not depend on each other.
    pub(super) fn each<T: Send>(&self, items: Vec<T>, work: impl Fn(T) + Sync + Send) {
        match self.pool() {
            Some(pool) => pool.install(|| items.into_par_iter().for_each(work)),
            None => items.into_iter().for_each(work),
        }
    }

    /// What `work` makes of each of `items`, in their order.
    pub(super) fn map<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) -> R + Sync + Send,
    ) -> Vec<R> {
        match self.pool() {
            Some(pool) => pool.install(|| items.into_par_iter().map(work).collect()),
            None => items.into_iter().map(work).collect(),
        }
    }
}

impl Found {
    /// As many threads as `make` gives: half as many each time that it gives none.
    fn at_most(wanted: usize, make: impl Fn(usize) -> Result<ThreadPool, String>) -> Self {
        let mut first_error = None;
        let mut count = wanted;
        while count > 0 {
            match make(count) {
                Ok(pool) => {
                    let shortfall = first_error.map(|error: String| {
                        format!("{count} of {wanted} threads hash; more are not to be had: {error}")
                    });
                    return Self { pool: Some(pool), shortfall };
                }
                Err(error) => drop(first_error.get_or_insert(error)),
            }
            count /= 2;
        }
        let why = first_error.map_or_else(String::new, |error| format!(": {error}"));
        let shortfall = Some(format!("one thread does everything; more are not to be had{why}"));
        Self { pool: None, shortfall }
    }
}

fn pool(count: usize) -> Result<ThreadPool, String> {
    ThreadPoolBuilder::new().num_threads(count).build().map_err(|error| error.to_string())
}

/// What the system did not give of the threads that were wanted, as soon as they were.
pub(super) fn shortfall() -> Option<&'static str> {
    SHARED.get()?.shortfall.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(most: usize) -> impl Fn(usize) -> Result<ThreadPool, String> {
        move |count| if count <= most { pool(count) } else { Err("no room".to_owned()) }
    }

    #[test]
    fn as_many_threads_as_there_are_to_be_had() {
        for (most, count) in [(9, Some(8)), (8, Some(8)), (7, Some(4)), (1, Some(1)), (0, None)] {
            let found = Found::at_most(8, given(most));
            assert_eq!(found.pool.map(|pool| pool.current_num_threads()), count, "{most}");
            let said = found.shortfall.is_some_and(|text| text.contains("no room"));
            assert_eq!(said, most < 8, "{most}");
        }
    }

    #[test]
    fn work_is_the_same_on_any_threads() {
        let items: Vec<u64> = (0..1000).collect();
        let squares: Vec<u64> = items.iter().map(|n| n * n).collect();
        for threads in [Threads::Shared, Threads::own(3).expect("threads"), Threads::Alone] {
            assert_eq!(threads.map(items.clone(), |n| n * n), squares);
            assert_eq!(threads.join(|| 1, || 2), (1, 2));
            assert!(threads.count() > 0);
        }
    }
}
