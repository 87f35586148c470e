//! The outputs of a step: lines for the file that `GITHUB_OUTPUT` names.

use super::Held;

/// The outputs of `occ sync`; of `occ lock`, which looks at no image, the first one. Ids have nothing in them that could mean something else here.
pub(crate) fn outputs<'h>(
    changed: bool,
    held: impl IntoIterator<Item = (&'h String, &'h Held)>,
) -> String {
    let mut out = output("changed", if changed { "true" } else { "false" });
    for (id, held) in held {
        out.push_str(&output(&format!("ref-{id}"), &held.reference));
        if let Some(digest) = &held.digest {
            out.push_str(&output(&format!("digest-{id}"), digest));
        }
    }
    out
}

/// One output. What ends its value is chosen when the value is known, so it is not in it.
fn output(name: &str, value: &str) -> String {
    let ends = (0_u32..).map(|number| format!("OCC_{number}"));
    let end = ends.into_iter().find(|end| !value.contains(end.as_str())).unwrap_or_default();
    format!("{name}<<{end}\n{value}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends() {
        assert_eq!(output("changed", "true"), "changed<<OCC_0\ntrue\nOCC_0\n");
        let evil = "a\nOCC_0\nref-x<<OCC_1\nb\nOCC_1";
        assert_eq!(output("a", evil), format!("a<<OCC_2\n{evil}\nOCC_2\n"));
    }

    #[test]
    fn what_was_built_has_no_digest() {
        let held = |digest: Option<&str>| Held {
            reference: "r".into(),
            digest: digest.map(str::to_owned),
            size: 1,
        };
        let all = [("app".to_owned(), held(None)), ("tool".to_owned(), held(Some("d")))];
        assert_eq!(
            outputs(false, all.iter().map(|(id, held)| (id, held))),
            "changed<<OCC_0\nfalse\nOCC_0\nref-app<<OCC_0\nr\nOCC_0\n\
             ref-tool<<OCC_0\nr\nOCC_0\ndigest-tool<<OCC_0\nd\nOCC_0\n"
        );
    }
}
