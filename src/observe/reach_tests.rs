use super::*;
use crate::manifest::{Place, parse};
use crate::state::check::State;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::exit::ExitStatus;
use crate::words::image::Shape;

const LIMITS: Timeouts = Timeouts {
    connect: Some(Duration::from_secs(10)),
    response: None,
    patience: Some(Duration::from_secs(2)),
    stall: None,
    build: None,
};

fn digest() -> Told {
    Told::Digest(format!("sha256:{}", "a".repeat(64)).parse().unwrap(), Shape::default())
}

fn failed(class: FailureClass) -> Told {
    let hints = vec!["do better".to_owned()];
    Told::Failed(Obstacle { reason: class.words().into(), class, code: class.code(), hints })
}

fn reached(host: &str, told: Option<Told>) -> Reached {
    let reference = format!("{host}/acme/tool:1").parse().unwrap();
    let login = (host == "login.example").then(|| "/h/config.json".to_owned());
    Reached { reference, told, is_slow: false, login }
}

fn image(keys: &str) -> DesiredImage {
    let text = format!("version = 1\n[images.tool]\nname = \"acme/tool\"\ntag = \"1\"\n{keys}\n");
    let place = Place { file: "opencode.toml".into(), dir: "/r".into(), root: "/r".into() };
    parse(text.as_bytes(), &place).desired.unwrap().images.remove(0)
}

#[test]
fn a_registry_is_asked_about_the_first_thing_that_it_could_have() {
    let all = ["r.example/a:1", "s.example/b:1", "r.example/c:1", "redis", "postgres:17"];
    let one_each = one_each(all.iter().map(|it| it.parse().unwrap()));
    let names: Vec<String> = one_each.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["r.example/a:1", "s.example/b:1", "redis"]);
}

#[test]
fn each_answer_means_something_for_a_sync() {
    let check = |reached: Reached, state: State, text: &str, hint: Option<&str>| {
        let check = reached.check(LIMITS);
        assert_eq!((check.state, check.text.as_str()), (state, text));
        assert_eq!(check.hint.as_deref(), hint, "{text}");
        assert_eq!(check.exit, ExitStatus::Success, "{text}");
    };
    check(reached("r.example", Some(digest())), State::Ok, "reached without a login", None);
    let login = "reached with the login from `/h/config.json`";
    check(reached("login.example", Some(digest())), State::Ok, login, None);
    check(
        reached("r.example", Some(failed(FailureClass::NotFound))),
        State::Ok,
        "reached without a login; it has no `r.example/acme/tool:1`",
        None,
    );
    check(
        reached("r.example", Some(failed(FailureClass::AbsentOrPrivate))),
        State::Warn,
        "reached without a login; `r.example/acme/tool:1`: absent or private",
        Some("do better"),
    );
    check(
        reached("login.example", Some(failed(FailureClass::Denied))),
        State::Warn,
        "denied, asked with the login from `/h/config.json`",
        Some("do better"),
    );
    check(
        reached("r.example", None),
        State::Warn,
        "no answer within 10s, asked without a login",
        Some("a silent source is overtaken by the next one in its list"),
    );
    check(
        Reached { is_slow: true, ..reached("r.example", Some(digest())) },
        State::Warn,
        "reached without a login, but it took longer than 2s",
        Some("sync asks the next source beside it; `patience` says after how long"),
    );
    let unknown = reached("r.example", Some(Told::Unavailable)).check(LIMITS);
    assert_eq!((unknown.state, unknown.about.as_deref()), (State::Ok, Some("r.example")));
}

#[test]
fn docker_hub_without_a_login_comes_with_a_word_about_its_limit() {
    let hint = |check: Check| check.hint.unwrap_or_default().contains("`docker login`");
    let hub = reached("docker.io", Some(digest()));
    assert!(hint(hub.check(LIMITS)) && hint(not_asked("docker.io", None)));
    let known = Reached { login: Some("x".into()), ..hub };
    assert!(!hint(known.check(LIMITS)) && !hint(not_asked("docker.io", Some("x"))));
    assert!(!hint(not_asked("r.example", None)));
}

#[test]
fn an_image_fails_only_where_no_source_can_serve_and_nothing_stands_in() {
    use FailureClass as C;
    let down = |class| reached("r.example", Some(failed(class)));
    let told = |keys: &str, reached: &[Reached], other: Else| {
        unserved(&image(keys), reached, other).map(|check| (check.state, check.exit, check.code))
    };
    let one = "registries = [\"r.example\"]";
    let two = "registries = [\"r.example\", \"s.example\"]";
    let fails = |exit, code| Some((State::Fail, exit, Some(code)));
    let warns = Some((State::Warn, ExitStatus::Success, None));
    let none = Else::default();

    assert_eq!(told(one, &[down(C::Server)], none), fails(ExitStatus::Transient, Code::Registry));
    assert_eq!(told(one, &[down(C::Denied)], none), fails(ExitStatus::Denied, Code::Denied));
    let silent = reached("r.example", None);
    assert_eq!(told(one, &[silent], none), fails(ExitStatus::Transient, Code::NoAnswer));
    // It answered: what it lacks is not a matter of the way there.
    assert_eq!(told(one, &[down(C::NotFound)], none), None);
    assert_eq!(told(one, &[reached("r.example", Some(Told::Unavailable))], none), None);

    let other = |told| vec![down(C::Denied), reached("s.example", Some(told))];
    assert_eq!(told(two, &other(digest()), none), None, "the other one serves");
    let both = other(failed(C::Server));
    assert_eq!(told(two, &both, none), fails(ExitStatus::Transient, Code::Registry));

    let held = Else { is_held: true, ..none };
    assert_eq!(told(one, &[down(C::Server)], held), warns);
    let built = format!("{one}\nbuild = {{}}");
    assert_eq!(told(&built, &[down(C::Server)], none), warns);
    assert_eq!(told(&built, &[down(C::Denied)], none), fails(ExitStatus::Denied, Code::Denied));
    let digest = format!("{one}\ndigest = \"sha256:{}\"\nbuild = {{}}", "a".repeat(64));
    assert_eq!(told(&digest, &[down(C::Server)], none), warns);
    let locked = Else { is_locked: true, ..none };
    assert_eq!(
        told(&digest, &[down(C::Server)], locked),
        fails(ExitStatus::Transient, Code::Registry)
    );
    assert_eq!(told(&built, &[down(C::Server)], locked), warns, "nothing is locked");
    // Nobody asks for what is only built.
    let only = format!("{built}\nstrategy = \"build\"");
    assert_eq!(told(&only, &[down(C::Server)], none), None);
}
