//! Which images a Dockerfile makes the engine ask for.

use std::collections::{BTreeMap, BTreeSet};

use crate::words::reference::Reference;

/// The images that a Dockerfile names in `FROM` and `COPY --from`, each once, with
/// `args` as build arguments.
///
/// A name that can't be worked out is left out: no builder can either.
pub(crate) fn bases(dockerfile: &str, args: &BTreeMap<String, String>) -> Vec<Reference> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: BTreeSet<String> = BTreeSet::from(["scratch".to_owned()]);
    let mut found = Vec::new();
    let mut in_stage = false;
    let text = dockerfile.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let name = match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("ARG") if !in_stage => {
                for word in words {
                    let (key, default) = word.split_once('=').unwrap_or((word, ""));
                    let plain = default.trim_matches(['"', '\'']).to_owned();
                    values.insert(key.to_owned(), args.get(key).cloned().unwrap_or(plain));
                }
                continue;
            }
            Some("FROM") => {
                in_stage = true;
                let mut words = words.skip_while(|word| word.starts_with("--"));
                let Some(name) = words.next() else { continue };
                let stage = words.nth(1).map(str::to_ascii_lowercase);
                let name = substitute(name, &values);
                let known = name.as_ref().is_some_and(|name| stages.contains(&name.to_lowercase()));
                stages.extend(stage);
                if known { None } else { name }
            }
            Some("COPY") => words
                .find_map(|word| word.strip_prefix("--from="))
                .filter(|name| !stages.contains(&name.to_lowercase()))
                .filter(|name| name.parse::<u32>().is_err())
                .map(str::to_owned),
            _ => continue,
        };
        let base = name.and_then(|name| name.parse::<Reference>().ok());
        found.extend(base.filter(|base| !found.contains(base)));
    }
    found
}

/// A name with its `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}` replaced;
/// `None` where another form is in it.
fn substitute(name: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = name.trim_matches(['"', '\'']);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (variable, default, end) = if let Some(braced) = after.strip_prefix('{') {
            let (inner, end) = braced.split_once('}')?;
            if let Some((variable, other)) = inner.split_once(":+") {
                let is_set = values.get(variable).is_some_and(|value| !value.is_empty());
                out.push_str(if is_set { other } else { "" });
                rest = end;
                continue;
            }
            let (variable, default) = inner.split_once(":-").unwrap_or((inner, ""));
            (variable, default, end)
        } else {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (variable, end) =
                after.split_at(after.find(|c| !is_part(c)).unwrap_or(after.len()));
            (variable, "", end)
        };
        let value = values.get(variable).map(String::as_str).filter(|value| !value.is_empty());
        out.push_str(value.unwrap_or(default));
        rest = end;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dockerfile: &str, want: &[&str]) {
        let args = BTreeMap::from([("MIRROR".to_owned(), "mirror.example".to_owned())]);
        let found: Vec<String> = bases(dockerfile, &args).iter().map(ToString::to_string).collect();
        assert_eq!(found, want, "{dockerfile}");
    }

    #[test]
    fn every_named_image_counts_and_stages_do_not() {
        check("FROM scratch\nCOPY a /a\n", &[]);
        check(
            "# FROM a.example/x\nfrom --platform=linux/amd64 \\\n  b.example:5000/x:1\n",
            &["b.example:5000/x:1"],
        );
        check(
            "FROM a.example/x AS Build\nFROM build AS next\nCOPY --from=build /a /a\n\
             COPY --from=0 /a /a\nCOPY --chown=1 --from=c.example/tools:2 /b /b\n",
            &["a.example/x", "c.example/tools:2"],
        );
        check("FROM redis\nFROM redis AS again\n", &["redis"]);
    }

    #[test]
    fn arguments_are_filled_in_as_the_builder_does() {
        check("ARG MIRROR=other.example\nFROM ${MIRROR}/x\n", &["mirror.example/x"]);
        check("ARG BASE=\"d.example/x:1\"\nFROM $BASE AS x\n", &["d.example/x:1"]);
        check("ARG EMPTY\nFROM ${EMPTY:-e.example}/x\n", &["e.example/x"]);
        check("ARG MIRROR\nFROM ${MIRROR:+f.example/}x${MIRROR:+:2}\n", &["f.example/x:2"]);
        check("ARG EMPTY\nFROM $EMPTY\nFROM ${BROKEN\nFROM\n", &[]);
    }
}
