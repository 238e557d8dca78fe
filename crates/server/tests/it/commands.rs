//! The commands that look and do not serve.

use crate::program::run;

#[test]
fn doctor_says_what_works_in_json_and_by_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let ended = run(&["doctor", "--json", "--port", "0", "--data-dir", data_dir]);
    let value: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let code = match value["verdict"].as_str().unwrap() {
        "works" => 0,
        "degraded" => 1,
        "broken" => 2,
        other => panic!("verdict '{other}'"),
    };
    assert_eq!(ended.code, code);
    let probes = value["probes"].as_array().unwrap();
    for name in ["configuration", "port", "open files", "data directory"] {
        assert!(probes.iter().any(|probe| probe["name"] == name), "no probe '{name}'");
    }
    for probe in probes.iter().filter(|probe| probe["verdict"] != "works") {
        assert_ne!(probe["detail"], "", "{probe}");
        assert_ne!(probe["remedy"], "", "{probe}");
    }
}

#[test]
fn doctor_looks_at_the_rest_where_the_configuration_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let ended = run(&["doctor", "--set", "server.prot=1", "--port", "0", "--data-dir", data_dir]);
    assert_eq!(ended.code, 2);
    assert!(ended.stdout.contains("did you mean server.port?"), "{}", ended.stdout);
    assert!(ended.stdout.contains("seccomp"), "{}", ended.stdout);
}

#[test]
fn check_config_finds_faults_without_starting_anything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("oxiwhisk.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "[server]\nport = 80\n").unwrap();
    assert_eq!(run(&["check-config", path]).code, 0);
    std::fs::write(&file, "[server]\nport = 80000\n").unwrap();
    let ended = run(&["check-config", path]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("it must be between 0 and 65535"), "{}", ended.stderr);
}

#[test]
fn config_reference_prints_the_page() {
    let ended = run(&["config-reference"]);
    assert_eq!(ended.code, 0);
    assert!(ended.stdout.starts_with("# Configuration\n"));
    assert!(ended.stdout.contains("- Variable: `OXIWHISK_SERVER__PORT`"));
}
