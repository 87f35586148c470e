//! The exact images in the form of other tools.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::state::exact::Exact;

/// What begins the name of each variable.
const PREFIX: &str = "OCC_IMAGE_";

/// An override file for Compose: the service with an image's id runs exactly that image.
/// What has no digest is in this engine only, so nobody is to be asked for it.
pub(crate) fn compose(images: &[(String, Exact)]) -> String {
    let mut out = "# Written by `occ export compose`.\nservices:\n".to_owned();
    for (id, exact) in images {
        // Both are made of characters that mean nothing in a quoted scalar.
        let _ = writeln!(out, "  \"{id}\":\n    image: \"{}\"", exact.best());
        if exact.digest.is_none() {
            out.push_str("    pull_policy: never\n");
        }
    }
    out
}

/// A variable an image. The error are two ids that make the same one.
pub(crate) fn env(images: &[(String, Exact)]) -> Result<String, (String, String)> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    let mut out = String::new();
    for (id, exact) in images {
        let variable = format!("{PREFIX}{}", id.to_uppercase().replace('-', "_"));
        let _ = writeln!(out, "{variable}={}", exact.best());
        if let Some(other) = known.insert(variable, id) {
            return Err((other.to_owned(), id.clone()));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::image::EngineId;

    fn images(ids: &[&str]) -> Vec<(String, Exact)> {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let of = |(i, id): (usize, &&str)| {
            let name: crate::words::reference::Reference = "ghcr.io/acme/tool:1".parse().unwrap();
            let digest = (i == 0).then(|| name.repository.with_digest(&digest));
            ((*id).to_owned(), Exact { name, digest, id: EngineId::new("sha256:1f") })
        };
        ids.iter().enumerate().map(of).collect()
    }

    #[test]
    fn each_image_is_named_exactly() {
        insta::assert_snapshot!(compose(&images(&["db", "my-app"])), @r#"
        # Written by `occ export compose`.
        services:
          "db":
            image: "ghcr.io/acme/tool@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "my-app":
            image: "sha256:1f"
            pull_policy: never
        "#);
        insta::assert_snapshot!(env(&images(&["db", "my-app"])).unwrap(), @r"
        OCC_IMAGE_DB=ghcr.io/acme/tool@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        OCC_IMAGE_MY_APP=sha256:1f
        ");
        let twice = env(&images(&["a-b", "a_b"])).unwrap_err();
        assert_eq!(twice, ("a-b".to_owned(), "a_b".to_owned()));
    }
}
