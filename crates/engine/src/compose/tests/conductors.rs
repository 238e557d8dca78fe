use super::*;

#[test]
fn con_02_without_an_action_it_ends() {
    for (reply, expected) in [
        (r#"{"x":1.0}"#, r#"{"x":1.0}"#),
        (r#"{"params":{"y":2},"x":1}"#, r#"{"y":2}"#),
        (r#"{"params":3}"#, r#"{"value":3}"#),
        (r#"{"state":{}}"#, r#"{"state":{}}"#),
        ("7", "7"),
    ] {
        let mut world = World::new(5).conductor("c", &[reply]);
        let end = world.run("c", Some(r#"{"in":1}"#));
        assert_eq!((end.response.status, result(&end)), (StatusCode::Success, expected));
        assert_eq!(world.seen(), [("c", r#"{"in":1}"#)]);
        assert!(end.conductor);
    }
}

#[test]
fn con_03_con_04_params_go_to_the_part_and_state_around_it() {
    let mut world = World::new(5).simple("a", &[r#"{"r":1,"s":1}"#]).conductor(
        "c",
        &[
            r#"{"action":"a","params":{"p":1},"state":{"s":2}}"#,
            r#"{"action":"a","params":[1],"state":5}"#,
            r#"{"action":"a"}"#,
            "{}",
        ],
    );
    world.run("c", None);
    assert_eq!(
        world.seen(),
        [
            ("c", "-"),
            ("a", r#"{"p":1}"#),
            ("c", r#"{"r":1,"s":2}"#),
            ("a", r#"{"value":[1]}"#),
            ("c", r#"{"r":1,"s":1,"state":5}"#),
            ("a", "-"),
            ("c", r#"{"r":1,"s":1}"#),
        ]
    );
}

#[test]
fn con_06_con_07_names_that_lead_nowhere_are_told_to_the_conductor_with_its_state() {
    for (action, thing, text) in [
        ("7", None, "Failed to parse action name from json value 7 during composition."),
        ("\"/x\"", None, r#"Failed to parse action name from json value \"/x\" during composition."#),
        ("null", None, "Failed to parse action name from json value null during composition."),
        ("\"x\"", None, "Failed to resolve action with name 'me/x' during composition."),
        (
            "\"/me/x\"",
            Some(Thing::Forbidden),
            "Failed entitlement check for action with name 'me/x' during composition.",
        ),
    ] {
        let reply = format!(r#"{{"action":{action},"params":{{"p":1}},"state":{{"s":1}}}}"#);
        let mut world = World::new(5).conductor("c", &[&reply, r#"{"recovered":true}"#]);
        if let Some(thing) = thing {
            world = world.with("x", thing);
        }
        let end = world.run("c", None);
        assert_eq!(result(&end), r#"{"recovered":true}"#);
        let error = format!(r#"{{"error":"{text}","s":1}}"#);
        assert_eq!(world.seen(), [("c", "-"), ("c", error.as_str())]);
    }
}

#[test]
fn con_07_the_rights_on_a_part_are_checked() {
    let mut world = World::new(5).simple("a", &["{}"]).conductor("c", &[r#"{"action":"a"}"#]);
    let Event::Found(Part::Whole(whole)) = world.meaning(&FullyQualifiedName::parse("me/c").unwrap()) else {
        panic!("no conductor");
    };
    let scope = Scope { limit: 5, caller: EntityName::new("me").unwrap() };
    let mut out = Vec::new();
    let mut composition = Composition::begin(scope, whole, None, &mut out);
    composition.handle(Event::Handed(WHOLE), &mut out);
    composition.handle(Event::Ended { response: response(r#"{"action":"a"}"#), duration: 1 }, &mut out);
    assert!(matches!(&out[..], [Command::Invoke { .. }, Command::Find { checked: true, .. }]), "{out:?}");
}

#[test]
fn con_08_an_error_of_a_part_is_told_to_the_conductor() {
    let mut world = World::new(5)
        .simple("bad", &[r#"{"error":"no"}"#])
        .conductor("c", &[r#"{"action":"bad","state":{"s":1}}"#, r#"{"well":1}"#]);
    let end = world.run("c", None);
    assert_eq!(world.seen()[2], ("c", r#"{"error":"no","s":1}"#));
    assert_eq!((end.response.status, result(&end)), (StatusCode::Success, r#"{"well":1}"#));
}

#[test]
fn con_09_an_error_of_the_conductor_ends_it() {
    let mut world =
        World::new(5).simple("a", &["{}"]).conductor("c", &[r#"{"error":"no","action":"a","params":{}}"#]);
    let end = world.run("c", None);
    assert_eq!(world.names(), ["c"]);
    assert_eq!(error(&end), (StatusCode::ApplicationError, "no".to_owned()));
}

#[test]
fn con_10_after_as_many_parts_as_there_may_be_the_conductor_is_told() {
    let mut world = World::new(2)
        .simple("a", &["{}"])
        .conductor("c", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, r#"{"action":"a"}"#, r#"{"end":1}"#]);
    let end = world.run("c", None);
    assert_eq!(world.names(), ["c", "a", "c", "a", "c", "c"]);
    assert_eq!(world.seen()[5], ("c", r#"{"error":"Too many actions in the composition."}"#));
    assert_eq!(result(&end), r#"{"end":1}"#);
}

#[test]
fn con_10_after_too_many_runs_of_the_conductor_it_ends() {
    let mut world = World::new(3).simple("a", &["{}"]).conductor("c", &[r#"{"action":"a"}"#]);
    let end = world.run("c", None);
    assert_eq!(world.ids_of("c").len(), 7);
    assert_eq!(world.ids_of("a").len(), 3);
    let text = "Too many actions in the composition.".to_owned();
    assert_eq!(error(&end), (StatusCode::ApplicationError, text));
}

#[test]
fn con_11_a_sequence_counts_once_and_compositions_inside_count_together() {
    let mut world = World::new(2)
        .simple("a", &["{}"])
        .sequence("s", &["a", "a"])
        .conductor("c", &[r#"{"action":"s"}"#, r#"{"action":"s"}"#, "{}"]);
    assert!(world.run("c", None).response.is_success());
    assert_eq!(world.ids_of("a").len(), 4);
    // The inner one is given what the outer one has left: one part, and of five runs of conductors what remains.
    let mut world = World::new(2)
        .simple("a", &["{}"])
        .conductor("inner", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, r#"{"told":1}"#])
        .conductor("c", &[r#"{"action":"a"}"#, r#"{"action":"inner"}"#, "{}"]);
    let end = world.run("c", None);
    assert_eq!(world.names(), ["c", "a", "c", "inner", "a", "inner", "inner"]);
    assert_eq!(world.seen()[6].1, r#"{"error":"Too many actions in the composition."}"#);
    let text = "Too many actions in the composition.".to_owned();
    assert_eq!(error(&end), (StatusCode::ApplicationError, text));
}

#[test]
fn con_11_each_composition_in_a_sequence_counts_for_itself() {
    let mut world = World::new(2)
        .simple("a", &["{}"])
        .conductor("c", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, "{}"])
        .conductor("d", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, "{}"])
        .sequence("s", &["c", "d"]);
    assert!(world.run("s", None).response.is_success());
    assert_eq!(world.runs.len(), 10);
}

#[test]
fn con_12_what_takes_too_long_or_fails_ends_it() {
    let mut world = World::new(5).with("x", Thing::Silent).conductor("c", &[r#"{"action":"x"}"#]);
    let end = world.run("c", None);
    let id = world.ids_of("x")[0];
    let text = format!("Timeout reached when retrieving activation {id} during composition.");
    assert_eq!(error(&end), (StatusCode::WhiskError, text));
    assert_eq!(end.parts, [world.ids_of("c")[0], id]);
    assert!(world.runs.iter().all(|run| run.wait == Duration::from_secs(67)));
    for thing in [Thing::Broken, Thing::Refused] {
        let mut world = World::new(5).with("x", thing).conductor("c", &[r#"{"action":"x"}"#]);
        let end = world.run("c", None);
        let text = "Activation failure during composition.".to_owned();
        assert_eq!(error(&end), (StatusCode::WhiskError, text));
    }
}

#[test]
fn con_13_con_14_the_parts_alternate_and_are_not_flattened() {
    let mut world = World::new(9)
        .simple("a", &["{}"])
        .conductor("inner", &[r#"{"action":"a"}"#, "{}"])
        .conductor("c", &[r#"{"action":"a"}"#, r#"{"action":"inner"}"#, "{}"]);
    let end = world.run("c", None);
    let (c, a, i) = (world.ids_of("c"), world.ids_of("a"), world.ids_of("inner"));
    let inner = world.ended[0].clone();
    assert_eq!(inner.parts, [i[0], a[1], i[1]]);
    assert_eq!(end.parts, [c[0], a[0], c[1], inner.id, c[2]]);
    assert_eq!((inner.duration, end.duration), (30, 70));
    assert_eq!((inner.cause, inner.conductor), (Some(WHOLE), true));
    assert_eq!(end.memory, Some(memory("me/inner")));
    let causes: Vec<_> = world.runs.iter().map(|run| run.cause).collect();
    assert_eq!(causes, [WHOLE, WHOLE, WHOLE, inner.id, inner.id, inner.id, WHOLE]);
}

#[test]
fn con_16_def_07_arrays_end_a_composition() {
    let mut world = World::new(5).conductor("c", &["[1]"]);
    let end = world.run("c", None);
    let id = world.ids_of("c")[0];
    let text = format!(
        "Activation {id} answered with an array, but in a composition only objects can be passed on."
    );
    assert_eq!(error(&end), (StatusCode::WhiskError, text));
    let mut world = World::new(5).simple("list", &["[1]"]).conductor("c", &[r#"{"action":"list"}"#]);
    let end = world.run("c", None);
    assert_eq!(error(&end).0, StatusCode::WhiskError);
    assert_eq!(world.names(), ["c", "list"]);
}
