//! The text of `occ status`: is the engine in sync, and if not, why.

use super::fit::{clean, pad, width};
use super::fold::fold;
use super::look::{Look, Tone};
use super::plan::id_columns;
use crate::plan::step::{ImagePlan, Plan};
use crate::state::inputs::LABEL;
use crate::state::observed::{Observed, Superseded};
use crate::words::image::ImageFacts;
use crate::words::text::{bytes, count};
use std::fmt::Write as _;

/// A line an image and a sentence about all. Ends with a line feed.
///
/// ```text
/// redis  in sync      redis:7           sha256:0a0a0a0a0a0a  113.0 MB  pinned by the lock
/// tool   not in sync  acme/tool:latest  not in the engine
/// 1 of 2 images in sync
/// ```
pub(crate) fn status(plan: &Plan, observed: &Observed, look: Look) -> String {
    let ids = id_columns(plan.images.iter().map(|image| image.id.as_str()), look);
    let (words, names) = if look.is_narrow() {
        (0, 0)
    } else {
        let names = plan.images.iter().map(|image| width(&image.name.to_string()));
        ("not in sync".len(), names.max().unwrap_or(0).min(40))
    };
    let mut out = String::new();
    for image in &plan.images {
        let (tone, word) =
            if image.is_in_sync() { (Tone::Good, "in sync") } else { (Tone::Bad, "not in sync") };
        let _ = writeln!(
            out,
            "{}  {}  {}  {}",
            look.paint(Tone::Strong, &pad(&clean(&image.id), ids)),
            look.paint(tone, &pad(word, words)),
            pad(&clean(&image.name.to_string()), names),
            clean(&detail(image, observed)),
        );
    }
    let all = plan.images.len();
    let good = plan.images.iter().filter(|image| image.is_in_sync()).count();
    let _ = writeln!(out, "{good} of {} in sync", count(all, "image", "images"));
    fold(&out, look)
}

/// The images of ours that have no name any more, and the command that removes them, which
/// `docker` begins. Nothing where there are none.
///
/// ```text
/// 1 image that occ built has no name any more (sizes with shared layers):
///   sha256:0a0a0a0a0a0a  113.0 MB  was docker.io/acme/tool:latest
/// to remove it: docker image rm 0a0a0a0a0a0a
/// ```
pub(crate) fn superseded(images: &[Superseded], docker: &str, look: Look) -> String {
    let (it, have) = match images.len() {
        0 => return String::new(),
        1 => ("it", "has"),
        _ => ("them", "have"),
    };
    let number = count(images.len(), "image", "images");
    let mut out =
        format!("\n{number} that occ built {have} no name any more (sizes with shared layers):\n");
    let sizes = images.iter().map(|image| width(&bytes(image.size))).max().unwrap_or(0);
    let mut command = format!("{docker} image rm");
    for Superseded { image_id, reference, size } in images {
        let id = clean(image_id.short());
        let size = bytes(*size);
        let gap = if look.is_narrow() { 0 } else { sizes.saturating_sub(width(&size)) };
        let _ = writeln!(out, "  {id}  {:gap$}{size}  was {}", "", clean(reference));
        let _ = write!(command, " {}", id.trim_start_matches("sha256:"));
    }
    // The command is there to be copied, so it stays in one line.
    fold(&out, look) + &format!("to remove {it}: {}\n", clean(&command))
}

/// What is there, for an image in sync; else why it is not.
fn detail(image: &ImagePlan, observed: &Observed) -> String {
    let facts = observed.images.get(&image.id).and_then(|found| found.local.as_ref());
    match facts {
        Some(facts) if image.is_in_sync() => {
            let held = format!(
                "{}  {}{}",
                identity(image, facts),
                bytes(facts.size),
                pinned(image, facts)
            );
            if image.is_unchanged() {
                held
            } else {
                format!("{held}  (not asked whether the tag moved)")
            }
        }
        _ => match &image.blocked {
            Some(blocked) => format!("{}, and {blocked}", image.cause),
            None => image.cause.to_string(),
        },
    }
}

