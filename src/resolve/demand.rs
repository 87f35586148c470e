//! What the lock has to record of an image: the manifest's part, and what its Dockerfile
//! names. Nobody is asked.

use std::collections::BTreeMap;

use crate::context::dockerfile::{References, references};
use crate::context::walk::Place;
use crate::engine::docker::image::DOCKERFILE;
use crate::lock::fresh::Wanted;
use crate::state::desired::{BuildOrigin, DesiredBuild, DesiredImage, Strategy, Template};
use crate::words::reference::Reference;
use crate::words::text::list;

/// What is wanted of an image, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    /// What the lock has to record.
    pub(crate) wanted: Wanted,
    /// The images of the manifest that its Dockerfile names.
    pub(crate) built_on: Vec<String>,
    /// Why the rest is not known, or can't be locked.
    pub(crate) problem: Option<Problem>,
}

/// Why an image can't be locked, known before anybody is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Its Dockerfile can't be read, so its bases are not known.
    Unreadable(String),
    /// Its bases can't be locked, in words, and what to do.
    Unlockable(String, &'static str),
}

/// What is wanted of an image. `names` are the local names of all images of the manifest.
pub(crate) fn demand(image: &DesiredImage, names: &BTreeMap<String, &str>) -> Demand {
    let build = image.build.as_ref().filter(|_| image.strategy != Strategy::Pull);
    let found = build.map(|build| read(build).map(|found| (build, found)));
    let (build, References { bases, frontend, unknown }) = match found {
        None => return Demand::plain(image, None),
        Some(Err(why)) => return Demand::plain(image, Some(Problem::Unreadable(why))),
        Some(Ok(found)) => found,
    };
    let own = |base: &Reference| names.get(&base.canonical()).map(|id| (*id).to_owned());
    let built_on = bases.iter().filter_map(own).collect();
    let foreign = bases.into_iter().filter(|base| own(base).is_none());
    let bases: Vec<Reference> = foreign.chain(frontend).collect();
    let problem = if !unknown.is_empty() {
        let what = format!(
            "what its Dockerfile names depends on more than the Dockerfile and the manifest: {}",
            list(&unknown, "and")
        );
        Some(Problem::Unlockable(what, "name it there, or go without a lock: `--no-lock`"))
    } else if build.pull && !bases.is_empty() {
        let what = "`pull = true` wants the newest bases, and a lock holds them".to_owned();
        let hint = "without `pull`, `occ lock --upgrade` gets newer ones; or go without a lock: `--no-lock`";
        Some(Problem::Unlockable(what, hint))
    } else {
        None
    };
    Demand { wanted: Wanted::new(image, bases), built_on, problem }
}

impl Demand {
    fn plain(image: &DesiredImage, problem: Option<Problem>) -> Self {
        Self { wanted: Wanted::new(image, Vec::new()), built_on: Vec::new(), problem }
    }
}

/// What a Dockerfile names; the error is why it can't be read.
fn read(build: &DesiredBuild) -> Result<References, String> {
    let (text, shown) = match &build.origin {
        BuildOrigin::Template(Template::Opencode) => (DOCKERFILE.to_owned(), "Dockerfile".into()),
        BuildOrigin::Context { dir, dockerfile, root } => {
            let text = Place { dir, dockerfile, root }.dockerfile_text();
            (text.map_err(|error| error.to_string())?, dockerfile.display().to_string())
        }
    };
    let target = build.target.as_deref();
    Ok(references(&text, &shown, &build.args, &build.from_environment, target))
}
