//! Who may see whom.

use crate::{crates, name, none, read};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const ROLES: [&str; 3] = ["controller", "scheduler", "invoker"];
const PORTS: [&str; 4] = ["store", "coordination", "container", "rpc"];

struct Package {
    /// Without `oxiwhisk-`.
    name: String,
    floor: Option<u64>,
    /// Those of the workspace, and whether they are for tests only.
    dependencies: Vec<(String, bool)>,
}

impl Package {
    fn sees(&self, name: &str) -> bool {
        self.dependencies.iter().any(|(dependency, dev)| !dev && dependency == name)
    }

    fn is_bench(&self) -> bool {
        self.name == "bench" || self.name.starts_with("bench-")
    }

    fn is_back_end(&self) -> bool {
        PORTS.iter().any(|port| self.name.starts_with(&format!("{port}-")))
    }
}

fn packages() -> Vec<Package> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(arguments).current_dir(oxiwhisk_xtask::root()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    metadata["packages"].as_array().expect("a list of packages").iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let dependency = |value: &Value| {
        let name = value["name"].as_str()?.strip_prefix("oxiwhisk-")?;
        Some((name.to_owned(), value["kind"] == "dev"))
    };
    let dependencies = value["dependencies"].as_array().expect("a list of dependencies");
    Package {
        name: value["name"].as_str().unwrap_or_default().trim_start_matches("oxiwhisk-").to_owned(),
        floor: value["metadata"]["oxiwhisk"]["floor"].as_u64(),
        dependencies: dependencies.iter().filter_map(dependency).collect(),
    }
}

#[test]
fn dependencies_go_strictly_down() {
    let packages = packages();
    let floors: BTreeMap<&str, u64> =
        packages.iter().filter_map(|package| Some((&*package.name, package.floor?))).collect();
    let mut broken = Vec::new();
    for package in &packages {
        let Some(floor) = package.floor else {
            broken.push(format!("{} has no [package.metadata.oxiwhisk] floor", package.name));
            continue;
        };
        for (dependency, _) in package.dependencies.iter().filter(|(_, dev)| !dev) {
            match floors.get(&**dependency) {
                Some(below) if *below < floor => {}
                below => broken.push(format!("{} ({floor}) sees {dependency} ({below:?})", package.name)),
            }
        }
    }
    none(&broken, "a dependency goes to a lower floor");
}

#[test]
fn the_test_kit_is_for_tests_of_the_upper_floors() {
    let uses = |package: &Package| {
        package.dependencies.iter().any(|(dependency, dev)| {
            dependency == "testkit" && (!dev || package.floor.is_some_and(|floor| floor <= 2))
        })
    };
    let tests_only = |package: &Package| package.name.starts_with("test-") || package.is_bench();
    let broken: Vec<String> = packages()
        .into_iter()
        .filter(|package| uses(package) && !tests_only(package))
        .map(|package| package.name)
        .collect();
    none(&broken, "testkit is a dev-dependency, and only above the ports");
}

#[test]
fn a_back_end_sees_one_port_and_only_node_sees_back_ends_and_roles() {
    let packages = packages();
    let back_ends: Vec<&str> =
        packages.iter().filter(|package| package.is_back_end()).map(|package| &*package.name).collect();
    let mut broken = Vec::new();
    for package in &packages {
        let ports = PORTS.iter().filter(|port| package.sees(port)).count();
        if package.is_back_end() && ports != 1 {
            broken.push(format!("back end {} sees {ports} ports", package.name));
        }
        let role = ROLES.iter().any(|role| package.sees(role));
        let back_end = back_ends.iter().any(|back_end| package.sees(back_end));
        if role && back_end && package.name != "node" && !package.is_bench() {
            broken.push(format!("{} sees roles and back ends", package.name));
        }
    }
    none(&broken, "one port for each back end, one place for the choice");
}

#[test]
fn a_directory_has_the_name_of_its_crate_and_the_lints_of_the_workspace() {
    let mut broken = Vec::new();
    for dir in crates() {
        let name = name(&dir);
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        if !manifest.contains(&format!("name = \"oxiwhisk-{name}\"")) {
            broken.push(format!("crates/{name} is not named oxiwhisk-{name}"));
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            broken.push(format!("crates/{name} does not take the lints of the workspace"));
        }
    }
    none(&broken, "every crate is like the others");
}

/// A crate's own `clippy.toml` replaces the root's instead of adding to it.
#[test]
fn the_engine_repeats_the_clippy_file_of_the_root() {
    let engine = read("crates/engine/clippy.toml");
    let broken: Vec<String> = read("clippy.toml")
        .lines()
        .filter(|line| !engine.lines().any(|own| own == *line))
        .map(str::to_owned)
        .collect();
    none(&broken, "missing in crates/engine/clippy.toml");
}
