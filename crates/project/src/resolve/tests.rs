use super::exec::NATIVE_IMAGE;
use super::*;
use crate::code::Disk;

/// What a manifest means in a directory with a few functions.
fn resolved_with(yaml: &str, options: &Options) -> Result<Resolved, Problem> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.js"), "js").unwrap();
    std::fs::create_dir(dir.path().join("dir")).unwrap();
    std::fs::write(dir.path().join("dir/package.json"), "{}").unwrap();
    let manifest = Manifest::parse("manifest.yaml", yaml).unwrap();
    let variable = |name: &str| (name == "V").then(|| "value".to_owned());
    resolve(&manifest, dir.path(), &Disk, &variable, options)
}

fn resolved(yaml: &str) -> Resolved {
    resolved_with(yaml, &Options::default()).unwrap()
}

fn named<'a>(resolved: &'a Resolved, name: &str) -> &'a Entity {
    resolved.entities.iter().find(|entity| entity.name == name).unwrap()
}

#[test]
fn everything_of_a_package_is_made_in_order() {
    let resolved = resolved(
        r"
packages:
  p:
    inputs: {region: $V}
    rules: {r: {trigger: t, action: outer}}
    triggers: {t: {inputs: {x: 1}}}
    sequences: {inner: {actions: 'a, /ns/q/b'}, outer: {actions: [inner, other/c], web: yes}}
    actions: {a: {function: a.js, inputs: {n: 5}, limits: {timeout: 1000, memorySize: 128}}}
",
    );
    let names: Vec<String> =
        resolved.entities.iter().map(|entity| format!("{} {}", entity.kind, entity.name)).collect();
    assert_eq!(
        names,
        ["package p", "action p/a", "sequence p/inner", "sequence p/outer", "trigger t", "rule r"]
    );
    let action = &named(&resolved, "p/a").document;
    assert_eq!(action["exec"], json!({"kind": "nodejs:default", "code": "js"}));
    assert_eq!(action["limits"], json!({"timeout": 1000, "memory": 128}));
    assert_eq!(named(&resolved, "p/inner").document["exec"]["components"], json!(["/_/p/a", "/ns/q/b"]));
    assert_eq!(
        named(&resolved, "p/outer").document["exec"]["components"],
        json!(["/_/p/inner", "/_/other/c"])
    );
    assert_eq!(named(&resolved, "r").document["action"], "/_/p/outer");
    assert_eq!(named(&resolved, "p").document["parameters"], json!([{"key": "region", "value": "value"}]));
}

#[test]
fn a_sequence_comes_after_its_parts() {
    let yaml = "packages: {default: {sequences: {a: {actions: b}, b: {actions: c}, c: {actions: x}}}}";
    let names: Vec<String> = resolved(yaml).entities.into_iter().map(|entity| entity.name).collect();
    assert_eq!(names, ["c", "b", "a"]);
}

#[test]
fn a_deployment_file_and_the_command_line_override_inputs() {
    let yaml = "packages: {p: {actions: {a: {function: a.js, inputs: {x: 1, y: 2, z: 3}}}}}";
    let over = "packages: {p: {actions: {a: {inputs: {y: 20}, annotations: {note: $V}}}}}";
    let options = Options {
        deployment: Some(Manifest::parse("deployment.yaml", over).unwrap()),
        overrides: Map::from_iter([("z".to_owned(), json!(30))]),
        ..Options::default()
    };
    let resolved = resolved_with(yaml, &options).unwrap();
    let action = named(&resolved, "p/a");
    let expected = json!([{"key": "x", "value": 1}, {"key": "y", "value": 20}, {"key": "z", "value": 30}]);
    assert_eq!(action.document["parameters"], expected);
    assert_eq!(action.annotation("note"), Some(&json!("value")));
}

#[test]
fn a_feed_is_told_the_inputs_of_its_trigger() {
    let resolved =
        resolved("packages: {p: {triggers: {t: {feed: /whisk.system/alarms/alarm, inputs: {cron: x}}}}}");
    let trigger = named(&resolved, "t");
    let feed = trigger.feed.as_ref().unwrap();
    assert_eq!((feed.action.as_str(), &feed.inputs["cron"]), ("/whisk.system/alarms/alarm", &json!("x")));
    assert_eq!(trigger.annotation("feed"), Some(&json!("/whisk.system/alarms/alarm")));
    assert!(trigger.document.get("parameters").is_none());
}

