use super::*;
use std::sync::Arc;
use std::time::Duration;
use types::{EntityName, FullyQualifiedName, QueueKey};

const T0: Instant = Instant::ZERO;

fn key(namespace: &str, action: &str) -> Arc<QueueKey> {
    let namespace = EntityName::new(namespace).unwrap();
    let action = FullyQualifiedName::parse(&format!("{namespace}/{action}")).unwrap();
    Arc::new(QueueKey { namespace, action })
}

fn id(number: u128) -> ActivationId {
    ActivationId::from_bits(number)
}

fn balance(config: Config, count: u32, memory: u64) -> Balance {
    let member = |id| Member { id: InvokerId(id), memory, trusted: true };
    let members: Vec<Member> = (0..count).map(member).collect();
    Balance::new(config, &members, T0)
}

/// All invokers run everything.
fn both(count: u32, memory: u64) -> Balance {
    balance(Config { managed_fraction: 1.0, blackbox_fraction: 1.0, ..Config::default() }, count, memory)
}

fn request(number: u128, action: &str, memory: u64) -> Request {
    let need = Need { action: key("guest", action), memory, slots: 1 };
    Request { activation: id(number), need, blackbox: false, random: 0 }
}

fn chosen(balance: &mut Balance, request: Request) -> Option<u32> {
    balance.choose(request).map(|choice| choice.invoker.0)
}

/// Reports an end and answers what is to be done.
fn end(balance: &mut Balance, number: u128, verdict: Option<Verdict>) -> Vec<Command> {
    let mut out = Vec::new();
    balance.handle(T0, Event::Ended { activation: id(number), verdict }, &mut out);
    out
}

#[test]
fn d1_an_action_has_a_home_and_goes_on_by_its_step() {
    let mut balance = both(10, 256);
    let name = "hello";
    let hash = hash::action_hash("guest", "guest/hello");
    let (home, step) = (hash::place(hash, 10), [1, 3, 7][hash::place(hash, 3)]);
    let expected: Vec<u32> = (0..10).map(|n| u32::try_from((home + n * step) % 10).unwrap()).collect();
    let got: Vec<u32> =
        (0..10).map(|number| chosen(&mut balance, request(number, name, 256)).unwrap()).collect();
    assert_eq!(got, expected);
}

#[test]
fn d1_the_memory_of_the_home_is_released_at_the_end() {
    let mut balance = both(2, 256);
    let home = chosen(&mut balance, request(1, "a", 256)).unwrap();
    assert_eq!(balance.free(InvokerId(home)), Some(0));
    let other = chosen(&mut balance, request(2, "a", 256)).unwrap();
    assert_ne!(other, home);
    assert_eq!(balance.invoker_of(id(1)), Some(InvokerId(home)));
    end(&mut balance, 1, Some(Verdict::Success));
    end(&mut balance, 1, Some(Verdict::Success));
    assert_eq!(balance.free(InvokerId(home)), Some(256), "the first end counts");
    assert_eq!(chosen(&mut balance, request(3, "a", 256)), Some(home));
}

#[test]
fn d1_without_room_a_random_healthy_invoker_is_overloaded() {
    let mut balance = both(3, 128);
    (0..3).for_each(|number| assert!(!balance.choose(request(number, "a", 128)).unwrap().overload));
    let taken = |balance: &mut Balance, random: u64, number| {
        balance.choose(Request { random, ..request(number, "a", 128) }).unwrap()
    };
    for (random, number) in [(0, 10), (4, 11), (5, 12)] {
        let choice = taken(&mut balance, random, number);
        assert!(choice.overload);
        assert_eq!(u64::from(choice.invoker.0), random % 3);
    }
    assert_eq!(balance.overloads(), 3);
    assert!((0..3).all(|invoker| balance.free(InvokerId(invoker)) == Some(-128)));
    end(&mut balance, 10, Some(Verdict::Success));
    assert!(taken(&mut balance, 0, 13).overload, "what is overdrawn is no room yet");
}

