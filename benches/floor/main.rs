//! The floor that `scripts/bench` measures occ against: the least that a program with
//! the same client library needs to see that images and files are as they were.
//!
//! `floor [--walk DIR]… REFERENCE…` looks at each file below each DIR, on two threads, and
//! inspects each image, one after another, at the Unix socket that `DOCKER_HOST` names.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use bollard::Docker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), bollard::errors::Error> {
    let mut words = std::env::args().skip(1).peekable();
    let mut tops = Vec::new();
    while words.next_if_eq("--walk").is_some() {
        tops.extend(words.next().map(PathBuf::from));
    }
    walk(tops);
    let docker = Docker::connect_with_unix_defaults()?;
    for reference in words {
        docker.inspect_image(&reference).await?;
    }
    Ok(())
}

/// Lists every directory and asks for the size and the times of every file.
fn walk(tops: Vec<PathBuf>) {
    if tops.is_empty() {
        return;
    }
    // Directories to list, and how many are listed right now.
    let work = Mutex::new((tops, 0));
    let look = || loop {
        let next = {
            let mut work = work.lock().unwrap();
            let next = work.0.pop();
            work.1 += usize::from(next.is_some());
            match next {
                None if work.1 == 0 => return,
                next => next,
            }
        };
        let Some(dir) = next else {
            thread::yield_now();
            continue;
        };
        let mut more = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                more.push(entry.path());
            } else {
                std::hint::black_box((meta.len(), meta.modified().ok()));
            }
        }
        let mut work = work.lock().unwrap();
        work.0.append(&mut more);
        work.1 -= 1;
    };
    thread::scope(|scope| {
        scope.spawn(look);
        look();
    });
}
