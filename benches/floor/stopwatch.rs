//! Runs a command again and again and says what each run took.
//!
//! `stopwatch LOG RUNS COMMAND…` prints a line a run: the seconds, and the largest memory that
//! a process of it has had until then, in bytes. What the command prints is in LOG. A run that
//! fails ends it.
//!
//! It is a small program, since the memory of whoever starts a process counts as that
//! process's own until it is another program.

use std::error::Error;
use std::fs::File;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let mut next = || words.next().ok_or("usage: stopwatch LOG RUNS COMMAND…");
    let (log, runs, program) = (next()?, next()?, next()?);
    let runs: u32 = runs.to_str().ok_or("RUNS is a number")?.parse()?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    for _ in 0..runs {
        let log = File::create(&log)?;
        command.stdout(log.try_clone()?).stderr(log);
        let started = Instant::now();
        let status = command.status()?;
        let took = started.elapsed();
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
        let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
        println!("{} {}", took.as_secs_f64(), kilobytes * 1024);
    }
    Ok(ExitCode::SUCCESS)
}
