//! Rules that make a server of the tests misbehave: which requests, which of
//! them in a row, and what then. The log of what was asked stands beside them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::http::Request;

/// What a server does instead of answering truly, to which requests.
#[derive(Debug)]
pub(crate) struct Rule<A> {
    matching: String,
    skip: usize,
    times: usize,
    action: A,
    seen: usize,
}

impl<A> Rule<A> {
    /// Acts on every request whose line (`GET /v2/…`) contains `matching`.
    pub(crate) fn on(matching: &str, action: A) -> Self {
        Self { matching: matching.to_owned(), skip: 0, times: usize::MAX, action, seen: 0 }
    }

    /// Acts on the first `times` matching requests only.
    #[must_use]
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Lets the first `skip` matching requests through.
    #[must_use]
    pub(crate) fn skip(self, skip: usize) -> Self {
        Self { skip, ..self }
    }
}

/// A request that came, and when.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) request: Request,
}

/// The rules and the log of one server.
#[derive(Debug)]
pub(crate) struct Script<A> {
    rules: Mutex<Vec<Rule<A>>>,
    log: Mutex<Vec<Seen>>,
}

impl<A> Default for Script<A> {
    fn default() -> Self {
        Self { rules: Mutex::default(), log: Mutex::default() }
    }
}

impl<A: Clone> Script<A> {
    pub(crate) fn add(&self, rule: Rule<A>) {
        lock(&self.rules).push(rule);
    }

    /// Notes the request and says what the first rule for it has in store.
    pub(crate) fn next(&self, request: &Request) -> Option<A> {
        lock(&self.log).push(Seen { at: Instant::now(), request: request.clone() });
        let line = request.line();
        for rule in lock(&self.rules).iter_mut().filter(|rule| line.contains(&rule.matching)) {
            rule.seen += 1;
            if rule.seen > rule.skip && rule.seen - rule.skip <= rule.times {
                return Some(rule.action.clone());
            }
        }
        None
    }

    /// The requests so far whose line contains `matching`.
    pub(crate) fn seen(&self, matching: &str) -> Vec<Seen> {
        let log = lock(&self.log);
        log.iter().filter(|seen| seen.request.line().contains(matching)).cloned().collect()
    }
}

/// A failed assertion in one thread must not hide itself behind a poisoned lock in the next.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