#[test]
fn d1_invokers_are_divided_into_managed_and_blackbox() {
    let groups = |count| {
        let (managed, blackbox) = groups(&Config::default(), count);
        ((managed.first, managed.count), (blackbox.first, blackbox.count))
    };
    assert_eq!(groups(1), ((0, 1), (0, 1)));
    assert_eq!(groups(2), ((0, 2), (1, 1)));
    assert_eq!(groups(10), ((0, 9), (9, 1)));
    assert_eq!(groups(25), ((0, 23), (23, 2)));
    // What the managed part leaves is never nobody's.
    let (managed, blackbox) = super::groups(&Config { managed_fraction: 0.5, ..Config::default() }, 10);
    assert_eq!((managed.count, blackbox.count, blackbox.first), (5, 5, 5));
}

#[test]
fn d1_images_go_to_the_last_invokers() {
    let mut balance = balance(Config::default(), 10, 1024);
    for number in 0..20 {
        let name = format!("a{number}");
        let managed = chosen(&mut balance, request(number, &name, 128)).unwrap();
        assert!(managed < 9);
        let image = Request { blackbox: true, ..request(100 + number, &name, 128) };
        assert_eq!(chosen(&mut balance, image), Some(9));
    }
}

#[test]
fn d1_memory_is_shared_among_controllers() {
    let sized = |controllers, memory| {
        let balance = balance(Config { controllers, ..Config::default() }, 1, memory);
        balance.free(InvokerId(0))
    };
    assert_eq!(sized(1, 1000), Some(1000));
    assert_eq!(sized(4, 1000), Some(250));
    assert_eq!(sized(100, 1000), Some(128), "at least what the smallest action needs");
}

#[test]
fn d1_nobody_is_chosen_where_nobody_is_there() {
    let mut balance = both(0, 0);
    assert_eq!(chosen(&mut balance, request(1, "a", 128)), None);
}

#[test]
fn d2_an_invoker_that_fails_gets_no_work_until_a_test_succeeds() {
    let mut balance = both(2, 1024);
    let home = chosen(&mut balance, request(1, "a", 128)).unwrap();
    let out = end(&mut balance, 1, Some(Verdict::SystemError));
    let invoker = InvokerId(home);
    assert_eq!(out, [Command::Test { invoker }, Command::Changed { invoker, health: Health::Unhealthy },]);
    assert_eq!(chosen(&mut balance, request(2, "a", 128)), Some(1 - home));
    let mut out = Vec::new();
    balance.handle(T0, Event::Testing { invoker, activation: id(3) }, &mut out);
    assert_eq!(balance.free(invoker), Some(1024), "a test takes no memory");
    let out = end(&mut balance, 3, Some(Verdict::Success));
    assert_eq!(out, [Command::Changed { invoker, health: Health::Healthy }]);
    assert_eq!(chosen(&mut balance, request(9, "a", 128)), Some(home));
}

#[test]
fn d2_silent_invokers_are_offline_and_come_back_by_a_ping_and_a_test() {
    let mut balance = both(1, 1024);
    let later = T0 + SILENCE;
    assert_eq!(balance.next_deadline(), Some(later));
    let (invoker, mut out) = (InvokerId(0), Vec::new());
    balance.tick(later, &mut out);
    assert_eq!(out, [Command::Changed { invoker, health: Health::Offline }]);
    assert_eq!(chosen(&mut balance, request(1, "a", 128)), None);
    out.clear();
    balance.handle(later, Event::Ping { invoker, enabled: true, memory: 512 }, &mut out);
    assert_eq!(out, [Command::Test { invoker }, Command::Changed { invoker, health: Health::Unhealthy },]);
    balance.handle(later, Event::Testing { invoker, activation: id(2) }, &mut Vec::new());
    let ended = Event::Ended { activation: id(2), verdict: Some(Verdict::Success) };
    balance.handle(later + Duration::from_millis(5), ended, &mut Vec::new());
    assert_eq!(chosen(&mut balance, request(3, "a", 128)), Some(0));
    assert_eq!(balance.free(invoker), Some(384), "its memory is what the ping said");
}

#[test]
fn an_end_that_says_nothing_of_the_invoker_releases_its_memory() {
    let mut balance = both(1, 256);
    for number in 0..8 {
        balance.choose(request(number, "a", 256));
        assert!(end(&mut balance, number, None).is_empty());
    }
    assert_eq!(balance.free(InvokerId(0)), Some(256));
    assert!(balance.health().all(|(_, health)| health == Health::Healthy));
}
