//! What the steps of a build are handed, and whom the user's logins go to.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::{held, mark, tool, with_shell};
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::registry::Registry;
use crate::support::unique;
use crate::sync::image_of;

const SECRETS: &str =
    ", secrets = [{ id = \"npm\", env = \"NPM_TOKEN\" }, { id = \"key\", src = \"private/key\" }]";

const ALLOW: &str = "secret=env:NPM_TOKEN,secret=file:private/key,ssh";

/// Prints both secrets as they are, and once more with a dash behind each character.
const PRINTS: &str = "FROM shell\nRUN --mount=type=secret,id=npm,required \\\n  \
    --mount=type=secret,id=key,target=/key,required \\\n  \
    cat /run/secrets/npm /key; echo; sed 's/./&-/g' /run/secrets/npm /key; echo\n";

/// A build that wants a secret from the environment and one of two lines from a file, and
/// the three texts.
fn with_secrets(engine: &RealEngine, name: &str, text: &str) -> (Occ, [String; 3]) {
    let values = [(); 3].map(|()| format!("s{}", unique()));
    let occ = with_shell(engine, name, SECRETS, text)
        .file("private/key", format!("{}\n{}\n", values[1], values[2]))
        .env("NPM_TOKEN", &values[0])
        .env("OCC_ALLOW", ALLOW);
    (occ, values)
}

/// With a dash behind each character.
fn dashed(value: &str) -> String {
    value.chars().flat_map(|c| [c, '-']).collect()
}

#[test]
fn secrets_reach_the_steps_that_ask_for_them_and_nothing_else() {
    let mut engine = RealEngine::connect();
    let name = engine.name("secrets");
    let (occ, values) = with_secrets(&engine, &name, PRINTS);
    let all: Vec<&str> = values.iter().map(String::as_str).collect();
    for how in [&["-v"][..], &["-vvv"], &["--format", "json", "--progress", "json"]] {
        let arguments = how.iter().chain(&["sync", "--no-cache"]);
        let run = occ.run_with(arguments.copied()).expect(0).never_says(&all);
        for value in &values {
            assert!(run.stderr.contains(&dashed(value)), "{run}");
        }
        assert!(run.stderr.contains("***"), "{run}");
        held(&mut engine, &name);
    }
    let image = engine.saved(&name);
    let has = |value: &String| image.windows(value.len()).any(|it| it == value.as_bytes());
    assert!(!values.iter().any(has), "a secret is in the image");
    let history = engine.history(&name).concat();
    assert!(!values.iter().any(|value| history.contains(value)), "{history}");

    // Another value is no change.
    let occ = occ.env("NPM_TOKEN", "other");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    // Also not where the log is kept, and what the builder says of it is quoted.
    let (occ, values) = with_secrets(&engine, &name, &PRINTS.replace("; echo\n", "; exit 3\n"));
    let all: Vec<&str> = values.iter().map(String::as_str).collect();
    let run = occ.run_with(["--format", "json", "sync"]).expect(1).never_says(&all);
    let image = image_of(&run, "tool");
    let log = fs_err::read_to_string(image["log_file"].as_str().unwrap()).unwrap();
    for value in &values {
        assert!(log.contains(&dashed(value)) && !log.contains(value), "{log}");
    }
    assert!(image["log"].to_string().contains("***"), "{run}");
}

#[test]
fn a_secret_that_is_not_there_is_told_and_one_that_nobody_needs_is_no_file() {
    let mut engine = RealEngine::connect();
    let name = engine.name("no-secret");
    let (occ, values) = with_secrets(&engine, &name, PRINTS);
    let occ = occ.without_env("NPM_TOKEN");
    let run = occ.run_with(["--progress", "json", "sync"]).expect(1).never_says(&[&values[1]]);
    assert!(run.stdout.contains("the environment variable `NPM_TOKEN` is not set"), "{run}");
    let run = run.never_says(&["build_step", "\"sending\""]);
    assert!(!run.stderr.contains("\"started\""), "{run}");

    let text = "FROM shell\nRUN --mount=type=secret,id=other ls /run/secrets; echo none\n";
    let (occ, _) = with_secrets(&engine, &name, text);
    occ.run_with(["-v", "sync"]).expect(0).says(&["| none"]).never_says(&["| other"]);
    held(&mut engine, &name);
    let text = "FROM shell\nRUN --mount=type=secret,id=other,required ls /run/secrets\n";
    let (occ, _) = with_secrets(&engine, &name, text);
    let run = occ.run_with(["sync"]).expect(1);
    assert!(run.stdout.contains("line 6: `RUN --mount=type=secret,id=other,"), "{run}");
    assert!(run.stdout.contains(": secret other"), "{run}");
}

/// An agent that tells what it is sent first.
fn agent(occ: &Occ) -> Receiver<String> {
    let listener = UnixListener::bind(occ.path("home/agent")).unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut bytes = [0; 256];
        let read = client.read(&mut bytes).unwrap();
        tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).unwrap();
    });
    told
}

