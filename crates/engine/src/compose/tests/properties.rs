use super::*;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Anything that a name can stand for, whatever it leads to.
fn thing() -> impl Strategy<Value = Thing> {
    let name = || proptest::sample::select(NAMES.to_vec());
    let answer = proptest::sample::select(vec!["{}", r#"{"x":1}"#, r#"{"error":1}"#, "[1]", "null"]);
    let reply = prop_oneof![
        4 => (name(), any::<bool>()).prop_map(|(name, state)| match state {
            true => format!(r#"{{"action":"{name}","params":{{"p":1}},"state":{{"s":1}}}}"#),
            false => format!(r#"{{"action":"{name}"}}"#),
        }),
        1 => Just(r#"{"action":7}"#.to_owned()),
        1 => Just(r#"{"action":"/other/x"}"#.to_owned()),
        1 => Just(r#"{"end":1}"#.to_owned()),
        1 => Just(r#"{"error":1}"#.to_owned()),
    ];
    prop_oneof![
        4 => proptest::collection::vec(answer, 1..3).prop_map(|all| Thing::Simple(all.into())),
        3 => proptest::collection::vec(name(), 1..4).prop_map(Thing::Sequence),
        3 => proptest::collection::vec(reply, 1..5).prop_map(|all| Thing::Conductor(all.into())),
        1 => proptest::sample::select(vec![Thing::Forbidden, Thing::Broken, Thing::Silent, Thing::Refused]),
    ]
}

proptest! {
    /// Whatever refers to whatever, it ends, within its limits, and each end lists what ran in it.
    #[test]
    fn it_ends_and_each_part_is_where_it_was_caused(things in proptest::collection::vec(thing(), 6), limit in 1u32..6, conducts: bool) {
        let mut world = World::new(limit);
        for (name, thing) in NAMES.into_iter().zip(things) {
            world = world.with(name, thing);
        }
        world = match conducts {
            true => world.conductor("top", &[r#"{"action":"a"}"#, r#"{"action":"b"}"#, r#"{"action":"c"}"#]),
            false => world.sequence("top", &["a", "b", "c"]),
        };
        let end = world.run("top", Some("{}"));
        prop_assert_eq!(end.id, WHOLE);
        prop_assert_eq!(world.ended.iter().filter(|end| end.outermost).count(), 1);
        // One run of the conductor for each that is a conductor of its own in a sequence, and its 2n + 1 runs and n parts.
        let most = u64::from(limit) * (3 * u64::from(limit) + 1) * u64::from(limit) + 3 * u64::from(limit) + 1;
        prop_assert!(world.runs.len() as u64 <= most, "{} of {most}", world.runs.len());
        // What was caused by an activation is what it lists, in that order, and takes the time that it says.
        for one in &world.ended {
            let mut caused: Vec<(u128, ActivationId, u64)> = Vec::new();
            caused.extend(world.runs.iter().filter(|run| run.cause == one.id).map(|run| (run.id.bits(), run.id, 10)));
            caused.extend(world.ended.iter().filter(|end| end.cause == Some(one.id)).map(|end| (end.id.bits(), end.id, end.duration)));
            caused.sort_unstable();
            let parts: Vec<ActivationId> = caused.iter().map(|part| part.1).collect();
            prop_assert_eq!(&one.parts, &parts);
            let silent = |id| world.runs.iter().any(|run| run.id == id && matches!(world.things[&run.action], Thing::Silent));
            let took: u64 = caused.iter().filter(|part| !silent(part.1)).map(|part| part.2).sum();
            prop_assert_eq!(one.duration, took);
        }
        let conductors = world.runs.iter().filter(|run| matches!(world.things[&run.action], Thing::Conductor(_))).count();
        if conducts {
            prop_assert!(conductors as u64 <= 2 * u64::from(limit) + 1);
        }
    }
}
