//! `wsk project`: manifests in the forms that public projects have, deployed, changed and taken away.

use oxiwhisk_test_e2e::{Api, Options, SYSTEM, Server, Wsk};
use serde_json::{Value, json};

/// A feed that takes whatever it is told; it fails where it is told to.
const FEED: &str = "function main(p) { if (p.fail) return {error: 'no'}; return {did: p.lifecycleEvent} }";

const HELLO: &str = "function main(p) { return {greeting: 'Hello ' + p.name} }";

/// A project with something of each kind.
const MANIFEST: &str = r"
project:
  name: demo
  packages:
    shop:
      version: 1.0
      license: Apache-2.0
      inputs: {region: eu}
      actions:
        hello: {function: src/hello.js, inputs: {name: {type: string, value: Bob}}, web: yes, limits: {timeout: 30000}}
        lib: {function: src/lib, runtime: 'nodejs:default', include: [[src/shared/*.js, shared/]], exclude: ['*.md']}
      sequences:
        both: {actions: 'hello, lib'}
      triggers:
        morning: {feed: /_/feed, inputs: {cron: '0 8 * * *'}}
        order: {inputs: {n: 1}}
      rules:
        on-order: {trigger: order, action: both}
";

/// The shapes of manifests that public projects have: templates of IBM Cloud Functions (a greeting, a reminder, what
/// follows a database or a message hub), the test cases of wskdeploy, and blueprints of others.
const FORMS: [&str; 4] = [
    // Names from inputs of the project, a binding, a sequence, a trigger with a feed in the binding.
    r"
project:
  inputs: {PACKAGE_NAME: cats}
  packages:
    $PACKAGE_NAME:
      dependencies:
        my-cloudant: {location: /whisk.system/cloudant, inputs: {username: $CLOUDANT_USER, dbname: cats}}
      triggers:
        cats-trigger: {feed: my-cloudant/changes, inputs: {dbname: cats}}
      actions:
        process-change: {function: src/hello.js, runtime: 'nodejs:8'}
      sequences:
        process-change-sequence: {actions: 'my-cloudant/read, process-change'}
      rules:
        cats-rule: {trigger: cats-trigger, action: process-change-sequence}
",
    // A package alone, with old names of keys.
    r"
package:
  name: triggerrule
  version: 1.0
  license: Apache-2.0
  actions:
    greeting: {version: 1.0, location: src/hello.js, runtime: 'nodejs:default', inputs: {name: string, place: string}, outputs: {payload: {type: string}}}
  triggers:
    locationUpdate: {source: /whisk.system/alarms/alarm, inputs: {cron: '0 * * * *'}}
  rules:
    myRule: {trigger: locationUpdate, action: greeting}
",
    // Inputs of every form, and the default package.
    r#"
packages:
  default:
    actions:
      types:
        function: src/hello.js
        inputs:
          text: plain
          typed: {type: integer, value: 5, description: a number, required: true}
          list: [1, two, {three: 3}]
          json: {type: json, value: '{"a": {"b": [true]}}'}
          default: {type: string, default: d}
          empty: boolean
      inline: {code: 'function main() { return {} }', runtime: nodejs, web-export: raw}
    sequences:
      chain: {actions: 'types,inline', web: true}
"#,
    // Packages side by side, and a reminder every few minutes.
    r"
packages:
  reminders:
    dependencies: {bell: {location: /whisk.system/alarms}}
    actions: {send: {function: src/lib, include: [[src/shared, shared]], annotations: {require-whisk-auth: secret, final: true}, web: yes}}
    triggers: {every-five: {feed: bell/alarm, inputs: {cron: '*/5 * * * *', trigger_payload: {text: $TEXT}}}}
    rules: {remind: {trigger: every-five, action: send}}
  hub:
    public: true
    actions: {consume: {function: src/hello.js, conductor: true}}
    triggers: {message: {feed: /whisk.system/messaging/kafkaFeed, inputs: {brokers: '[a]'}}}
    rules: {on-message: {trigger: message, action: hub/consume}}
",
];

struct Place {
    server: Server,
    wsk: Wsk,
}

fn place() -> Place {
    let server = Server::start(&Options::default());
    let wsk = Wsk::guest(&server);
    Api::guest(&server).put_code("feed", "nodejs:default", FEED);
    wsk.write("src/hello.js", HELLO);
    wsk.write("src/lib/package.json", "{\"main\": \"index.js\"}");
    wsk.write("src/lib/index.js", "exports.main = () => require('./shared/one.js')");
    wsk.write("src/lib/notes.md", "not code");
    wsk.write("src/shared/one.js", "module.exports = {one: 1}");
    wsk.write("manifest.yaml", MANIFEST);
    Place { server, wsk }
}

/// How many steps a deployment took: created, updated, unchanged, deleted.
fn counts(report: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "deleted"]
        .map(|change| report[change].as_u64().expect("a report counts"))
}

/// The names of everything in the namespace.
fn names(wsk: &Wsk) -> Vec<String> {
    let all = wsk.json(&["namespace", "get", "--name-sort"]);
    let of = |collection: &str| {
        let entries = all[collection].as_array().expect("a list").clone();
        entries
            .into_iter()
            .map(|entry| entry["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    ["packages", "actions", "triggers", "rules"].into_iter().flat_map(of).collect()
}

#[test]
fn a_second_deployment_changes_nothing_and_a_change_only_what_differs() {
    let Place { server, wsk } = place();
    assert_eq!(counts(&wsk.json(&["project", "deploy"])), [7, 0, 0, 0]);
    assert_eq!(counts(&wsk.json(&["project", "deploy"])), [0, 0, 7, 0]);
    let api = Api::guest(&server);
    assert_eq!(api.result("shop/hello", &json!({})), json!({"greeting": "Hello Bob"}));
    assert_eq!(api.result("shop/lib", &json!({})), json!({"one": 1}));
    assert_eq!(wsk.json(&["action", "get", "shop/hello"])["limits"]["timeout"], 30000);

    wsk.write("src/hello.js", &HELLO.replace("Hello", "Hi"));
    let preview = wsk.ok(&["project", "deploy", "--preview"]);
    let changed: Vec<&str> = preview.lines().filter(|line| !line.starts_with('=')).collect();
    assert_eq!(changed, ["~ action shop/hello  exec"]);
    assert_eq!(api.result("shop/hello", &json!({}))["greeting"], "Hello Bob", "a preview does nothing");
    assert_eq!(counts(&wsk.json(&["project", "deploy"])), [0, 1, 6, 0]);
    let said = wsk.run(&["project", "undeploy"]);
    assert!(said.out.contains("Success: Undeployment completed successfully."), "{said:?}");
    assert_eq!(names(&wsk), ["feed"]);
}

#[test]
fn cli_16_sync_takes_away_what_the_project_had_and_nothing_else() {
    let Place { server: _server, wsk } = place();
    wsk.ok(&["action", "create", "mine", "src/hello.js"]);
    wsk.write(
        "other.yaml",
        "project: {name: other, packages: {q: {actions: {o: {function: src/hello.js}}}}}",
    );
    wsk.ok(&["project", "sync", "--manifest", "other.yaml"]);
    assert_eq!(counts(&wsk.json(&["project", "sync"])), [7, 0, 0, 0]);
    let managed = wsk.json(&["action", "get", "shop/hello", "annotations"]);
    let managed = managed.as_array().unwrap().iter().find(|pair| pair["key"] == "whisk-managed").unwrap();
    assert_eq!(managed["value"]["projectName"], "demo");
    assert_eq!(managed["value"]["projectHash"].as_str().unwrap().len(), 40);

    let less = MANIFEST.split("      rules:").next().unwrap().replace("hello, lib", "hello");
    wsk.write("manifest.yaml", &less);
    assert_eq!(counts(&wsk.json(&["project", "sync"])), [0, 1, 5, 1]);
    wsk.ok(&["project", "undeploy", "--projectname", "demo"]);
    assert_eq!(names(&wsk), ["q", "feed", "mine", "o"]);
}

#[test]
fn what_is_exported_is_the_same_when_it_is_deployed() {
    let Place { server, wsk } = place();
    wsk.ok(&["project", "sync"]);
    wsk.ok(&["project", "export", "--projectname", "demo", "--manifest", "copy/manifest.yaml"]);
    let before = wsk.json(&["action", "get", "shop/hello"]);
    wsk.ok(&["project", "undeploy", "--projectname", "demo"]);
    wsk.ok(&["project", "deploy", "--manifest", "copy/manifest.yaml"]);
    let after = wsk.json(&["action", "get", "shop/hello"]);
    for field in ["exec", "limits", "parameters"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    let api = Api::guest(&server);
    assert_eq!(api.result("shop/lib", &json!({})), json!({"one": 1}));
    assert_eq!(wsk.json(&["rule", "get", "on-order"])["status"], "active");
}

#[test]
fn a_package_from_a_repository_is_cloned_once_and_goes_with_the_project() {
    let Place { server, wsk } = place();
    wsk.write("theirs/manifest.yaml", "packages: {theirs: {actions: {far: {function: far.js}}}}");
    wsk.write("theirs/far.js", "function main() { return {far: 1} }");
    let theirs = wsk.directory().join("theirs");
    let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    for command in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "first"]]
    {
        let git = std::process::Command::new("git").current_dir(&theirs).args(author).args(command).status();
        assert!(git.unwrap().success(), "git {command:?}");
    }
    let location = format!("file://{}", theirs.display());
    wsk.write(
        "manifest.yaml",
        &format!("packages: {{own: {{dependencies: {{near: {{location: '{location}'}}}}}}}}"),
    );
    assert_eq!(counts(&wsk.json(&["project", "deploy"])), [3, 0, 0, 0]);
    assert_eq!(Api::guest(&server).result("near/far", &json!({})), json!({"far": 1}));
    assert_eq!(counts(&wsk.json(&["project", "deploy"])), [0, 0, 3, 0]);
    wsk.ok(&["project", "undeploy"]);
    assert_eq!(names(&wsk), ["feed"]);

    wsk.write("manifest.yaml", "packages: {own: {dependencies: {gone: {location: 'file:///no/such'}}}}");
    let said = wsk.run(&["project", "deploy"]);
    assert!(said.code == 1 && said.err.contains("file:///no/such"), "{said:?}");
}

#[test]
fn a_failure_names_the_step_and_what_was_not_tried() {
    let Place { server: _server, wsk } = place();
    wsk.write("manifest.yaml", &MANIFEST.replace("cron: '0 8 * * *'", "fail: true"));
    let said = wsk.run(&["project", "deploy", "--output", "json"]);
    assert_eq!(said.code, 246, "{said:?}");
    assert!(said.err.contains("Unable to create trigger 'morning'"), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&report["failed"], &report["notTried"]), (&json!(1), &json!(1)), "{report:#}");
    // A trigger whose feed does not feed it is none.
    assert!(!names(&wsk).contains(&"morning".to_owned()));

    wsk.write("manifest.yaml", &MANIFEST.replace("src/hello.js", "src/none.js"));
    let said = wsk.run(&["project", "deploy"]);
    assert!(said.err.contains("manifest.yaml: packages.shop.actions.hello: function"), "{said:?}");
    assert!(said.err.contains("src/none.js"), "{said:?}");
}

#[test]
fn manifests_in_the_forms_of_public_projects_deploy_and_undeploy_cleanly() {
    let Place { server, wsk } = place();
    let system = Api::new(server.address(), SYSTEM);
    for (package, actions) in
        [("alarms", &["alarm"][..]), ("messaging", &["kafkaFeed"]), ("cloudant", &["changes", "read"])]
    {
        let made = system.send("PUT", &format!("/packages/{package}"), Some(&json!({"publish": true})));
        assert_eq!(made.status, 200, "{}", made.text());
        actions
            .iter()
            .for_each(|action| drop(system.put_code(&format!("{package}/{action}"), "nodejs:default", FEED)));
    }
    for form in FORMS {
        wsk.write("manifest.yaml", form);
        let deployed = counts(&wsk.json(&["project", "deploy"]));
        assert!(deployed[0] > 0, "{form}");
        assert_eq!(counts(&wsk.json(&["project", "deploy"])), [0, 0, deployed[0], 0], "{form}");
        assert_eq!(counts(&wsk.json(&["project", "undeploy"])), [0, 0, 0, deployed[0]], "{form}");
        assert_eq!(names(&wsk), ["feed"], "{form}");
    }
}