#[test]
fn directories_images_and_code_are_actions() {
    let resolved = resolved(
        r"
packages:
  default:
    actions:
      d: {function: dir}
      i: {docker: me/image}
      n: {function: a.js, native: true}
      c: {code: 'function main() {}', runtime: nodejs, main: other, web-export: raw, conductor: true}
",
    );
    assert_eq!(named(&resolved, "d").document["exec"]["kind"], "nodejs:default");
    assert_eq!(named(&resolved, "i").document["exec"], json!({"kind": "blackbox", "image": "me/image"}));
    assert_eq!(named(&resolved, "n").document["exec"]["image"], NATIVE_IMAGE);
    let inline = named(&resolved, "c");
    assert_eq!(
        (&inline.document["exec"]["kind"], &inline.document["exec"]["main"]),
        (&json!("nodejs:default"), &json!("other"))
    );
    assert_eq!(inline.annotation("raw-http"), Some(&json!(true)));
    assert_eq!(inline.annotation("conductor"), Some(&json!(true)));
}

#[test]
fn runtimes_that_the_server_has_not_are_replaced_or_refused() {
    let runtimes =
        json!({"runtimes": {"nodejs": [{"kind": "nodejs:20"}, {"kind": "nodejs:6", "deprecated": true}]}});
    let yaml = "packages: {p: {actions: {a: {function: a.js, runtime: 'nodejs:6'}}}}";
    let options = Options { runtimes, ..Options::default() };
    let replaced = resolved_with(yaml, &options).unwrap();
    assert_eq!(named(&replaced, "p/a").document["exec"]["kind"], "nodejs:default");
    assert!(replaced.warnings[0].contains("nodejs:6"), "{:?}", replaced.warnings);
    let refused = resolved_with(yaml, &Options { strict: true, ..options }).unwrap_err().to_string();
    assert!(refused.starts_with("packages.p.actions.a: ") && refused.contains("nodejs:20"), "{refused}");
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    for (yaml, place, part) in [
        ("packages: {p: {actions: {a: {}}}}", "packages.p.actions.a", "a function, code"),
        ("packages: {p: {actions: {a: {function: none.js}}}}", "packages.p.actions.a", "none.js"),
        ("packages: {p: {actions: {a: {function: a.js, web: maybe}}}}", "packages.p.actions.a", "'maybe'"),
        (
            "packages: {p: {actions: {a: {function: a.js, require-whisk-auth: -1}}}}",
            "packages.p.actions.a",
            "a number",
        ),
        ("packages: {p: {sequences: {s: {actions: ''}}}}", "packages.p.sequences.s", "has actions"),
        (
            "packages: {p: {dependencies: {d: {location: x}}}}",
            "packages.p.dependencies.d",
            "/NAMESPACE/PACKAGE",
        ),
        ("packages: {'$NONE': {}}", "packages", "no name"),
    ] {
        let problem = resolved_with(yaml, &Options::default()).unwrap_err();
        assert_eq!(problem.place, place, "{problem}");
        assert!(problem.reason.contains(part), "{problem}");
    }
}

#[test]
fn bindings_apis_and_repositories_are_told_apart() {
    let resolved = resolved(
        r"
project:
  name: x
  inputs: {PKG: named}
  packages:
    $PKG:
      dependencies:
        alarms: {location: /whisk.system/alarms, inputs: {a: 1}}
        far: {location: github.com/a/b, version: v1}
      apis: {api: {base: {path: {a: get, b: {method: POST, response: http}}}}}
",
    );
    assert_eq!(
        named(&resolved, "alarms").document["binding"],
        json!({"namespace": "whisk.system", "name": "alarms"})
    );
    assert_eq!(
        resolved.repositories,
        [("far".to_owned(), "github.com/a/b".to_owned(), Some("v1".to_owned()))]
    );
    assert_eq!(resolved.apis.len(), 2);
    assert_eq!((resolved.apis[1].method.as_str(), resolved.apis[1].action.as_str()), ("post", "named/b"));
}

#[test]
fn what_an_api_reaches_becomes_a_web_action() {
    let yaml = "packages: {p: {actions: {a: {function: a.js}}, apis: {api: {/b: {/p: {a: get}}}}}}";
    let resolved = resolved(yaml);
    assert_eq!(named(&resolved, "p/a").annotation("web-export"), Some(&json!(true)));
    let refused = resolved_with(&yaml.replace("a.js", "a.js, web: 'no'"), &Options::default()).unwrap_err();
    assert!(refused.reason.contains("not a web action"), "{refused}");
}

#[test]
fn yes_of_older_yaml_is_true_where_truths_stand() {
    let yaml = "packages: {p: {actions: {a: {function: a.js, annotations: {web-export: yes, note: yes}}}}}";
    let resolved = resolved(yaml);
    let action = named(&resolved, "p/a");
    assert_eq!(
        (action.annotation("web-export"), action.annotation("note")),
        (Some(&json!(true)), Some(&json!("yes")))
    );
}
