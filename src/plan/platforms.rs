//! Images that want one index for several platforms, which some engines can't hold.

use std::collections::BTreeMap;

use crate::plan::step::{Cause, ImagePlan};
use crate::state::desired::DesiredImage;
use crate::state::observed::Observed;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::failure::FailureClass;
use crate::words::image::IndexRoom;
use crate::words::platform::Platform;

/// The places of each two images that want the same digest for different platforms, and are
/// in each other's way where there is this much room. `own` is the engine's platform, for
/// images that leave it to the engine.
pub(crate) fn rivals(
    images: &[&DesiredImage],
    own: Option<&Platform>,
    room: IndexRoom,
) -> Vec<(usize, usize)> {
    let platform = |image: &DesiredImage| image.platform.clone().or_else(|| own.cloned());
    let are_rivals = |one: &DesiredImage, other: &DesiredImage| {
        let digest = |image: &DesiredImage| image.wanted().map(|(digest, _)| digest.clone());
        digest(one).is_some()
            && digest(one) == digest(other)
            && platform(one) != platform(other)
            && match room {
                IndexRoom::Any => false,
                IndexRoom::One => true,
                IndexRoom::OneInRepository => share_a_repository(one, other),
            }
    };
    let mut found = Vec::new();
    for (i, one) in images.iter().enumerate() {
        let later = images.iter().enumerate().skip(i + 1);
        found.extend(later.filter(|(_, other)| are_rivals(one, other)).map(|(j, _)| (i, j)));
    }
    found
}

/// Whether both may come from the same repository.
fn share_a_repository(one: &DesiredImage, other: &DesiredImage) -> bool {
    let mut repositories = one.sources.iter().map(|source| &source.reference.repository);
    repositories.any(|repository| {
        other.sources.iter().any(|source| source.reference.repository == *repository)
    })
}

/// Refuses one of each two rivals: the one that the engine does not hold, or the later.
pub(super) fn refuse(
    images: &[&DesiredImage],
    observed: &Observed,
    plans: &mut BTreeMap<&str, ImagePlan>,
) {
    let own = observed.engine_platform.as_ref();
    let (limit, way_out) = match observed.index_room {
        IndexRoom::Any => return,
        IndexRoom::OneInRepository => (
            "this engine holds an index for one platform in each repository",
            "let one of them come from another repository",
        ),
        IndexRoom::One => (
            "this engine tells of one platform of an index only",
            "use an engine for each platform",
        ),
    };
    for (i, j) in rivals(images, own, observed.index_room) {
        let is_held = |at: usize| {
            let plan = plans.get(images[at].id.as_str());
            plan.is_some_and(|plan| matches!(plan.cause, Cause::InSync | Cause::TagsMissing))
        };
        let (kept, refused) = match (is_held(i), is_held(j)) {
            (true, true) => continue,
            (false, true) => (images[j], images[i]),
            _ => (images[i], images[j]),
        };
        let Some(plan) = plans.get_mut(refused.id.as_str()) else { continue };
        let platform = kept.platform.as_ref().or(own);
        let platform = platform.map_or_else(String::new, |it| format!(" for {it}"));
        plan.steps.clear();
        plan.blocked = Some(Obstacle {
            reason: format!("the image `{}` wants the same index{platform}, and {limit}", kept.id),
            class: FailureClass::Unknown,
            code: Code::Platform,
            hints: vec![way_out.to_owned()],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Place, parse};
    use crate::state::desired::Desired;

    fn desired(tables: &str) -> Desired {
        let pin = format!("digest = \"sha256:{}\"", "a".repeat(64));
        let text = format!("version = 1\n{}", tables.replace("PIN", &pin));
        let place = Place { file: "x".into(), dir: "/r".into(), root: "/r".into() };
        parse(text.as_bytes(), &place).desired.unwrap()
    }

    #[track_caller]
    fn check(tables: &str, room: IndexRoom, want: &[(usize, usize)]) {
        let desired = desired(tables);
        let images: Vec<&DesiredImage> = desired.images.iter().collect();
        let own = "linux/amd64".parse().unwrap();
        assert_eq!(rivals(&images, Some(&own), room), want, "{tables}");
    }

    #[test]
    fn one_index_for_two_platforms_is_a_matter_of_room() {
        let amd = "[images.a]\nname = \"x.example/t\"\nPIN\n";
        let arm =
            "[images.b]\nname = \"x.example/t\"\ntag = \"b\"\nPIN\nplatform = \"linux/arm64\"\n";
        let both = format!("{amd}{arm}");
        check(&both, IndexRoom::Any, &[]);
        check(&both, IndexRoom::One, &[(0, 1)]);
        check(&both, IndexRoom::OneInRepository, &[(0, 1)]);
        let elsewhere = both.replacen("x.example", "y.example", 1);
        check(&elsewhere, IndexRoom::One, &[(0, 1)]);
        check(&elsewhere, IndexRoom::OneInRepository, &[]);
        // The engine's own platform by its name is no other one, and neither is another digest.
        check(&both.replace("arm64", "amd64"), IndexRoom::One, &[]);
        check(&both.replacen("PIN\n", "", 1), IndexRoom::One, &[]);
    }
}
