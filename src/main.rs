//! The `occ` program. Everything is in the library, beginning with `cli`.

fn main() -> std::process::ExitCode {
    occ::main()
}
