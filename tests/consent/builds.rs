//! What comes of consent at a real engine.

use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, image_of, occ, table};

const DOCKERFILE: &str = "FROM scratch\nARG CHANNEL\nLABEL channel=$CHANNEL\nCOPY Dockerfile /\n";

fn outcome(run: &Run) -> String {
    image_of(run, "tool")["outcome"].as_str().unwrap().to_owned()
}

/// Syncs with this in the environment, telling as much as can be told.
fn sync(occ: &Occ, environment: &[(&str, &str)]) -> Run {
    let mut command = occ.command();
    command.args(["-vvv", "--format", "json", "sync"]).envs(environment.iter().copied());
    occ.start(command).wait().expect(0)
}

#[test]
fn a_variable_is_an_input_whose_value_nobody_sees_and_a_proxy_is_none() {
    let mut engine = RealEngine::connect();
    let name = engine.name("variable");
    let args = "build = { args = { CHANNEL = \"${env:CHANNEL:-dev}\", \
                HTTP_PROXY = \"${env:OUR_PROXY:-}\" } }";
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, args)))
        .file("Dockerfile", DOCKERFILE)
        .env("OCC_ALLOW", "env=CHANNEL,env=OUR_PROXY");
    let mut label = || {
        let image = engine.inspect(&name).unwrap();
        engine.clean_up(image["Id"].as_str().unwrap());
        image["Config"]["Labels"]["channel"].as_str().unwrap().to_owned()
    };
    sync(&occ, &[]);
    assert_eq!(label(), "dev");

    let value = format!("hunter2-{}", unique());
    let run = sync(&occ, &[("CHANNEL", &value)]).never_says(&[&value, "hunter2"]);
    assert_eq!((outcome(&run), label()), ("done".to_owned(), value.clone()));
    let proxied = [("CHANNEL", &*value), ("OUR_PROXY", "http://hunter3.invalid")];
    let run = sync(&occ, &proxied).never_says(&["hunter2", "hunter3"]);
    assert_eq!(outcome(&run), "unchanged", "{run}");

    let run = sync(&occ, &[("CHANNEL", "")]).never_says(&["hunter2"]);
    assert_eq!((outcome(&run), label()), ("done".to_owned(), "dev".to_owned()));
}

/// The interfaces that a build step sees, as its log has them.
fn interfaces(engine: &mut RealEngine, network: &str, builder: &str) -> String {
    let name = engine.name("network");
    let build = format!("build = {{ network = \"{network}\", builder = \"{builder}\" }}");
    let busybox = fs_err::read("/bin/busybox").expect("busybox-static is installed");
    let occ = occ(engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &build)))
        .file("busybox", busybox)
        .file(
            "Dockerfile",
            format!(
                "FROM scratch\nCOPY busybox /bin/busybox\nENV X={}\n\
                 RUN [\"/bin/busybox\", \"ls\", \"/sys/class/net\"]\n",
                unique()
            ),
        );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(occ.work().join("busybox"), mode).unwrap();
    occ.run_with(["-v", "sync", "--allow", "network=host"]).expect(0).stderr
}

#[test]
fn the_hosts_network_is_there_for_who_was_allowed_it() {
    let mut engine = RealEngine::connect();
    // The bridge of the engine itself is seen from the host alone.
    for builder in ["buildkit", "classic"] {
        let seen = interfaces(&mut engine, "host", builder);
        assert!(seen.contains("| docker0"), "{seen}");
        let seen = interfaces(&mut engine, "none", builder);
        assert!(seen.contains("| lo") && !seen.contains("docker0"), "{seen}");
    }
}
