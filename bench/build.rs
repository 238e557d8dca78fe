//! The function that the benchmarks upload is linked without symbols, as one would upload it: they would be most of it, and
//! unpacking them most of its first run.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bin=oxiwhisk-bench-function=-s");
}
