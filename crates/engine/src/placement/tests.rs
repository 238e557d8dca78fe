use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

fn invoker(id: u32, free: u64) -> InvokerState {
    InvokerState {
        id: InvokerId(id),
        up: true,
        memory: 1_024,
        free,
        unused: free,
        orders: 0,
        tags: Vec::new(),
        dedicated: Vec::new(),
    }
}

fn view(invokers: impl IntoIterator<Item = InvokerState>) -> View {
    let mut view = View::new();
    invokers.into_iter().for_each(|state| view.update(state));
    view
}

static GUEST: LazyLock<EntityName> = LazyLock::new(|| name("guest"));

fn name(text: &str) -> EntityName {
    EntityName::new(text).unwrap()
}

/// Places 256 MB for the namespace `guest`, after a change to the request.
fn place_with<'a>(view: &View, change: impl FnOnce(&mut Request<'a>)) -> Result<u32, NoPlace> {
    let mut request = Request {
        namespace: &GUEST,
        affinity: 42,
        memory: 256,
        blackbox: false,
        resources: &[],
        insists: false,
        warm: &[],
        avoid: &[],
    };
    change(&mut request);
    place(view, &request, &PlacementConfig::default()).map(|invoker| invoker.0)
}

#[test]
fn one_invoker_takes_everything_that_fits() {
    let view = view([invoker(0, 300)]);
    assert_eq!(place_with(&view, |_| {}), Ok(0));
    assert_eq!(place_with(&view, |request| request.blackbox = true), Ok(0));
    assert_eq!(place_with(&view, |request| request.memory = 301), Err(NoPlace::NoRoom));
    assert_eq!(place_with(&view, |request| request.memory = 2_000), Err(NoPlace::NoInvokers));
    assert_eq!(place_with(&View::new(), |_| {}), Err(NoPlace::NoInvokers));
}

#[test]
fn a_paused_container_comes_first_even_where_no_memory_is_free() {
    let view = view([invoker(0, 1_024), invoker(1, 0)]);
    assert_eq!(place_with(&view, |request| request.warm = &[InvokerId(1)]), Ok(1));
}

#[test]
fn upstream_5313_a_paused_container_on_a_disabled_invoker_is_not_chosen() {
    let mut down = invoker(1, 1_024);
    down.up = false;
    let view = view([invoker(0, 1_024), down]);
    assert_eq!(place_with(&view, |request| request.warm = &[InvokerId(1), InvokerId(7)]), Ok(0));
}

#[test]
fn the_invoker_with_the_most_room_is_taken() {
    let view = view([invoker(0, 300), invoker(1, 900), invoker(2, 600)]);
    assert_eq!(place_with(&view, |_| {}), Ok(1));
}

#[test]
fn actions_prefer_different_invokers_and_the_same_action_always_the_same() {
    let view = view((0..8).map(|id| invoker(id, 1_024)));
    let chosen: Vec<u32> =
        (0..100).map(|affinity| place_with(&view, |request| request.affinity = affinity).unwrap()).collect();
    let again: Vec<u32> =
        (0..100).map(|affinity| place_with(&view, |request| request.affinity = affinity).unwrap()).collect();
    assert_eq!(chosen, again);
    for id in 0..8 {
        assert!(chosen.contains(&id), "{id} is never chosen: {chosen:?}");
    }
}

#[test]
fn who_insists_gets_an_invoker_without_room_if_none_has_any_and_one_could() {
    let full = view([invoker(0, 100), invoker(1, 200)]);
    assert_eq!(place_with(&full, |_| {}), Err(NoPlace::NoRoom));
    assert_eq!(place_with(&full, |request| request.insists = true), Ok(1));
    let one_has_room = view([invoker(0, 256), invoker(1, 200)]);
    assert_eq!(place_with(&one_has_room, |request| request.insists = true), Ok(0));
    let too_small = |request: &mut Request<'_>| (request.insists, request.memory) = (true, 2_048);
    assert_eq!(place_with(&full, too_small), Err(NoPlace::NoInvokers));
}

#[test]
fn an_invoker_that_has_just_failed_is_the_last_resort() {
    let all = view([invoker(0, 1_024), invoker(1, 300)]);
    assert_eq!(place_with(&all, |request| request.avoid = &[InvokerId(0)]), Ok(1));
    let only = view([invoker(0, 1_024)]);
    assert_eq!(place_with(&only, |request| request.avoid = &[InvokerId(0)]), Ok(0));
}

#[test]
fn an_invoker_that_starts_many_already_is_left_alone() {
    let mut view = view([invoker(0, 1_024), invoker(1, 600)]);
    for _ in 0..4 {
        view.send(InvokerId(0), 0);
    }
    assert_eq!(place_with(&view, |_| {}), Ok(1));
}

