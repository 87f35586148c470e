//! Runs the program under test in a world of its own, and looks after every run
//! for what no run may do.

use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::script::lock;
use super::wait_until;

/// A run that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The user and the group without rights.
const NOBODY: u32 = 65534;

/// A command line, with a directory that holds its manifest, home and temporary files.
#[derive(Debug)]
pub(crate) struct Occ {
    program: String,
    directory: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    timeout: Duration,
    unprivileged: bool,
}

impl Occ {
    /// `occ`, without arguments, without configuration, with an almost empty environment. It is
    /// the one that was built with the tests, unless `OCC_TEST_PROGRAM` names another.
    pub(crate) fn new() -> Self {
        let other = std::env::var("OCC_TEST_PROGRAM");
        Self::program(other.as_deref().unwrap_or(env!("CARGO_BIN_EXE_occ")))
    }

    /// Another program in the same world: how else to see that a misdeed is noticed?
    pub(crate) fn program(program: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("occ-test-").tempdir().unwrap();
        for name in ["home", "docker", "tmp", "work"] {
            fs_err::create_dir(directory.path().join(name)).unwrap();
        }
        let at = |name: &str| directory.path().join(name).display().to_string();
        let environment = [
            ("HOME", at("home")),
            ("DOCKER_CONFIG", at("docker")),
            ("TMPDIR", at("tmp")),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            // Most tests are about what happens behind a tag; those of the lock take it away.
            ("OCC_NO_LOCK", "1".to_owned()),
        ];
        let environment = environment.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let program = program.to_owned();
        Self {
            program,
            directory,
            arguments: Vec::new(),
            environment,
            timeout: TIMEOUT,
            unprivileged: false,
        }
    }

    /// With a manifest.
    pub(crate) fn manifest(text: &str) -> Self {
        Self::new().file("opencode.toml", text)
    }

    /// Writes a file, below the directory that it runs in.
    #[must_use]
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.work().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
        self
    }

    /// Writes `config.json` into the Docker configuration.
    #[must_use]
    pub(crate) fn docker_config(self, text: &str) -> Self {
        fs_err::write(self.path("docker/config.json"), text).unwrap();
        self
    }

    #[must_use]
    pub(crate) fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(known, _)| known != key);
        self.environment.push((key.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.environment.retain(|(known, _)| known != key);
        self
    }

    /// With the lock as it is for users: kept beside the manifest.
    #[must_use]
    pub(crate) fn locking(self) -> Self {
        self.without_env("OCC_NO_LOCK")
    }

    /// Under a limit of the shell's `ulimit`.
    #[must_use]
    pub(crate) fn limited(self, limit: &str) -> Self {
        self.after(&format!("ulimit {limit}"))
    }

    /// Under a limit of `prlimit`, which knows of more than every shell does.
    #[must_use]
    pub(crate) fn limited_by(self, limit: &str) -> Self {
        self.after(&format!("set -- prlimit {limit} \"$@\""))
    }

    /// With these signals ignored from the start.
    #[must_use]
    pub(crate) fn ignoring(self, signals: &str) -> Self {
        self.after(&format!("trap '' {signals}"))
    }

    /// In the place of a shell that has done this before.
    fn after(mut self, done: &str) -> Self {
        let program = std::mem::replace(&mut self.program, "/bin/sh".to_owned());
        let script = format!("{done} && exec \"$@\"");
        let arguments = ["-c".to_owned(), script, "sh".to_owned(), program];
        self.arguments.splice(..0, arguments);
        self
    }

    /// For runs that may take longer than a minute.
    #[must_use]
    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// As a user without rights, where the tests themselves are root; others run it as they are.
    #[must_use]
    pub(crate) fn unprivileged(mut self) -> Self {
        if rustix::process::getuid().is_root() {
            // The program may lie where that user can't go.
            let copy = self.path("program");
            fs_err::copy(&self.program, &copy).unwrap();
            self.program = copy.display().to_string();
            let everything = PermissionsExt::from_mode(0o755);
            fs_err::set_permissions(self.directory.path(), everything).unwrap();
            for name in ["home", "docker", "tmp", "work"] {
                chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
            }
            self.unprivileged = true;
        }
        self
    }

    /// The directory that it runs in.
    pub(crate) fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// A path below its own directory: `home`, `docker`, `tmp`, `work`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command as it will be run; for tests that need another stdin or stdout.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(self.work()).stdin(Stdio::null());
        command.env_clear().envs(self.environment.iter().map(|(key, value)| (key, value)));
        if self.unprivileged {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Run {
        self.spawn().wait()
    }

    /// Runs it with these arguments beside the others.
    pub(crate) fn run_with<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let mut command = self.command();
        command.args(arguments);
        self.start(command).wait()
    }

    /// Starts it.
    pub(crate) fn spawn(&self) -> Running<'_> {
        self.start(self.command())
    }

    /// Starts a command that was made by [`command`](Self::command).
    pub(crate) fn start(&self, mut command: Command) -> Running<'_> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        let pid = Pid::from_child(&child);
        Running { occ: self, pid, started, ended: wait_beside(child), stdout, stderr }
    }
}

