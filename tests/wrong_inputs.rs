//! What somebody who has never seen occ may do wrong, and what each message has to have: where
//! it is wrong, and what to do next. No engine answers in any of them.

use crate::support::occ::Occ;

/// One way to go wrong.
struct Wrong {
    /// A manifest, its part behind `version = 1`; none where there is no file.
    manifest: Option<&'static str>,
    /// The command line.
    arguments: &'static str,
    exit: i32,
    /// The place, and the next step.
    says: [&'static str; 2],
}

const fn file(manifest: &'static str, says: [&'static str; 2]) -> Wrong {
    Wrong { manifest: Some(manifest), arguments: "check", exit: 65, says }
}

const fn line(arguments: &'static str, says: [&'static str; 2]) -> Wrong {
    Wrong { manifest: Some(GOOD), arguments, exit: 64, says }
}

const GOOD: &str = "[images.tool]\nname = \"acme/tool\"\nregistries = [\"ghcr.io\"]\n";

const ALL: [Wrong; 40] = [
    // The file.
    Wrong {
        manifest: None,
        arguments: "sync",
        exit: 65,
        says: ["there is no `opencode.toml` here", "`occ init` writes one"],
    },
    Wrong {
        manifest: None,
        arguments: "sync --manifest x.toml",
        exit: 65,
        says: ["`x.toml`", "`occ init"],
    },
    Wrong {
        manifest: Some(GOOD),
        arguments: "init",
        exit: 1,
        says: ["`opencode.toml`: it is there already", "`occ init --force` overwrites it"],
    },
    file("", ["opencode.toml:1", "[images."]),
    file("[images]\n", ["opencode.toml:2", "[images."]),
    file("images.tool = \"acme/tool:1\"\n", ["opencode.toml:2:15", "must be a table"]),
    file("[images.tool]\nname = \"acme/tool:1.4\"\n", ["opencode.toml:3:8", "tag = \"1.4\""]),
    file("[images.tool]\nname = \"acme/tool\n", ["opencode.toml:3", "\""]),
    file("[images.tool]\ntag = \"1\"\n", ["opencode.toml:2", "name"]),
    file("[images.Tool]\nname = \"acme/tool\"\n", ["opencode.toml:2:9", "lower"]),
    file("[images.tool]\nname = \"Acme/Tool\"\n", ["opencode.toml:3:8", "lower case"]),
    file(
        "[images.tool]\nname = \"acme/tool\"\nregistrys = [\"ghcr.io\"]\n",
        ["opencode.toml:4:1", "did you mean `registries`?"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nregistries = \"ghcr.io\"\n",
        ["opencode.toml:4:14", "array"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nregistries = [\"https://ghcr.io\"]\n",
        ["opencode.toml:4:15", "ghcr.io"],
    ),
    file("[images.tool]\nname = \"acme/tool\"\nregistries = []\n", ["opencode.toml:", "build"]),
    file(
        "[images.tool]\nname = \"acme/tool\"\nstrategy = \"push\"\n",
        ["opencode.toml:4:12", "`pull-then-build`"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nstrategy = \"build\"\n",
        ["opencode.toml:4:12", "[images.tool.build]"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\npull_policy = \"build\"\n",
        ["opencode.toml:4:15", "strategy"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\ndigest = \"latest\"\n",
        ["opencode.toml:4:10", "sha256:"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nplatform = \"arm64\"\n",
        ["opencode.toml:4:12", "linux/arm64"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nbuild = \".\"\n",
        ["opencode.toml:4:9", "context = \".\""],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nbuild = { context = \"..\" }\n",
        ["opencode.toml:4:21", "repository"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nbuild = { context = \".\", args = { TAG = \"${TAG}\" } }\n",
        ["opencode.toml:4:", "`${env:NAME}`"],
    ),
    file(
        "[images.tool]\nname = \"acme/tool\"\nbuild = { context = \".\", secrets = [\"token\"] }\n",
        ["opencode.toml:4:", "id ="],
    ),
    file(
        "[images.a]\nname = \"acme/tool\"\n[images.b]\nname = \"acme/tool\"\n",
        ["opencode.toml:5", "`images.a.name` in line 3"],
    ),
    file("[retry]\nattempts = 0\n[images.a]\nname = \"a\"\n", ["opencode.toml:3:12", "1 to 1000"]),
    file("[timeouts]\nstall = 30\n[images.a]\nname = \"a\"\n", ["opencode.toml:3:9", "30s"]),
    file("[image.tool]\nname = \"acme/tool\"\n", ["opencode.toml:2:2", "did you mean `images`?"]),
    // The command line.
    line("snyc", ["snyc", "sync"]),
    line("sync tol", ["`tol`", "`tool`"]),
    line("sync --lock", ["--lock", "--lock"]),
    line("sync --locked --strategy push", ["push", "pull-then-build"]),
    line("sync --timeout 5", ["--timeout", "2s"]),
    line("sync --progress bars", ["bars", "plain"]),
    line("sync --allow token", ["--allow", "env="]),
    line("ref", ["<ID>", "--help"]),
    line("export kubernetes", ["kubernetes", "compose"]),
    line("plan -H ftp://x", ["ftp://x", "tcp://"]),
    // What is not there.
    Wrong {
        manifest: Some(GOOD),
        arguments: "sync -H unix:///nowhere.sock",
        exit: 5,
        says: ["/nowhere.sock", "hint: "],
    },
    Wrong {
        manifest: Some(
            "[images.x]\nname = \"x\"\nbuild = { context = \".\", args = { A = \"${env:CHANNEL}\" } }\n",
        ),
        arguments: "sync",
        exit: 64,
        says: ["opencode.toml:4", "`--allow env=CHANNEL`"],
    },
];

#[test]
fn each_message_has_the_place_and_the_next_step() {
    let mut wrong = Vec::new();
    for case in &ALL {
        let occ = match case.manifest {
            Some(text) => Occ::manifest(&format!("version = 1\n{text}")),
            None => Occ::new(),
        };
        let run = occ.run_with(case.arguments.split_whitespace());
        let said = format!("{}{}", run.stdout, run.stderr);
        let lacks: Vec<_> = case.says.iter().filter(|words| !said.contains(**words)).collect();
        if run.code() != case.exit || !lacks.is_empty() {
            wrong.push(format!(
                "`occ {}` on {:?}: exit {} for {}, lacks {lacks:?}\n{said}",
                case.arguments,
                case.manifest,
                run.code(),
                case.exit
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), ALL.len(), wrong.join("\n----\n"));
}