#[test]
fn a_dedicated_invoker_works_for_its_namespaces_only() {
    let mut dedicated = invoker(0, 1_024);
    dedicated.dedicated = vec![name("other")];
    let view = view([dedicated, invoker(1, 300)]);
    assert_eq!(place_with(&view, |_| {}), Ok(1));
    assert_eq!(place_with(&view, |request| request.warm = &[InvokerId(0)]), Ok(1));
}

#[test]
fn resources_are_needed_and_otherwise_spared() {
    let mut gpu = invoker(0, 1_024);
    gpu.tags = vec!["gpu".to_owned()];
    let both = view([gpu.clone(), invoker(1, 300)]);
    assert_eq!(place_with(&both, |_| {}), Ok(1), "an action that needs no tags spares tagged invokers");
    let resources = ["gpu".to_owned()];
    assert_eq!(place_with(&both, |request| request.resources = &resources), Ok(0));
    let resources = ["tpu".to_owned()];
    assert_eq!(place_with(&both, |request| request.resources = &resources), Err(NoPlace::NoInvokers));
    assert_eq!(place_with(&view([gpu]), |_| {}), Ok(0), "unless there are no others");
    let request = Request {
        namespace: &GUEST,
        affinity: 0,
        memory: 256,
        blackbox: false,
        resources: &resources,
        insists: false,
        warm: &[],
        avoid: &[],
    };
    let lenient = PlacementConfig { strict_resources: false, ..PlacementConfig::default() };
    assert_eq!(place(&both, &request, &lenient), Ok(InvokerId(1)));
}

#[test]
fn e3_06_a_batch_is_deducted_as_a_whole() {
    let mut view = view((0..4).map(|id| invoker(id, 512)));
    let mut taken = BTreeMap::<u32, u32>::new();
    for _ in 0..8 {
        let id = place_with(&view, |_| {}).unwrap();
        view.send(InvokerId(id), 256);
        *taken.entry(id).or_default() += 1;
    }
    assert!(taken.values().all(|count| *count == 2), "{taken:?}");
    assert_eq!(place_with(&view, |_| {}), Err(NoPlace::NoRoom));
    view.update(InvokerState { orders: 2, ..invoker(2, 256) });
    assert_eq!(place_with(&view, |_| {}), Ok(2));
}

#[test]
fn an_order_is_deducted_once_whether_the_invoker_has_seen_it_or_not() {
    let mut view = view([invoker(0, 768)]);
    view.send(InvokerId(0), 256);
    view.send(InvokerId(0), 256);
    view.update(InvokerState { orders: 1, ..invoker(0, 512) });
    assert_eq!(place_with(&view, |_| {}), Ok(0), "the second order left room for a third");
    view.send(InvokerId(0), 256);
    assert_eq!(place_with(&view, |_| {}), Err(NoPlace::NoRoom));
    view.settle(InvokerId(0));
    assert_eq!(place_with(&view, |_| {}), Err(NoPlace::NoRoom), "its end is for the invoker to say");
}

#[test]
fn e3_17_the_border_between_managed_and_blackbox_does_not_move_with_the_load() {
    let ten =
        |down: &[u32]| view((0..10).map(|id| InvokerState { up: !down.contains(&id), ..invoker(id, 1_024) }));
    let all_up = ten(&[]);
    assert_eq!(place_with(&all_up, |request| request.blackbox = true), Ok(9));
    let many_down = ten(&[0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(place_with(&many_down, |request| request.blackbox = true), Ok(9));
    let last_down = ten(&[9]);
    assert_eq!(place_with(&last_down, |request| request.blackbox = true), Err(NoPlace::NoInvokers));
    assert_ne!(place_with(&all_up, |_| {}), Ok(9));
}

proptest! {
    /// Whatever is placed, no invoker gets more than it has.
    #[test]
    fn memory_is_never_over_committed(
        free in prop::collection::vec(0_u64..1_024, 1..8),
        sizes in prop::collection::vec((1_u64..400, any::<bool>(), any::<u64>()), 1..60),
    ) {
        let mut view = view(free.iter().enumerate().map(|(id, free)| invoker(id as u32, *free)));
        let mut left = free;
        for (memory, blackbox, affinity) in sizes {
            let found = place_with(&view, |request| {
                request.memory = memory;
                request.blackbox = blackbox;
                request.affinity = affinity;
            });
            if let Ok(id) = found {
                view.send(InvokerId(id), memory);
                prop_assert!(left[id as usize] >= memory);
                left[id as usize] -= memory;
            }
        }
    }
}

#[test]
fn nothing_is_evicted_while_another_invoker_has_memory_that_nobody_holds() {
    // Both could make room; all of the first one's would be that of idle containers.
    let held = InvokerState { unused: 0, ..invoker(0, 1_024) };
    let view = view([held, InvokerState { unused: 256, ..invoker(1, 512) }]);
    for affinity in 0..100 {
        let found = place_with(&view, |request| request.affinity = affinity);
        assert_eq!(found, Ok(1), "affinity {affinity}");
    }
}
