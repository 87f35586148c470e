//! What is checked here against expectations was tried on the classic builder of
//! Docker 20.10, unless it says otherwise.

use proptest::prelude::*;

use super::*;

fn read(text: &str, target: Option<&str>) -> Demands {
    let args = BTreeMap::from([
        ("MIRROR".to_owned(), "mirror.example".to_owned()),
        ("BLANK".to_owned(), String::new()),
    ]);
    demands(text, "Dockerfile", &args, target)
}

#[track_caller]
fn bases_of(text: &str, target: Option<&str>, want: &[&str]) {
    let found = read(text, target);
    let bases: Vec<String> = found.bases.iter().map(ToString::to_string).collect();
    assert_eq!(bases, want, "{text}");
    assert_eq!(found.warnings, Vec::<String>::new(), "{text}");
}

#[track_caller]
fn bases(text: &str, want: &[&str]) {
    bases_of(text, None, want);
}

#[track_caller]
fn problem(text: &str, target: Option<&str>, want: Option<&str>) {
    let read = read(text, target);
    assert_eq!(read.problem.or(read.newer).as_deref(), want, "{text}");
}

#[test]
fn every_named_image_counts_once_and_stages_do_not() {
    bases("FROM scratch\nCOPY a /a\n", &[]);
    bases(
        "# FROM a.example/x\nfrom --platform=linux/amd64 \\\n  b.example:5000/x:1\n",
        &["b.example:5000/x:1"],
    );
    bases(
        "FROM a.example/x AS Build\nFROM build AS next\nCOPY --from=BUILD /a /a\n\
         COPY --from=0 /a /a\nCOPY --from=+1 /a /a\nCOPY --chown=1 --from=c.example/tools:2 /b /b\n\
         FROM --platform=linux/arm64 d.example/x\n",
        &["a.example/x", "c.example/tools:2", "d.example/x"],
    );
    bases("FROM redis\nFROM redis AS again\n", &["redis"]);
    // A stage is known once it is over; until then its name is an image's.
    bases("FROM later AS a\nCOPY --from=a /a /a\nFROM scratch AS later\n", &["later", "a"]);
    // What no engine takes for a name contacts nobody.
    bases("FROM UPPER\nFROM 'a b'\nFROM \nCOPY --from=$X a a\nCOPY --from= a a\n", &[]);
    // A trigger runs in another build, and the text of a document never.
    bases("FROM a\nONBUILD COPY --from=b /a /a\nRUN cat <<E\nFROM c\nE\n", &["a"]);
    // Only images named, not flags of the command.
    bases("FROM a\nRUN cp --from=b c\nCOPY x --from=d\nLABEL --from=e\n", &["a"]);
    bases(
        "FROM a\nRUN --mount=type=bind,from=b,target=/b \\\n --mount=from=c true\n",
        &["a", "b", "c"],
    );
}

#[test]
fn arguments_in_front_of_the_first_stage_are_filled_in() {
    bases("ARG MIRROR=other.example\nFROM ${MIRROR}/x\n", &["mirror.example/x"]);
    bases("ARG MIRROR\nFROM $MIRROR/x\n", &["mirror.example/x"]);
    bases("ARG BASE=\"d.example/x:1\"\nFROM $BASE AS x\n", &["d.example/x:1"]);
    bases("ARG A='e.ex' B=ample C=x\\ y\nFROM \"$A${B}/x\"\n", &["e.example/x"]);
    bases("ARG A=f.example\nARG B=${A}/x\nFROM $B:1\n", &["f.example/x:1"]);
    bases("ARG A=g.example\nFROM ${NOPE:-${A}/x}\n", &["g.example/x"]);
    bases("ARG MIRROR\nFROM ${MIRROR:+h.example/}x${MIRROR:+:2}\n", &["h.example/x:2"]);
    bases("ARG BLANK=i.example\nFROM ${BLANK:+no.example/}x\n", &["x"]);
    bases("ARG STAGE=one\nFROM a AS One\nFROM $STAGE\n", &["a"]);
    bases("# escape=`\nARG A=j.example\nFROM `\n $A/x\n", &["j.example/x"]);
    // Those are declared too late, not at all, or no longer.
    bases("FROM a\nARG B=b\nFROM ${B}\n", &["a"]);
    bases("FROM ${MIRROR}x\n", &["x"]);
    bases("ARG B=b\nARG B\nFROM ${B}x\n", &["x"]);
}

#[test]
fn a_name_that_cannot_be_worked_out_is_known_as_such() {
    let found = read("ARG V=${X%-*}\nFROM a\n\nFROM \\\n b:${V}\n", None);
    assert_eq!(found.bases.len(), 1);
    assert_eq!(
        found.warnings,
        [
            "line 4 of `Dockerfile`: `FROM b:${V}` is only known in the build, so its registry is not \
          in the plan and gets no login"
        ]
    );
}

const THREE: &str = "FROM a AS First\nRUN --mount=type=cache,target=/x true\n\
                     FROM b\nFROM c AS runtime\nCOPY --from=d / /\nFROM e AS last\n";

#[test]
fn only_the_stages_up_to_the_target_are_asked_for() {
    bases_of(THREE, Some("first"), &["a"]);
    bases_of(THREE, Some("RunTime"), &["a", "b", "c", "d"]);
    for all in [None, Some(""), Some("last")] {
        bases_of(THREE, all, &["a", "b", "c", "d", "e"]);
    }
    // The engine takes the first of two.
    bases_of("FROM a AS x\nFROM b AS X\n", Some("x"), &["a"]);
}

