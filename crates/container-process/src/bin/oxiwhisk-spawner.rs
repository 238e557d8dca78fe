//! The spawner as a program of its own, for the tests of this crate. The server starts itself as `oxiwhisk spawner`.

fn main() -> std::process::ExitCode {
    oxiwhisk_container_process::spawner::main()
}
