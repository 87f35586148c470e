//! What holds over the whole source tree: the floors, and who may say what.

use super::Source;

/// Every module, the floor that it stands on, and what it may name of the crate
/// beside itself. Of several entries that fit, the longest counts.
pub(super) const FLOORS: &[(&str, u8, &[&str])] = &[
    ("words", 0, &[]),
    ("manifest", 1, &["words", "state", "plan", "retry", "ignore"]),
    ("state", 1, &["words", "manifest", "plan", "retry", "ignore"]),
    ("plan", 1, &["words", "state", "manifest", "retry", "ignore"]),
    ("lock", 1, &["words", "state", "manifest"]),
    ("retry", 1, &["words", "state", "manifest", "plan", "ignore"]),
    // What an ignore file says decides nothing but itself, so adapters may ask it.
    ("ignore", 1, &["words"]),
    ("signature", 1, &["words", "state"]),
    ("engine", 2, &["words"]),
    ("engine::docker", 3, &["words", "engine", "engine::credentials", "buildkit"]),
    ("buildkit", 3, &["words", "engine", "ignore"]),
    ("engine::credentials", 3, &["words", "engine"]),
    ("registry", 3, &["words", "engine", "engine::credentials"]),
    ("context", 3, &["words", "engine", "ignore"]),
    ("observe", 4, BELOW_USE_CASES),
    ("resolve", 4, BELOW_USE_CASES),
    ("execute", 4, BELOW_USE_CASES),
    ("render", 5, &["words", "manifest", "state", "plan", "retry", "lock", "execute::report"]),
    ("import", 5, &["words", "manifest", "context"]),
    ("cli", 6, &[""]),
    ("fuzz", 6, &[""]),
    ("library", 6, &[""]),
    ("lib", 6, &[""]),
    ("main", 6, &[""]),
];

const BELOW_USE_CASES: &[&str] = &[
    "words",
    "manifest",
    "state",
    "plan",
    "retry",
    "ignore",
    "signature",
    "engine",
    "engine::docker",
    "engine::credentials",
    "context",
    "registry",
    "lock",
    "observe",
    "execute",
];

/// Words that only some modules may say, and why.
pub(super) const ONLY: &[Only] = &[
    (&["bollard"], |s| s.is_in("engine::docker"), "only `engine/docker` knows the client library"),
    (
        &["bollard_buildkit_proto", "tonic", "prost"],
        |s| s.is_in("buildkit"),
        "only `buildkit` speaks gRPC",
    ),
    (&["indicatif"], |s| s.is_in("render::tty"), "only `render/tty` draws bars"),
    (&["clap"], |s| s.is_in("cli"), "only `cli` reads the command line"),
    (
        &["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()"],
        |s| s.floor().is_none_or(|floor| floor >= 5),
        "only floors 5 and 6 speak; below, events and results are returned",
    ),
    (
        &["wait_before", "take_round"],
        |s| s.is_in("execute::pull") || s.is_in("retry"),
        "only `execute/pull` retries sources",
    ),
    (
        &["once_more"],
        |s| {
            let these = ["observe", "execute::place", "resolve::by_pulling"];
            these.iter().any(|module| s.is_in(module))
        },
        "a broken connection is tried once more for what may as well be done twice, and there alone",
    ),
    (
        &["sleep", "sleep_until"],
        |s| {
            let these = ["execute::pull", "execute::alive", "execute::lock"];
            let more = ["engine::credentials", "cli::signal", "execute::tests"];
            // On Windows.
            let pipe = ["engine::docker::connector"];
            these.iter().chain(&more).chain(&pipe).any(|module| s.is_in(module))
        },
        "waiting is for a further round, an engine that restarts, a lock, a helper, a pipe, and the deadline",
    ),
    (
        &["classify::", "class_of"],
        |s| s.is_in("engine::docker"),
        "only `engine/docker` makes a class of an engine's text",
    ),
    (
        &["async", "await", "tokio", "futures_util", "fs_err", "SystemTime", "Instant"],
        |s| s.floor().is_none_or(|floor| floor >= 2),
        "floors 0 and 1 decide; they don't wait, read, or look at a clock",
    ),
];

/// Modules of the standard library that floors 0 and 1 leave alone, for the same reason.
pub(super) const WORLD: &[&str] = &["env", "fs", "net", "process::Command", "thread", "os"];

/// The words, who may say them, and why nobody else.
pub(super) type Only = (&'static [&'static str], fn(&Source) -> bool, &'static str);

/// What stands nowhere, tests and comments included.
pub(super) const NOWHERE: &[&str] =
    &["todo!", "unimplemented!", "dbg!", "FIXME", "XXX", "#[ignore", "allow(dead_code"];
