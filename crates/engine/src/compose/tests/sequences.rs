use super::*;

#[test]
fn seq_04_seq_09_each_result_is_the_next_payload() {
    let mut world = World::new(9)
        .simple("a", &[r#"{"x":1.0}"#])
        .simple("b", &[r#"{"y":2}"#])
        .sequence("s", &["a", "b", "a"]);
    let end = world.run("s", Some(r#"{"in":0}"#));
    assert_eq!(world.seen(), [("a", r#"{"in":0}"#), ("b", r#"{"x":1.0}"#), ("a", r#"{"y":2}"#)]);
    assert_eq!((end.response.status, result(&end)), (StatusCode::Success, r#"{"x":1.0}"#));
    assert_eq!(end.response.size, Some(9));
}

#[test]
fn seq_05_arrays_pass_whole_and_anything_else_is_nothing() {
    let mut world = World::new(9)
        .simple("list", &["[1,2]"])
        .simple("text", &["\"x\""])
        .simple("end", &["{}"])
        .sequence("s", &["list", "text", "end"]);
    world.run("s", None);
    assert_eq!(world.seen(), [("list", "-"), ("text", "[1,2]"), ("end", "-")]);
}

#[test]
fn seq_06_an_error_stops_it() {
    let mut world =
        World::new(9).simple("bad", &[r#"{"error":7}"#]).simple("b", &["{}"]).sequence("s", &["bad", "b"]);
    let end = world.run("s", None);
    assert_eq!(world.names(), ["bad"]);
    assert_eq!((end.response.status, result(&end)), (StatusCode::ApplicationError, r#"{"error":7}"#));
}

#[test]
fn seq_06_an_error_in_a_good_result_of_a_composition_stops_it_too() {
    let mut world = World::new(9)
        .conductor("c", &[r#"{"params":{"error":1}}"#])
        .simple("b", &["{}"])
        .sequence("s", &["c", "b"]);
    let end = world.run("s", None);
    assert_eq!(world.names(), ["c"]);
    assert_eq!((end.response.status, result(&end)), (StatusCode::Success, r#"{"error":1}"#));
}

#[test]
fn seq_07_an_error_in_the_payload_does_not_stop_it() {
    let mut world = World::new(9).simple("a", &["{}"]).sequence("s", &["a"]);
    let end = world.run("s", Some(r#"{"error":1}"#));
    assert_eq!(world.seen(), [("a", r#"{"error":1}"#)]);
    assert!(end.response.is_success());
}

#[test]
fn seq_10_a_component_has_its_time_and_a_minute() {
    let mut world =
        World::new(9).with("silent", Thing::Silent).simple("b", &["{}"]).sequence("s", &["silent", "b"]);
    let end = world.run("s", None);
    assert_eq!(world.names(), ["silent"]);
    assert_eq!(world.runs[0].wait, Duration::from_secs(67));
    let id = world.runs[0].id;
    let text = format!("Timeout reached when retrieving activation {id} for sequence component.");
    assert_eq!(error(&end), (StatusCode::WhiskError, text));
    assert_eq!(end.parts, [id]);
}

#[test]
fn seq_11_a_component_that_is_gone() {
    let mut world = World::new(9).simple("a", &["{}"]).sequence("s", &["a", "gone", "a"]);
    let end = world.run("s", None);
    assert_eq!(error(&end), (StatusCode::ApplicationError, "Sequence component does not exist.".to_owned()));
    assert_eq!(end.parts, world.ids_of("a"));
}

#[test]
fn seq_12_whatever_else_fails() {
    for thing in [Thing::Broken, Thing::Refused, Thing::Forbidden] {
        let mut world = World::new(9).simple("a", &["{}"]).with("x", thing).sequence("s", &["a", "x", "a"]);
        let end = world.run("s", None);
        assert_eq!(error(&end), (StatusCode::WhiskError, "Sequence failed.".to_owned()));
        assert_eq!(end.parts, world.ids_of("a"));
    }
}

#[test]
fn seq_13_seq_02_what_runs_is_counted_also_in_inner_sequences() {
    let mut world =
        World::new(4).simple("a", &["{}"]).sequence("two", &["a", "a"]).sequence("s", &["two", "two", "a"]);
    let end = world.run("s", None);
    let text = "Too many actions in the sequence.".to_owned();
    assert_eq!(error(&end), (StatusCode::ApplicationError, text));
    assert_eq!(world.runs.len(), 4);
    // As many as there may be are well.
    let mut world =
        World::new(4).simple("a", &["{}"]).sequence("two", &["a", "a"]).sequence("s", &["two", "two"]);
    assert!(world.run("s", None).response.is_success());
    // A conductor counts once, however often it runs.
    let mut world = World::new(4)
        .simple("a", &["{}"])
        .conductor("c", &[r#"{"action":"a"}"#, r#"{"action":"a"}"#, r#"{"action":"a"}"#, "{}"])
        .sequence("s", &["a", "c", "a", "a"]);
    assert!(world.run("s", None).response.is_success());
    assert_eq!(world.names().len(), 10);
}

#[test]
fn sequences_that_came_to_contain_each_other_end() {
    let mut world = World::new(5).sequence("s", &["t", "t"]).sequence("t", &["s", "s"]);
    let end = world.run("s", None);
    let text = "Too many actions in the sequence.".to_owned();
    assert_eq!(error(&end), (StatusCode::ApplicationError, text));
    assert_eq!(world.ended.len(), 5);
}

#[test]
fn seq_14_seq_15_seq_16_an_inner_sequence_is_one_part_with_parts_of_its_own() {
    let mut world = World::new(9)
        .simple("a", &["{}"])
        .simple("bb", &["{}"])
        .sequence("inner", &["a", "bb"])
        .sequence("s", &["a", "inner", "a"]);
    let end = world.run("s", None);
    let (a, b) = (world.ids_of("a"), world.ids_of("bb"));
    let inner = world.ended[0].clone();
    assert_eq!(inner.parts, [a[1], b[0]]);
    assert_eq!(end.parts, [a[0], inner.id, a[2]]);
    assert_eq!((inner.duration, end.duration), (20, 40));
    assert_eq!((inner.cause, inner.outermost), (Some(WHOLE), false));
    assert_eq!((end.cause, end.outermost, end.id), (None, true, WHOLE));
    let causes: Vec<_> = world.runs.iter().map(|run| run.cause).collect();
    assert_eq!(causes, [WHOLE, inner.id, inner.id, WHOLE]);
}

#[test]
fn atv_21_the_memory_is_the_greatest_of_those_that_ran() {
    let mut world =
        World::new(9).simple("a", &["{}"]).simple("long", &["{}"]).sequence("s", &["a", "long", "a"]);
    assert_eq!(world.run("s", None).memory, Some(memory("me/long")));
    let mut world = World::new(9).sequence("s", &["gone"]);
    assert_eq!(world.run("s", None).memory, None);
}

#[test]
fn what_answers_nothing_is_passed_over() {
    let mut world = World::new(9).simple("a", &["{}"]).sequence("s", &["a"]);
    let scope = Scope { limit: 9, caller: EntityName::new("me").unwrap() };
    let name = FullyQualifiedName::parse("me/s").unwrap();
    let Event::Found(Part::Whole(whole)) = world.meaning(&name) else { panic!("no sequence") };
    let mut out = Vec::new();
    let mut composition = Composition::begin(scope, whole, None, &mut out);
    out.clear();
    let ended = Event::Ended { response: response("{}"), duration: 1 };
    for late in [ended.clone(), Event::TimedOut, Event::Handed(WHOLE)] {
        composition.handle(late, &mut out);
    }
    assert!(out.is_empty());
    composition.handle(world.meaning(&FullyQualifiedName::parse("me/a").unwrap()), &mut out);
    assert!(matches!(out[..], [Command::Invoke { .. }]));
    out.clear();
    // It was not handed on yet, so it cannot have ended.
    composition.handle(ended.clone(), &mut out);
    assert!(out.is_empty());
    composition.handle(Event::Handed(WHOLE), &mut out);
    composition.handle(ended.clone(), &mut out);
    assert!(matches!(out[..], [Command::Finish(_)]));
    out.clear();
    composition.handle(ended, &mut out);
    composition.handle(Event::Failed, &mut out);
    assert!(out.is_empty());
}
