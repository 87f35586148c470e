//! The `occ` program. Everything is in the library, beginning with `cli`.

/// With musl's own, looking through many files takes a third longer.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> std::process::ExitCode {
    occ::main()
}
