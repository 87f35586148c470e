//! Builds with the `BuildKit` of the real engine.

mod choice;
mod ends;
mod failures;
mod handed;
mod sending;
mod steps;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, table};

/// The first stage of a Dockerfile whose steps can run something.
const SHELL: &str = "FROM scratch AS shell\n\
    COPY busybox /bin/\n\
    SHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n";

/// A line that makes what is run behind it another test's with every call.
fn mark() -> String {
    format!("ENV MARK={}\n", unique())
}

/// An image `tool` that is built from a Dockerfile in `ctx`, with more of its `build` table.
fn tool(engine: &RealEngine, name: &str, more: &str, dockerfile: &str) -> Occ {
    let build = format!("build = {{ context = \"ctx\"{more} }}");
    Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", name, &build)))
        .args(["-H", engine.host()])
        .file("ctx/Dockerfile", dockerfile)
}

/// The same with [`SHELL`] in front, and the program for it; steps have no network.
fn with_shell(engine: &RealEngine, name: &str, more: &str, dockerfile: &str) -> Occ {
    let dockerfile = format!("{SHELL}{}{dockerfile}", mark());
    let busybox = fs_err::read("/bin/busybox").expect("busybox-static is installed");
    let occ = tool(engine, name, &format!(", network = \"none\"{more}"), &dockerfile);
    let occ = occ.file("ctx/busybox", busybox);
    let mode = PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(occ.work().join("ctx/busybox"), mode).unwrap();
    occ
}

/// What `--progress json` told.
fn events(run: &Run) -> Vec<Value> {
    run.events()
}

/// What is behind a name, which goes in the end even if it loses the name.
fn held(engine: &mut RealEngine, name: &str) -> String {
    let id = engine.id(name).unwrap();
    engine.clean_up(id.clone());
    id
}
