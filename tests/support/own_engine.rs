//! A Docker Engine of a test's own, to be killed, stopped, or left without room.
//!
//! It runs in namespaces of its own: a second engine beside one that works would take that
//! one's network for its own, and here its loopback, its mounts and its processes are nobody
//! else's and end with it. Its registries are on that loopback, and on its Unix socket anybody
//! reaches it. That takes root; without, a test that needs it fails, and says so.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::real_engine::RealEngine;
use super::registry::Registry;
use super::wait_until;

/// Readies the loopback, says so, and lasts as long as its stdin.
const NETWORK: &str = "busybox ip link set lo up && echo up && exec cat";

/// The engine. It is killed, and all that it left is removed, when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnEngine {
    /// Holds the network, also while no engine is in it.
    network: Child,
    /// `unshare`, which has the engine for its only child.
    parent: Option<Child>,
    /// What is done before the engine starts, and its further options.
    prepare: String,
    options: Vec<String>,
    engine: RealEngine,
    directory: TempDir,
}

impl OwnEngine {
    /// Starts one with these options, on the disk of this machine.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::prepared("true", options)
    }

    /// Starts one on a disk of so many megabytes.
    pub(crate) fn with_room_for(megabytes: u32) -> Self {
        Self::prepared(&format!("mount -t tmpfs -o size={megabytes}m tmpfs \"$DATA\""), &[])
    }

    fn prepared(prepare: &str, options: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("occ-engine-").tempdir().unwrap();
        fs_err::create_dir(directory.path().join("data")).unwrap();
        let mut network = Command::new("unshare")
            .args(["--net", "sh", "-c", NETWORK])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs the program `unshare`");
        let mut told = String::new();
        BufReader::new(network.stdout.take().unwrap()).read_line(&mut told).unwrap();
        assert_eq!(
            told, "up\n",
            "this test starts an engine of its own, which takes root and a static busybox\n\
             hint: `scripts/test` as root installs what it needs, in a privileged container, too"
        );
        let engine = RealEngine::at(format!("unix://{}", directory.path().join("sock").display()));
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let prepare = prepare.to_owned();
        let mut own = Self { network, parent: None, prepare, options, engine, directory };
        own.run();
        own
    }

    /// Starts it, again if it ran before: with what it had, where that was on a disk.
    pub(crate) fn run(&mut self) {
        assert!(self.parent.is_none(), "it runs");
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        // What a killed one left: here, processes are numbered from 1 again each time.
        for left in ["pid", "exec"] {
            let _ = fs_err::remove_file(at(left)).or_else(|_| fs_err::remove_dir_all(at(left)));
        }
        let log = File::options().create(true).append(true).open(at("log")).unwrap();
        let script = format!("{} && exec dockerd \"$@\"", self.prepare);
        let parent = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "nsenter", &format!("--net={}", self.network_path())])
            .args(["unshare", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-c", &script, "sh", "--bridge=none", "--iptables=false"])
            .arg("--ip6tables=false")
            .args(["--storage-driver=vfs", "--log-level=warn", "--data-root", &at("data")])
            .args(["--exec-root", &at("exec"), "--pidfile", &at("pid"), "--host"])
            .arg(self.engine.host())
            .args(&self.options)
            .env("DATA", at("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("this test needs the program `setpriv`");
        self.parent = Some(parent);
        wait_until("an engine of the test's own answers", || {
            let ended = self.parent.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?}\n{}", self.log());
            self.engine.answers()
        });
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().unwrap()).unwrap(), signal).unwrap();
    }

    /// Ends it with a signal, and waits until nothing of it runs any more.
    pub(crate) fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.parent.take().unwrap().wait().unwrap();
    }

    /// An empty registry that it reaches, and nobody else.
    pub(crate) fn registry(&self) -> Registry {
        let network = File::open(self.network_path()).unwrap();
        // A socket stays in the network in which it was made; so does a thread that went there.
        let made = thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
        });
        Registry::on(made.join().unwrap())
    }

    /// A path on its disk, as seen from here.
    pub(crate) fn on_its_disk(&self, name: &str) -> PathBuf {
        let data = self.directory.path().join("data").join(name);
        PathBuf::from(format!("/proc/{}/root{}", self.pid().unwrap(), data.display()))
    }

    fn network_path(&self) -> String {
        format!("/proc/{}/ns/net", self.network.id())
    }

    /// The engine's process; none while it is starting or after it ended.
    fn pid(&self) -> Option<i32> {
        let parent = self.parent.as_ref()?.id();
        let children = fs_err::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        children.ok()?.split_whitespace().next()?.parse().ok()
    }

    fn log(&self) -> String {
        fs_err::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Deref for OwnEngine {
    type Target = RealEngine;

    fn deref(&self) -> &RealEngine {
        &self.engine
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("-- the log of the test's own engine\n{}--", self.log());
        }
        // With the first process of its namespace all others end, and its parent after them.
        let engine = self.pid().and_then(Pid::from_raw);
        if let Some(mut parent) = self.parent.take() {
            if engine.is_none_or(|pid| kill_process(pid, Signal::KILL).is_err()) {
                let _ = parent.kill();
            }
            let _ = parent.wait();
        }
        let _ = self.network.kill();
        let _ = self.network.wait();
    }
}
