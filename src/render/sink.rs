//! Where the voices write to: stderr, or memory in tests.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A place to write to. Cheap to clone; a whole text is written at once.
///
/// What can't be written is lost: a reader that went away or a full disk under a
/// log is no reason to break off the work that is being told about.
#[derive(Clone)]
pub(crate) struct Sink {
    writer: Arc<Mutex<dyn Write + Send>>,
    guard: Option<Guard>,
}

/// What a text has to pass before it is written.
pub(crate) type Guard = fn(&str) -> Cow<'_, str>;

impl Sink {
    /// The process's stderr.
    pub(crate) fn stderr() -> Self {
        Self::new(io::stderr())
    }

    /// Any writer.
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Arc::new(Mutex::new(writer)), guard: None }
    }

    /// The same place, where every text is what `guard` makes of it.
    pub(crate) fn guarded(self, guard: Guard) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// Writes a text: as it is, where there is no guard.
    pub(crate) fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = self.guard.map_or(Cow::Borrowed(text), |guard| guard(text));
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    }

    /// Writes a text and a line end.
    pub(crate) fn line(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// What a test's renderer wrote.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Memory {
    /// A sink that writes here.
    pub(crate) fn sink(&self) -> Sink {
        Sink::new(self.clone())
    }

    /// Everything written since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

#[cfg(test)]
impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_reader_that_went_away_breaks_nothing() {
        let sink = Sink::new(Broken);
        sink.line("a");
        sink.write("b");
        let memory = Memory::default();
        memory.sink().line("c");
        assert_eq!(memory.take(), "c\n");
    }
}
