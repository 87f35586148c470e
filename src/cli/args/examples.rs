//! What stands at the end of a command's help: lines to copy. A test reads each with the parser.

pub(super) const ALL: &str = "\
Examples:
  occ init && occ plan     begin, and see what it means
  occ sync                 make the engine hold what the manifest declares
  occ sync --locked        the same in CI: the exact bytes, or exit code 3

Exit codes: 0 in sync, 1 an image failed, 2 changes pending (--check, --detailed-exitcode), \
3 the lock is not fresh, 4 verification failed, 5 engine unusable, 6 credentials refused, 7 only \
passing failures (run it again), 64 bad command line or no consent, 65 bad manifest or lock, \
130 interrupted.";

pub(super) const INIT: &str = "\
Examples:
  occ init                        for the opencode image
  occ init --from compose.yaml    the images of the services
  occ init --from Dockerfile      an image that is built here
  occ init --ci github            a workflow that syncs, and proposes newer pins";

pub(super) const PLAN: &str = "\
Examples:
  occ plan                       all images
  occ plan tool                  one, and what it is built on
  occ plan --detailed-exitcode   exit code 2 when there is something to do
  occ plan --refresh             also tell which tags moved";

pub(super) const SYNC: &str = "\
Examples:
  occ sync                          all images
  occ sync tool app                 two, and what they are built on
  occ sync --locked                 only the bytes of the lock
  occ sync --offline                no registry
  occ sync --strategy build app     build it, although a registry has it
  occ sync --allow env=CHANNEL      let the build read that variable
  occ sync --format json            the result as a document on stdout";

pub(super) const STATUS: &str = "\
Examples:
  occ status            what is in sync and what is not; asks no registry
  occ status --check    exit code 2 when something is not";

pub(super) const REF: &str = "\
Examples:
  docker run --rm \"$(occ ref tool)\"    exactly the bytes that were proven
  occ ref tool --tag                   its local name";

pub(super) const EXPORT: &str = "\
Examples:
  occ export compose > compose.images.yaml    then: docker compose -f compose.yaml -f compose.images.yaml up
  occ export env tool                         OCC_IMAGE_TOOL=...";

pub(super) const LOCK: &str = "\
Examples:
  occ lock                      lock what is not locked yet
  occ lock --upgrade            move every pin to what the tags stand for now
  occ lock --upgrade tool -n    what that would move for one image
  occ lock --check              exit code 3 unless the lock says what the manifest says";

pub(super) const FILES: &str = "\
Examples:
  occ files app                          how much is sent, the largest files, what is ignored
  occ files app --explain src/main.rs    the line that decides about a path
  occ files app --list0 | xargs -0 ls    every file, for programs";

pub(super) const WHY: &str = "\
Examples:
  occ why tool              all that decides about one image; asks no registry
  occ why tool --refresh    also ask its sources what they have";

pub(super) const DOCTOR: &str = "\
Examples:
  occ doctor                  all of it
  occ doctor --quiet          only what is not as it should be
  occ doctor --format json    the same for programs";

pub(super) const TRUST: &str = "\
Examples:
  occ trust             allow what the manifest asks for now
  occ trust --show      what it asks for, and what is allowed
  occ trust --revoke    take it back";

pub(super) const EXPLAIN: &str = "\
Examples:
  occ explain               all codes, with a line each
  occ explain OCC-DENIED    what that one means, and what to do";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(occ completions bash)                                in ~/.bashrc
  source <(occ completions zsh)                                 in ~/.zshrc
  occ completions fish | source                                 in ~/.config/fish/config.fish
  occ completions powershell | Out-String | Invoke-Expression   in $PROFILE";
