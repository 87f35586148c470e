//! In which order images are planned: each after those of the same manifest that it is
//! built on.

use crate::state::desired::DesiredImage;
use crate::state::inputs::Inputs;
use crate::state::observed::{Observed, ObservedImage};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::text::list;

/// The ids of the images of the manifest that an image is built on.
pub(super) fn built_on(seen: &ObservedImage) -> Vec<&str> {
    seen.inputs.iter().flatten().flat_map(Inputs::built_on).collect()
}

/// The images, each after those that it is built on. The error are those that are built
/// on each other.
pub(super) fn in_order<'d>(
    images: &[&'d DesiredImage],
    observed: &Observed,
) -> Result<Vec<&'d DesiredImage>, Box<Diagnostic>> {
    let mut left: Vec<&DesiredImage> = images.to_vec();
    let mut order: Vec<&DesiredImage> = Vec::new();
    while !left.is_empty() {
        let waits = |image: &DesiredImage| {
            let bases = observed.images.get(&image.id).map(built_on).unwrap_or_default();
            bases.into_iter().any(|base| left.iter().any(|image| image.id == base))
        };
        let (waiting, ready): (Vec<_>, Vec<_>) = left.iter().partition(|image| waits(image));
        if ready.is_empty() {
            return Err(Box::new(cycle(&waiting, observed)));
        }
        order.extend(ready);
        left = waiting;
    }
    Ok(order)
}

/// Follows the bases of images that all wait for one another until one comes again.
fn cycle(waiting: &[&DesiredImage], observed: &Observed) -> Diagnostic {
    let base_of = |image: &DesiredImage| {
        let bases = observed.images.get(&image.id).map(built_on).unwrap_or_default();
        waiting.iter().find(|other| bases.contains(&other.id.as_str())).copied()
    };
    let mut path: Vec<&DesiredImage> = Vec::new();
    let mut next = waiting.first().copied();
    while let Some(image) = next.filter(|image| !path.iter().any(|seen| seen.id == image.id)) {
        path.push(image);
        next = base_of(image);
    }
    let start = path.iter().position(|image| next.is_some_and(|next| next.id == image.id));
    let ring = &path[start.unwrap_or(0)..];
    let (line, column) = ring.first().map_or((0, 0), |image| image.place);
    let message = match ring {
        [one] => format!("the image `{}` is built on itself", one.id),
        ring => {
            let steps = ring.iter().zip(ring.iter().cycle().skip(1));
            let steps: Vec<String> =
                steps.map(|(image, base)| format!("`{}` on `{}`", image.id, base.id)).collect();
            format!("images are built on each other: {}", list(&steps, "and"))
        }
    };
    let key = ring.first().map_or(String::new(), |image| format!("images.{}.build", image.id));
    let hint = "a base is what `FROM` and `COPY --from` in the Dockerfile name";
    Diagnostic {
        line,
        column,
        ..Diagnostic::error(message).code(Code::Manifest).key(key).hint(hint)
    }
}
