//! `occ files`: what a build context holds, what it does not, and why. Contacts nobody.

use std::path::{Component, Path, PathBuf};

use crate::cli::args::{FilesArgs, Format};
use crate::cli::find::load;
use crate::cli::settings::Settings;
use crate::cli::{Done, Stop, show};
use crate::context::caution::{Caution, cautions};
use crate::context::stat::What;
use crate::context::walk::{How, Place, walk};
use crate::context::{Kind, Tree, archive, path_bytes};
use crate::engine::docker::image::DOCKERFILE;
use crate::render;
use crate::render::files::{Contents, Explained, Files, Rule, Sent, Unsent, Verdict};
use crate::render::sections::Sections;
use crate::state::desired::{BuildOrigin, DesiredBuild, DesiredImage};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::text::{bytes, count, list, sanitise};

pub(super) fn run(settings: &Settings, args: &FilesArgs) -> Result<Done, Stop> {
    let parsed = load(settings).map_err(|missing| Stop::input(ExitStatus::Data, *missing))?;
    let Some(desired) = parsed.desired else {
        let (diagnostics, text) = (parsed.diagnostics, parsed.text);
        return Err(Stop::Input { exit: ExitStatus::Data, diagnostics, text });
    };
    show(&parsed.diagnostics, &parsed.text, settings);
    let (image, build) = choose(&desired.images, args.id.as_deref())?;
    let tree = read(build)
        .map_err(|why| Diagnostic::error(why).code(Code::Build).key(key(image)))
        .map_err(|error| Stop::input(ExitStatus::Failed, error))?;
    if args.list0 {
        if settings.out.width.is_some() {
            let message = "`--list0` is for programs: its names are not made safe for a terminal";
            return Err(Stop::usage(Diagnostic::error(message).hint("use `--list`")));
        }
        let paths = tree.entries.iter().flat_map(|entry| [path_bytes(&entry.path), b"\0"]);
        let raw = Some(paths.flatten().copied().collect());
        return Ok(Done { raw, ..Done::with_text(ExitStatus::Success, String::new()) });
    }
    warn(settings, image, &tree);
    let (text, contents) = if let Some(path) = &args.explain {
        let path = normal(path);
        let verdict = explain(&tree, &path);
        let text = render::files::verdict(&path.to_string_lossy(), &verdict);
        let path = path.to_string_lossy().into_owned();
        (text, Contents::Explained(Explained { path, verdict }))
    } else {
        let files = files(build, &tree);
        let text = match (args.list, settings.format) {
            (_, Format::Json) => String::new(),
            (true, _) => {
                files.sent.iter().map(|sent| sanitise(&sent.path).into_owned() + "\n").collect()
            }
            (false, _) => render::files::files(&image.id, &files, settings.out),
        };
        (text, Contents::Files(files))
    };
    Ok(Done::with_text(ExitStatus::Success, text)
        .with(Sections { files: Some(contents), ..Sections::default() }))
}

fn key(image: &DesiredImage) -> String {
    format!("images.{}.build", image.id)
}

/// The image that was named, or the only one that is built from a directory.
fn choose<'i>(
    images: &'i [DesiredImage],
    id: Option<&str>,
) -> Result<(&'i DesiredImage, &'i DesiredBuild), Stop> {
    let built = || images.iter().filter_map(|image| Some((image, image.build.as_ref()?)));
    let known = |built: Vec<(&DesiredImage, &DesiredBuild)>| {
        let ids: Vec<String> = built.iter().map(|(image, _)| format!("`{}`", image.id)).collect();
        match ids.len() {
            0 => "the manifest builds no image".to_owned(),
            _ => format!("the manifest builds {}", list(&ids, "and")),
        }
    };
    if let Some(id) = id {
        let named = built().find(|(image, _)| image.id == id);
        let what = if images.iter().any(|image| image.id == id) {
            format!("the image `{id}` is not built")
        } else {
            format!("the manifest has no image `{id}`")
        };
        return named
            .ok_or_else(|| Stop::usage(Diagnostic::error(what).hint(known(built().collect()))));
    }
    let of_directory = |build: &DesiredBuild| matches!(build.origin, BuildOrigin::Context { .. });
    let all: Vec<_> = built().filter(|(_, build)| of_directory(build)).collect();
    match all[..] {
        [only] => Ok(only),
        _ => Err(Stop::usage(
            Diagnostic::error("which image? name it: `occ files ID`")
                .hint(known(built().collect())),
        )),
    }
}

