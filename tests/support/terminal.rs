//! A terminal for the program under test: a pseudo-terminal of a given width.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::occ::Occ;
use super::script::lock;
use super::wait_until;

/// A run whose stdout and stderr are one terminal.
#[derive(Debug)]
pub(crate) struct OnTerminal {
    child: Child,
    master: File,
    so_far: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl OnTerminal {
    /// Starts the program on a terminal that is so many columns wide.
    pub(crate) fn start(occ: &Occ, columns: u16) -> Self {
        Self::open(occ, columns, false)
    }

    /// The same where its stdin is the terminal, too, so that it can ask something.
    pub(crate) fn with_keyboard(occ: &Occ, columns: u16) -> Self {
        Self::open(occ, columns, true)
    }

    fn open(occ: &Occ, columns: u16, with_keyboard: bool) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();

        let mut command = occ.command();
        if with_keyboard {
            command.stdin(slave.try_clone().unwrap());
        }
        command.stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = command.spawn().unwrap();
        // With our own descriptors of the slave gone, the child's end is the end of the transcript.
        drop(command);
        let mut master = File::from(master);
        let keys = master.try_clone().unwrap();
        let so_far = Arc::<Mutex<Vec<u8>>>::default();
        let all = Arc::clone(&so_far);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal that nobody writes to any more ends with an error instead of an end.
            while let Ok(size @ 1..) = master.read(&mut piece) {
                lock(&all).extend_from_slice(&piece[..size]);
            }
        });
        Self { child, master: keys, so_far, reader }
    }

    /// Types on the keyboard.
    pub(crate) fn type_in(&self, keys: &str) {
        (&self.master).write_all(keys.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown, and comes line by line, as a shell leaves it.
    pub(crate) fn is_sane(&self) -> bool {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Presses Ctrl-C: the terminal shows it, and the program gets the signal.
    pub(crate) fn interrupt(&self) {
        (&self.master).write_all(b"\x03").unwrap();
        // The terminal drops what it was told and has not shown yet, a moment later: what
        // the program says about the signal must come after that.
        self.wait_for("^C");
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the terminal was told these words.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        wait_until(words, || String::from_utf8_lossy(&lock(&self.so_far)).contains(words));
    }

    /// Waits for its end; everything that the terminal was told, escapes and all.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        let transcript = std::mem::take(&mut *lock(&self.so_far));
        (status, String::from_utf8(transcript).expect("the output is UTF-8"))
    }
}
