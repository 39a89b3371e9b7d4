//! Ends a child that hangs, with the name of the schema it hangs in.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Stops when dropped. Its thread wakes once a second.
pub struct Watch(Arc<Mutex<(String, Instant)>>);

impl Watch {
    pub fn start(label: &str) -> Self {
        let at = Arc::new(Mutex::new((String::new(), Instant::now())));
        let (label, watched) = (label.to_owned(), Arc::downgrade(&at));
        thread::spawn(move || watch(&label, &watched));
        Self(at)
    }

    pub fn now_at(&self, id: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (id.to_owned(), Instant::now());
    }
}

fn watch(label: &str, watched: &Weak<Mutex<(String, Instant)>>) {
    let mut said = Instant::now();
    while let Some(at) = watched.upgrade() {
        let (id, since) = at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        drop(at);
        let took = since.elapsed();
        if took > LIMIT {
            eprintln!("{label}: schema {id} took more than {} s", LIMIT.as_secs());
            std::process::exit(1);
        }
        if took.as_secs() >= 30 && said.elapsed().as_secs() >= 30 {
            eprintln!("{label}: schema {id} has taken {} s", took.as_secs());
            said = Instant::now();
        }
        thread::sleep(Duration::from_secs(1));
    }
}
