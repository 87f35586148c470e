//! The floor that `scripts/bench` measures occ against: the least that a program needs to see
//! that images and files are as they were.
//!
//! `floor [--walk DIR]… [--connections N] REFERENCE…` looks at each file below each DIR, on two
//! threads, and inspects each image at the Unix socket that `DOCKER_HOST` names: by bollard, one
//! after another, or over N connections that are kept, on each of them one after another.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use bollard::Docker;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

type Any = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Any> {
    let mut words = std::env::args().skip(1).peekable();
    let mut tops = Vec::new();
    while words.next_if_eq("--walk").is_some() {
        tops.extend(words.next().map(PathBuf::from));
    }
    walk(tops);
    if words.next_if_eq("--connections").is_some() {
        let number: usize = words.next().unwrap_or_default().parse()?;
        let all: Vec<String> = words.collect();
        let socket = std::env::var("DOCKER_HOST")?;
        let socket = socket.strip_prefix("unix://").ok_or("no Unix socket")?;
        let mut tasks = JoinSet::new();
        for some in all.chunks(all.len().div_ceil(number)) {
            tasks.spawn(inspect(socket.to_owned(), some.to_vec()));
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        return Ok(());
    }
    let docker = Docker::connect_with_unix_defaults()?;
    for reference in words {
        docker.inspect_image(&reference).await?;
    }
    Ok(())
}

/// Inspects images over one connection.
async fn inspect(socket: String, references: Vec<String>) -> Result<(), Any> {
    let stream = TokioIo::new(UnixStream::connect(socket).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    for reference in references {
        let request = hyper::Request::get(format!("/images/{reference}/json"))
            .header("Host", "docker")
            .body(Empty::<Bytes>::new())?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        if !answer.status().is_success() {
            return Err(format!("{reference}: {}", answer.status()).into());
        }
        answer.into_body().collect().await?;
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
