//! `occ ref` and `occ export`.

use super::{occ, repository};
use crate::support::image::Image;
use crate::support::real_engine::RealEngine;
use crate::support::unique;
use crate::sync::{from, serving, table};

#[test]
fn each_image_has_a_reference_for_scripts() {
    let mut engine = RealEngine::connect();
    let (name, own) = (engine.name("pulled"), engine.name("own"));
    let image = Image::new(&unique());
    let registry = serving(&name, &image);
    let manifest = table("pulled-one", &name, &from(&[&registry]))
        + &table("own", &own, "build = { context = \"in\" }");
    let occ = occ(&engine, &manifest)
        .file("in/Dockerfile", "FROM scratch\nCOPY file /\n")
        .file("in/file", unique());
    let run = occ.run_with(["ref", "own"]).expect(1);
    run.says(&[
        "the engine does not hold `own` as it should: not in the engine",
        "hint: `occ sync own` gets it",
    ]);
    occ.run_with(["sync"]).expect(0);

    let said = |arguments: &[&str]| {
        let run = occ.run_with(arguments.iter().copied()).expect(0);
        run.stdout.trim_end().to_owned()
    };
    let exact = format!("{}@{}", repository(&registry.host(), &name), image.digest());
    assert_eq!(said(&["ref", "pulled-one"]), exact);
    assert_eq!(said(&["ref", "pulled-one", "--digest"]), exact);
    assert_eq!(said(&["ref", "pulled-one", "--tag"]), name);
    assert_eq!(said(&["ref", "pulled-one", "--id"]), engine.id(&name).unwrap());
    // It is what the engine knows it by.
    assert!(engine.holds(&exact, &image));
    let built = engine.id(&own).unwrap();
    assert_eq!(said(&["ref", "own"]), built);
    occ.run_with(["ref", "own", "--digest"]).expect(1).says(&["`own` has no digest"]);
    occ.run_with(["ref", "owm"]).expect(64).says(&["did you mean `own`?"]);
    let run = occ.run_with(["--format", "json", "ref", "pulled-one"]).expect(0);
    assert_eq!(run.json()["ref"]["digest"], exact);

    assert_eq!(
        said(&["export", "env"]),
        format!("OCC_IMAGE_PULLED_ONE={exact}\nOCC_IMAGE_OWN={built}")
    );
    assert_eq!(
        said(&["export", "compose", "own"]),
        format!(
            "# Written by `occ export compose`.\nservices:\n  \"own\":\n    image: \"{built}\"\n    pull_policy: never"
        )
    );
    // Somebody moves the name: what is there is not what is wanted.
    engine.tag(&built, &name);
    let run = occ.run_with(["ref", "pulled-one"]).expect(1);
    run.says(&["the engine does not hold `pulled-one` as it should"]);
}

#[test]
fn the_schema_of_the_lock_is_the_committed_one() {
    let run = crate::support::occ::Occ::new().args(["schema", "lock"]).run().expect(0);
    let committed = fs_err::read_to_string("schema/opencode.lock.schema.json").unwrap();
    assert_eq!(run.stdout, committed, "`occ schema lock > schema/opencode.lock.schema.json`");
}
