//! What a run needs of memory, as the kernel counts it.

use std::fmt;
use std::time::Duration;

use super::occ::{Run, Running};

/// Bytes, shown in megabytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peak(pub(crate) u64);

impl fmt::Debug for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} MB", self.0 / 1_000_000, self.0 / 100_000 % 10)
    }
}

/// The most that a process had at once so far; `None` when it has ended.
pub(crate) fn peak_of(pid: u32) -> Option<Peak> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix(" kB"))?;
    Some(Peak(line.trim().parse::<u64>().unwrap() * 1024))
}

/// Waits for the end of a run; the most memory that it had at once is told, too.
pub(crate) fn watched(running: Running<'_>) -> (Run, Peak) {
    let pid = u32::try_from(running.pid()).unwrap();
    let watch = std::thread::spawn(move || {
        let mut peak = Peak(0);
        while let Some(now) = peak_of(pid) {
            peak = now;
            std::thread::sleep(Duration::from_millis(1));
        }
        peak
    });
    let run = running.wait();
    let peak = watch.join().unwrap();
    assert!(peak > Peak(0), "it ended before it was looked at\n{run}");
    (run, peak)
}