#[test]
fn a_target_that_is_no_stage_is_told_with_what_was_meant() {
    let missing = |target: &str, rest: &str| {
        let want = format!("`target` is `{target}`, and `Dockerfile` has no such stage; {rest}");
        problem(THREE, Some(target), Some(&want));
        assert_eq!(read(THREE, Some(target)).bases, []);
    };
    missing("runtim", "did you mean `runtime`?");
    missing("builder", "it has `First`, `runtime` and `last`");
    missing("0", "a stage is named, not numbered: `First`");
    missing("1", "a stage is named, not numbered: give it a name, `FROM … AS name`");
    missing("7", "it has `First`, `runtime` and `last`");
    problem(
        "FROM a\n",
        Some("b"),
        Some("`target` is `b`, and `Dockerfile` has no such stage; no stage in it has a name"),
    );
    // What is no Dockerfile at all is the engine's to refuse.
    for text in ["", "# FROM a\n", "RUN x\n", "\0\u{fffd}"] {
        problem(text, Some("a"), None);
    }
}

#[test]
fn what_needs_buildkit_is_told_with_its_line() {
    let needs = |text: &str, line: usize, word: &str| {
        let want = format!("line {line} of `Dockerfile`: {word} needs BuildKit");
        problem(text, None, Some(&want));
    };
    needs("FROM a\n\nrun \\\n  --mount=type=cache,target=/x true\n", 3, "`RUN --mount`");
    needs("FROM a\nRUN --network=none true\n", 2, "`RUN --network`");
    needs("FROM a\nRUN --security=insecure true\n", 2, "`RUN --security`");
    needs("FROM a\nCOPY --from=b --chmod=755 a /\n", 2, "`COPY --chmod`");
    needs("FROM a\nCOPY --parents a /\n", 2, "`COPY --parents`");
    needs("FROM a\nADD --exclude=*.md a /\n", 2, "`ADD --exclude`");
    needs("FROM a\nADD --checksum=sha256:a b /\n", 2, "`ADD --checksum`");
    needs("FROM a\nADD --keep-git-dir b /\n", 2, "`ADD --keep-git-dir`");
    needs("FROM a\nRUN <<EOF\nx\nEOF\nRUN --mount=x y\n", 2, "the here-document `<<EOF`");
    needs("FROM a\nCOPY <<'E' /x\nE\n", 2, "the here-document `<<'E'`");
    needs(
        "ARG BUILDPLATFORM\nFROM --platform=$BUILDPLATFORM a\n",
        2,
        "`FROM --platform=$BUILDPLATFORM`",
    );
}

#[test]
fn what_a_classic_builder_takes_is_no_problem() {
    for text in [
        // Comments, triggers, and arguments that look like flags.
        "# syntax=docker/dockerfile:1\nFROM a\nONBUILD RUN --mount=x y\nRUN x --mount=y\n",
        "FROM a\nRUN [\"--mount=x\"]\nRUN -- --mount=x\nCMD --mount=x\n",
        // The shell ends this document.
        "FROM a\nRUN cat <<EOF\nRUN b\n",
        "FROM a\nCOPY --chmod= --from=b --chown=1 a /\n",
        "ARG BUILDPLATFORM=linux/amd64\nFROM --platform=$BUILDPLATFORM a\n",
        "FROM --platform=linux/$TARGETARCH a\n",
        // Newer ones take these, and build the same.
        "FROM a\nCOPY --link a /\nCOPY --parents=false a /\n",
        // Not this reader's to refuse.
        "FROM a AS b c\nRUN --foo\nCOPY\nFOO\nFROM\n",
    ] {
        problem(text, None, None);
    }
    // Stages behind the target do not run.
    problem("FROM a AS x\nFROM b\nRUN --mount=x y\n", Some("x"), None);
    let template = crate::engine::docker::image::DOCKERFILE;
    problem(template, None, None);
    bases(template, &["ubuntu:24.04"]);
}

#[test]
fn reading_takes_no_longer_than_the_text_is_long() {
    let many = |line: &str| format!("FROM a\n{}", line.repeat(500_000 / line.len()));
    for line in [
        "RUN cat <<A\n",
        "RUN <<A <<A\nA\n",
        "\\\n",
        " \\\n#\n",
        "<<A ",
        "RUN ",
        "--mount=",
        "FROM a AS b\n",
        "COPY --from=a b c\n",
        "ARG A=$A$A\n",
        "\"",
        "\\",
        "${A:-",
        "\r",
        "\t",
    ] {
        let begin = std::time::Instant::now();
        read(&many(line), Some("nope"));
        read(&many(line), None);
        read(&format!("ARG A=a\nARG B={}\nFROM $B\n", many(line)), None);
        // It takes a fraction of a second; what is quadratic takes minutes.
        let took = begin.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{line:?}: {took:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), target in ".{0,5}") {
        read(&String::from_utf8_lossy(&bytes), Some(&target));
    }

    #[test]
    fn no_pieces_panic(
        pieces in proptest::collection::vec(proptest::sample::select(&[
            "FROM ", "ARG ", "RUN ", "COPY ", "ONBUILD ", "--from=", "--mount=", "--", "a", "A=",
            "$", "${", "}", ":-", ":+", "\"", "'", "\\", "`", "\n", "\r\n", " ", "#", "# escape=`\n",
            "<<", "<<-E", "E", "AS ", "\u{feff}", "ä", "0", ",",
        ][..]), 0..60),
    ) {
        read(&pieces.concat(), Some("a"));
    }
}