/// No program of busybox speaks to agents, but this one speaks to any socket at `/dev/log`. It
/// waits for no answer, as others do, and with the step what is under way ends.
const SPEAKS: &str = "FROM shell\nRUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\" \\\n  \
    && ln -s \"$SSH_AUTH_SOCK\" /dev/log && logger hello-agent && sleep 2\n";

#[test]
fn the_users_ssh_agent_hears_the_steps_that_ask_for_it() {
    let mut engine = RealEngine::connect();
    let name = engine.name("ssh");
    let occ = with_shell(&engine, &name, ", ssh = [\"default\"]", SPEAKS);
    let heard = agent(&occ);
    let socket = occ.path("home/agent").display().to_string();
    let occ = occ.env("SSH_AUTH_SOCK", socket);
    occ.run_with(["sync"]).expect(64).says(&["add `--allow ssh`"]);
    assert_eq!(engine.id(&name), None);
    occ.run_with(["sync", "--allow", "ssh"]).expect(0);
    let heard = heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(heard.contains("hello-agent"), "{heard}");
    held(&mut engine, &name);

    // Who does not name it has none, whatever is in the environment.
    let none = with_shell(&engine, &name, "", SPEAKS);
    let silent = agent(&none);
    let socket = none.path("home/agent").display().to_string();
    let none = none.env("SSH_AUTH_SOCK", socket);
    let run = none.run_with(["-v", "sync", "--allow", "ssh"]).expect(1);
    assert!(run.stdout.contains("ended with exit code 1"), "{run}");
    assert!(silent.try_recv().is_err());
}

/// A base at a private registry, and the configuration with `password` for it.
fn private(engine: &mut RealEngine, password: &str, other: &str) -> (Registry, String, Occ) {
    let (name, path) = (engine.name("private"), format!("occ-test/{}", unique()));
    let registry = Registry::with(&path, "1", &Image::new(&unique())).private("me", "s3cret/+=");
    let base = format!("{}/{path}:1", registry.host());
    let text = format!("FROM {base}\n{}COPY Dockerfile /\n", mark());
    let login = |password: &str| {
        use base64::Engine as _;
        let text = format!("me:{password}");
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{}"}},"{other}":{{"auth":"{}"}}}}}}"#,
        registry.host(),
        login(password),
        login("hunter2"),
    );
    (registry, name.clone(), tool(engine, &name, "", &text).docker_config(&config))
}

#[test]
fn a_private_base_gets_the_login_of_its_own_registry() {
    let mut engine = RealEngine::connect();
    let other = Registry::start();
    let (registry, name, occ) = private(&mut engine, "s3cret/+=", &other.host());
    occ.run_with(["-vvv", "sync"]).expect(0).never_says(&["s3cret", "hunter2"]);
    assert!(engine.files(&name).contains("file-0"));
    assert!(other.seen("").is_empty());
    let headers = registry.seen("/manifests/");
    let with =
        |seen: &&crate::support::script::Seen| seen.request.header("authorization").is_some();
    assert!(headers.iter().any(|seen| with(&seen)));
}

#[test]
fn a_helper_is_asked_for_the_registries_that_the_builder_asks_for() {
    let mut engine = RealEngine::connect();
    let (registry, name, occ) = private(&mut engine, "", "other.example");
    let said = r#"{"Username":"me","Secret":"s3cret/+="}"#;
    let asked = occ.path("home/asked");
    let script = format!("#!/bin/sh\ncat >> {}\necho '{said}'\n", asked.display());
    let program = occ.path("home/docker-credential-it");
    fs_err::write(&program, script).unwrap();
    fs_err::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let helpers = format!(
        r#"{{"credHelpers":{{"{}":"it","other.example":"it","127.0.0.1:1":"it"}}}}"#,
        registry.host()
    );
    let path = format!("{}:/usr/bin:/bin", occ.path("home").display());
    let occ = occ.docker_config(&helpers).env("PATH", path);
    occ.run_with(["-vvv", "sync"]).expect(0).never_says(&["s3cret"]);
    assert!(engine.files(&name).contains("file-0"));
    let asked = fs_err::read_to_string(asked).unwrap();
    assert_eq!(asked.trim().replace('\n', " "), registry.host(), "once, and for no other");
}

#[test]
fn a_login_that_is_refused_says_what_to_do() {
    let mut engine = RealEngine::connect();
    let cases = [
        ("wrong", 6, "renew them with `docker login"),
        // Without one it may as well not be there.
        ("", 1, "if the repository is private, run `docker login"),
    ];
    for (password, exit, hint) in cases {
        let (registry, name, occ) = private(&mut engine, password, "other.example");
        let occ = if password.is_empty() { occ.docker_config("{}") } else { occ };
        let run = occ.run_with(["--format", "json", "sync"]).expect(exit);
        let image = image_of(&run, "tool");
        assert!(image["error"].as_str().unwrap().contains(&registry.host()), "{run}");
        assert!(image["hints"][0].as_str().unwrap().contains(hint), "{run}");
        assert_eq!(image["failed_at"]["line"], 1, "{run}");
        assert_eq!(engine.id(&name), None);
    }
}