/// Who says that it has to be these bytes; nothing of what was built here.
fn pinned(image: &ImagePlan, facts: &ImageFacts) -> String {
    match &image.wanted {
        Some((_, by)) => format!("  pinned by the {}", by.word()),
        None if facts.labels.contains_key(LABEL) => String::new(),
        None => "  unpinned".to_owned(),
    }
}

/// The digest that it was pulled by, or the engine's id.
fn identity(image: &ImagePlan, facts: &ImageFacts) -> String {
    let wanted = image.wanted.as_ref().map(|(digest, _)| digest);
    match wanted.or_else(|| facts.repo_digests.first().map(|(_, digest)| digest)) {
        Some(digest) => digest.short(),
        None => facts.id.short().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::step::{Cause, Step};
    use crate::state::observed::ObservedImage;
    use crate::words::image::EngineId;

    fn image(id: &str, name: &str, cause: Cause) -> ImagePlan {
        let target: crate::words::reference::Reference = name.parse().unwrap();
        let steps = match cause {
            Cause::InSync => Vec::new(),
            _ => vec![Step::Tag { target: target.clone() }],
        };
        ImagePlan {
            id: id.into(),
            name: target,
            wanted: None,
            to_lock: std::collections::BTreeSet::new(),
            extra_tags: Vec::new(),
            platform: None,
            previous: None,
            signed: None,
            steps,
            cause,
            blocked: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn each_image_is_in_sync_or_says_why_not() {
        let facts = ImageFacts {
            id: EngineId::new(format!("sha256:{}", "0a".repeat(32))),
            repo_digests: Vec::new(),
            platform: "linux/amd64".parse().unwrap(),
            labels: BTreeMap::new(),
            size: 113_000_000,
            document: None,
        };
        let found = ObservedImage { local: Some(facts), ..ObservedImage::default() };
        let observed =
            Observed { images: BTreeMap::from([("redis".into(), found)]), ..Observed::default() };
        let mut images = vec![
            image("redis", "redis:7", Cause::InSync),
            image("tool", "acme/tool:latest", Cause::NotInEngine),
            image("app", "acme/app:latest", Cause::NotInEngine),
        ];
        images[2].blocked = Some("no `Dockerfile`".to_owned().into());
        let mut plan = Plan { images };
        insta::assert_snapshot!(status(&plan, &observed, Look::test(80)), @r"
        redis  in sync      redis:7           sha256:0a0a0a0a0a0a  113.0 MB  unpinned
        tool   not in sync  acme/tool:latest  not in the engine
        app    not in sync  acme/app:latest   not in the engine, and no `Dockerfile`
        1 of 3 images in sync
        ");
        plan.images.truncate(1);
        plan.images[0] = image("redis", "redis:7", Cause::PolicyAlways);
        insta::assert_snapshot!(status(&plan, &observed, Look::test(120)), @r"
        redis  in sync      redis:7  sha256:0a0a0a0a0a0a  113.0 MB  unpinned  (not asked whether the tag moved)
        1 of 1 image in sync
        ");
        let narrow = status(&plan, &observed, Look::test(20));
        assert!(narrow.starts_with("redis  in sync\n  redis:7\n  sha256:0a"), "{narrow}");
    }

    #[test]
    fn what_has_no_name_any_more_comes_with_the_command_that_removes_it() {
        let image = |digits: &str, size| Superseded {
            image_id: EngineId::new(format!("sha256:{}", digits.repeat(32))),
            reference: "docker.io/acme/tool:latest".into(),
            size,
        };
        assert_eq!(superseded(&[], "docker", Look::test(80)), "");
        let images = [image("0a", 113_000_000), image("1b", 999)];
        insta::assert_snapshot!(superseded(&images, "docker -H tcp://h:1", Look::test(80)), @r"

        2 images that occ built have no name any more (sizes with shared layers):
          sha256:0a0a0a0a0a0a  113.0 MB  was docker.io/acme/tool:latest
          sha256:1b1b1b1b1b1b     999 B  was docker.io/acme/tool:latest
        to remove them: docker -H tcp://h:1 image rm 0a0a0a0a0a0a 1b1b1b1b1b1b
        ");
    }
}