/// Names and sizes: nothing is hashed for this.
fn read(build: &DesiredBuild) -> Result<Tree, String> {
    match &build.origin {
        BuildOrigin::Template(_) => Ok(Tree::template(DOCKERFILE)),
        BuildOrigin::Context { dir, dockerfile, root } => {
            let mut tree = walk(Place { dir, dockerfile, root }, How::Listed)
                .map_err(|error| error.to_string())?;
            tree.ignored.sort();
            Ok(tree)
        }
    }
}

fn warn(settings: &Settings, image: &DesiredImage, tree: &Tree) {
    for Caution { path, why, files, bytes: size } in cautions(tree) {
        let path = path.display();
        let much = count(files, "file", "files");
        let hint = match &tree.ignore.path {
            Some(_) => format!("to leave it out, add `{path}` to the ignore file"),
            None => format!("to leave it out, write `{path}` into `.dockerignore`"),
        };
        let message = format!("`{path}` is sent ({much}, {}): {why}", bytes(size));
        show(&[Diagnostic::warning(message).key(key(image)).hint(hint)], "", settings);
    }
}

fn files(build: &DesiredBuild, tree: &Tree) -> Files {
    let (context, dockerfile) = match &build.origin {
        BuildOrigin::Template(_) => (None, tree.dockerfile.clone()),
        BuildOrigin::Context { dir, dockerfile, .. } => {
            (Some(dir.display().to_string()), dockerfile.display().to_string())
        }
    };
    let sent = tree.entries.iter().map(|entry| Sent {
        path: entry.path.to_string_lossy().into_owned(),
        kind: match entry.kind {
            Kind::Directory => "directory",
            Kind::File { .. } => "file",
            Kind::Link(_) => "link",
        },
        size: entry.kind.size(),
    });
    let ignored = tree.ignored.iter().filter_map(|ignored| {
        let rule = tree.ignore.patterns.rule(path_bytes(&ignored.path))?;
        let slash = if ignored.is_directory { "/" } else { "" };
        let path = format!("{}{slash}", ignored.path.to_string_lossy());
        Some(Unsent { path, line: rule.line, pattern: rule.pattern })
    });
    Files {
        context,
        dockerfile,
        ignore_file: ignore_file(tree),
        bytes_sent: archive::length(tree),
        sent: sent.collect(),
        ignored: ignored.collect(),
    }
}

fn ignore_file(tree: &Tree) -> Option<String> {
    Some(tree.ignore.path.as_ref()?.file_name()?.to_string_lossy().into_owned())
}

/// A path as the walk has it: without `.`, and without a slash at the end.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn explain(tree: &Tree, path: &Path) -> Verdict {
    let is_sent = tree.entries.iter().any(|entry| entry.path == path);
    let what = tree.what_is_at(path);
    if !is_sent && what.is_none() {
        return Verdict::Missing;
    }
    let rule = tree.ignore.patterns.rule(path_bytes(path));
    let is_ignored = rule.as_ref().is_some_and(|rule| !rule.is_exception);
    let line = rule.zip(ignore_file(tree)).map(|(rule, file)| Rule {
        file,
        line: rule.line,
        pattern: rule.pattern,
    });
    match line {
        _ if what == Some(What::Other) && !is_ignored => Verdict::Special,
        Some(rule) if is_ignored && is_sent && what != Some(What::Directory) => {
            Verdict::Hidden { rule }
        }
        Some(rule) if is_ignored && !is_sent => Verdict::Ignored { rule },
        rule => Verdict::Sent { rule: rule.filter(|_| !is_ignored) },
    }
}
