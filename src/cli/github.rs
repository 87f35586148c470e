//! A run on GitHub Actions: where its files are, and what is told there in the end.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fs_err as fs;

use crate::cli::Done;
use crate::cli::environment::Environment;
use crate::cli::output::tell;
use crate::execute::report::{ImageReport, Outcome, Report};
use crate::render::github::annotations::{of_diagnostic, of_image, within_limits};
use crate::render::github::command::{Annotation, Spot};
use crate::render::github::outputs::outputs;
use crate::render::github::summary::{Run, summary};
use crate::render::github::{Held, annotations};
use crate::state::desired::{BuildOrigin, Desired};
use crate::words::diagnostic::Diagnostic;

/// The commands whose result is worth a summary: those that tell of the images, in the engine
/// or in the lock.
const SUMMED_UP: &[&str] = &["sync", "plan", "status", "lock"];

/// GitHub takes no more than this from all that a step writes.
const MAX_SUMMARY: u64 = 1 << 20;

/// What GitHub Actions tells a step, and what is known by its end.
#[derive(Debug)]
pub(crate) struct Github {
    workspace: Option<PathBuf>,
    summary: Option<PathBuf>,
    output: Option<PathBuf>,
    begun: Instant,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The manifest, and the places of its images.
    file: PathBuf,
    sites: BTreeMap<String, Site>,
    /// What the engine holds of each image.
    held: BTreeMap<String, Held>,
}

/// Where an image is declared, and built from.
#[derive(Debug)]
struct Site {
    line: usize,
    column: usize,
    context: Option<PathBuf>,
}

impl Github {
    /// `None` where it is another place, or nobody wants it.
    pub(crate) fn of(environment: &Environment, off: bool) -> Option<Self> {
        (environment.is_on_github() && !off).then(|| Self {
            workspace: environment.path("GITHUB_WORKSPACE"),
            summary: environment.path("GITHUB_STEP_SUMMARY"),
            output: environment.path("GITHUB_OUTPUT"),
            begun: Instant::now(),
            known: Mutex::default(),
        })
    }

    /// Takes the places of the images in the manifest.
    pub(crate) fn declared(&self, desired: &Desired) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.file.clone_from(&desired.file);
        known.sites = desired
            .images
            .iter()
            .map(|image| {
                let (line, column) = image.place;
                let context = image.build.as_ref().and_then(|build| match &build.origin {
                    BuildOrigin::Context { dir, .. } => Some(dir.clone()),
                    BuildOrigin::Template(_) => None,
                });
                (image.id.clone(), Site { line, column, context })
            })
            .collect();
    }

    /// Takes what the engine holds of an image.
    pub(crate) fn holds(&self, id: &str, held: Held) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.held.insert(id.to_owned(), held);
    }

    /// Whether somebody wants to know what the engine holds.
    pub(crate) fn asks_what_is_held(&self) -> bool {
        self.summary.is_some() || self.output.is_some()
    }

    /// Annotations for what was told, and for the images that failed.
    pub(super) fn annotations(
        &self,
        told: &[Diagnostic],
        images: &[ImageReport],
    ) -> Vec<Annotation> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.iter().map(|diagnostic| {
            let spot = match &diagnostic.file {
                Some(file) => self.spot(file, diagnostic.line, diagnostic.column),
                None => self.declaration(&known, image_of(&diagnostic.key_path)),
            };
            of_diagnostic(diagnostic, spot)
        });
        let images = images.iter().filter_map(|image| {
            let spot = self.failed_at(&known, image);
            of_image(image, spot.or_else(|| self.declaration(&known, Some(&image.id))))
        });
        within_limits(told.chain(images).collect())
    }

    /// Where the manifest declares an image.
    fn declaration(&self, known: &Known, id: Option<&str>) -> Option<Spot> {
        let site = known.sites.get(id?)?;
        self.spot(&known.file, site.line, site.column)
    }

    /// The line of the Dockerfile that a build failed at.
    fn failed_at(&self, known: &Known, image: &ImageReport) -> Option<Spot> {
        let at = image.failed_at.as_ref()?;
        let context = known.sites.get(&image.id)?.context.as_ref()?;
        self.spot(&context.join(at.file.as_ref()?), at.line, 0)
    }

    /// A place in the repository, as GitHub knows it; `None` for what is outside of it.
    fn spot(&self, file: &Path, line: usize, column: usize) -> Option<Spot> {
        let real = |path: &Path| fs::canonicalize(path).ok();
        let file = real(file)?;
        let file = file.strip_prefix(real(self.workspace.as_ref()?)?).ok()?.to_str()?;
        Some(Spot { file: file.replace('\\', "/"), line, column })
    }
}

/// The image that a key belongs to: `images.tool.build`.
fn image_of(key: &str) -> Option<&str> {
    key.strip_prefix("images.")?.split('.').next()
}

impl Github {
    /// Writes the summary and the outputs, and says what could not be written.
    pub(super) fn write(
        &self,
        command: &str,
        done: &Done,
        report: &Report,
        told: &[Diagnostic],
    ) -> Vec<(&'static str, io::Error)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (exit, held, time) = (done.exit, &known.held, self.begun.elapsed());
        let mut failed = Vec::new();
        if let Some(path) = self.summary.as_ref().filter(|_| SUMMED_UP.contains(&command)) {
            let text = done.text.as_str();
            let text = summary(&Run { command, exit, text, report, held, told, time });
            if let Err(error) = append(path, &text, MAX_SUMMARY) {
                failed.push(("GITHUB_STEP_SUMMARY", error));
            }
        }
        let changed = match (command, &done.sections.lock) {
            ("sync", _) => Some(report.changed()),
            ("lock", Some(lock)) => Some(lock.changed),
            _ => None,
        };
        if let (Some(path), Some(changed)) = (&self.output, changed) {
            let is_there =
                |image: &&ImageReport| matches!(image.outcome, Outcome::Done | Outcome::Unchanged);
            let there = report.images.iter().filter(is_there);
            let there = there.filter_map(|image| Some((&image.id, held.get(&image.id)?)));
            if let Err(error) = append(path, &outputs(changed, there), u64::MAX) {
                failed.push(("GITHUB_OUTPUT", error));
            }
        }
        failed
    }
}

/// Adds a text to the end of a file, on a line of its own, if the file is no larger than `max`
/// then. The file need not be there.
fn append(path: &Path, text: &str, max: u64) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    if size + text.len() as u64 + 1 > max {
        return Err(io::Error::other("it is full"));
    }
    let mut last = [b'\n'];
    if size > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // Whoever wrote before may have left a line without an end.
    let start = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{start}{text}").as_bytes())
}

/// A mistake on the command line, which ends the run before there are settings.
pub(super) fn refused(diagnostic: &Diagnostic) {
    tell(&format!("{}\n", annotations::of_diagnostic(diagnostic, None)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_begins_on_a_line_of_its_own_and_fits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary");
        append(&path, "a\n", 10).unwrap();
        append(&path, "b", 10).unwrap();
        append(&path, "c\n", 10).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
        assert_eq!(append(&path, "1234\n", 10).unwrap_err().to_string(), "it is full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
        assert!(append(dir.path(), "a", 10).is_err());
    }

    #[test]
    fn a_key_belongs_to_an_image() {
        assert_eq!(image_of("images.tool.build.args"), Some("tool"));
        assert_eq!(image_of("images.tool"), Some("tool"));
        assert_eq!(image_of("retry.attempts"), None);
    }
}