/// A run that goes on.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    occ: &'a Occ,
    pid: Pid,
    started: Instant,
    ended: Receiver<ExitStatus>,
    stdout: Output,
    stderr: Output,
}

impl Running<'_> {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until stderr has these words.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        wait_until(words, || String::from_utf8_lossy(&lock(&self.stderr.so_far)).contains(words));
    }

    /// Waits for its end, and for no longer than it may take.
    pub(crate) fn wait(self) -> Run {
        let ended = self.ended.recv_timeout(self.occ.timeout);
        if ended.is_err() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
        let elapsed = self.started.elapsed();
        let run = Run {
            status: ended.unwrap_or_default(),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            elapsed,
        };
        assert!(ended.is_ok(), "no end after {:?}\n{run}", self.occ.timeout);
        run.check(&self.occ.path("tmp"));
        run
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) elapsed: Duration,
}

impl Run {
    /// The exit code; negative for a signal.
    pub(crate) fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        self.status.code().or(self.status.signal().map(|signal| -signal)).unwrap()
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "exit code\n{self}");
        self
    }

    /// Fails unless stderr contains each of these, in whichever lines.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let unfolded = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            let is_said = self.stderr.contains(word) || unfolded.contains(word);
            assert!(is_said, "stderr lacks {word:?}\n{self}");
        }
        self
    }

    /// Fails unless stderr contains this exactly once.
    #[track_caller]
    pub(crate) fn says_once(&self, words: &str) {
        let times = self.stderr.matches(words).count();
        assert_eq!(times, 1, "how often stderr has {words:?}\n{self}");
    }

    /// Fails if stdout or stderr contains one of these.
    #[track_caller]
    pub(crate) fn never_says(self, words: &[&str]) -> Self {
        for word in words {
            let said = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(!said, "the output has {word:?}\n{self}");
        }
        self
    }

    /// Fails if it took longer.
    #[track_caller]
    pub(crate) fn within(self, limit: Duration) -> Self {
        assert!(self.elapsed <= limit, "took {:?}, limit {limit:?}\n{self}", self.elapsed);
        self
    }

    /// What holds for every run, whatever it was asked to do.
    fn check(&self, temporary: &Path) {
        for text in [&self.stdout, &self.stderr] {
            for word in ["panicked at", "RUST_BACKTRACE", "stack backtrace"] {
                assert!(!text.contains(word), "a panic\n{self}");
            }
            for hint in
                text.lines().filter(|line| line.trim_start_matches([' ', '=']).starts_with("hint:"))
            {
                let own: usize = hint.split('`').step_by(2).map(|part| part.chars().count()).sum();
                assert!(own <= 100, "a hint of {own} columns beside what it quotes\n{self}");
            }
            if let Some(bad) = text.chars().find(|c| obeyed_by_terminals(*c)) {
                panic!("the output has {bad:?}\n{self}");
            }
        }
        self.keeps_its_promises();
        let left: Vec<_> = fs_err::read_dir(temporary).unwrap().flatten().collect();
        assert!(left.is_empty(), "temporary files are left: {left:?}\n{self}");
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr, elapsed } = self;
        let (stdout, stderr) = (stdout.escape_debug(), stderr.escape_debug());
        let lines = |text: String| text.replace("\\n", "\n").replace("\\\"", "\"");
        let (stdout, stderr) = (lines(stdout.to_string()), lines(stderr.to_string()));
        write!(f, "{status} after {elapsed:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}\n--")
    }
}

/// Whether a character could move a cursor, colour a line, or turn text around.
pub(crate) fn obeyed_by_terminals(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What comes out of a pipe.
#[derive(Debug)]
struct Output {
    so_far: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn collect(mut from: impl Read + Send + 'static) -> Self {
        let so_far = Arc::<Mutex<Vec<u8>>>::default();
        let all = Arc::clone(&so_far);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(size @ 1..) = from.read(&mut piece) {
                lock(&all).extend_from_slice(&piece[..size]);
            }
        });
        Self { so_far, reader }
    }

    fn finish(self) -> String {
        self.reader.join().unwrap();
        String::from_utf8(std::mem::take(&mut *lock(&self.so_far))).expect("the output is UTF-8")
    }
}

fn wait_beside(mut child: Child) -> Receiver<ExitStatus> {
    let (tell, ended) = channel();
    thread::spawn(move || tell.send(child.wait().unwrap()));
    ended
}
