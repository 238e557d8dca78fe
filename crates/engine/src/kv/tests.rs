use super::*;

/// A store with a clock of its own.
#[derive(Default)]
struct Bench {
    kv: Kv,
    now: Instant,
    out: Vec<Command>,
}

impl Bench {
    fn ask(&mut self, event: Event) -> Reply {
        self.kv.handle(self.now, event, &mut self.out);
        match self.out.pop() {
            Some(Command::Reply { request: 0, reply }) => reply,
            other => panic!("no reply but {other:?}"),
        }
    }

    fn commit(&mut self, when: Vec<Condition>, then: Vec<Write>) -> Reply {
        self.ask(Event::Commit { request: 0, transaction: Transaction { when, then } })
    }

    fn put(&mut self, key: &str, lease: Option<LeaseId>) -> Revision {
        match self.commit(vec![], vec![put(key, lease)]) {
            Reply::Committed { revision } => revision,
            other => panic!("{other:?}"),
        }
    }

    fn grant(&mut self, seconds: u64) -> LeaseId {
        match self.ask(Event::Grant { request: 0, ttl: Duration::from_secs(seconds) }) {
            Reply::Granted(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    fn keys(&mut self, prefix: &str) -> Vec<String> {
        match self.ask(Event::Range { request: 0, prefix: prefix.to_owned() }) {
            Reply::Entries { entries, .. } => entries.into_iter().map(|entry| entry.key).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn watch(&mut self, prefix: &str, after: Revision) -> Vec<Command> {
        let event = Event::Watch { watch: 1, prefix: prefix.to_owned(), after };
        self.kv.handle(self.now, event, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.kv.tick(self.now, &mut self.out);
    }
}

fn put(key: &str, lease: Option<LeaseId>) -> Write {
    Write::Put { key: key.to_owned(), value: Arc::from(*b"value"), lease }
}

fn delete(key: &str) -> Write {
    Write::Delete { key: key.to_owned() }
}

fn when(key: &str, state: KeyState) -> Vec<Condition> {
    vec![Condition { key: key.to_owned(), state }]
}

#[test]
fn only_the_first_of_two_creates_a_key_and_the_other_sees_whose_it_is() {
    let mut bench = Bench::default();
    let create = || (when("a", KeyState::Absent), vec![put("a", None)]);
    let (condition, write) = create();
    assert_eq!(bench.commit(condition, write), Reply::Committed { revision: 1 });
    let (condition, write) = create();
    let Reply::Conflict { entries, .. } = bench.commit(condition, write) else { panic!("both created it") };
    assert_eq!((entries[0].created, entries[0].modified), (1, 1));
}

#[test]
fn a_key_keeps_its_creation_until_it_is_deleted() {
    let mut bench = Bench::default();
    assert_eq!(bench.put("a", None), 1);
    assert_eq!(bench.put("a", None), 2);
    let ours = when("a", KeyState::CreatedAt(1));
    assert_eq!(bench.commit(ours.clone(), vec![put("a", None)]), Reply::Committed { revision: 3 });
    assert_eq!(bench.commit(vec![], vec![delete("a")]), Reply::Committed { revision: 4 });
    assert_eq!(bench.put("a", None), 5);
    assert!(matches!(bench.commit(ours, vec![]), Reply::Conflict { .. }));
    let newest = when("a", KeyState::ModifiedAt(5));
    assert_eq!(bench.commit(newest, vec![]), Reply::Committed { revision: 5 });
}

#[test]
fn a_transaction_is_one_revision_and_one_notice() {
    let mut bench = Bench::default();
    assert_eq!(bench.watch("q/", 0), []);
    bench.commit(vec![], vec![put("q/a", None), put("q/b", None), put("r", None)]);
    let [Command::Changed { watch: 1, changes }] = &bench.out[..] else { panic!("{:?}", bench.out) };
    let seen: Vec<_> = changes.iter().map(|change| (change.key(), change.revision())).collect();
    assert_eq!(seen, [("q/a", 1), ("q/b", 1)]);
    bench.out.clear();
    assert_eq!(bench.commit(vec![], vec![delete("q/none")]), Reply::Committed { revision: 1 });
    assert_eq!(bench.out, []);
}

#[test]
fn an_expired_lease_takes_its_keys_in_one_change() {
    let mut bench = Bench::default();
    let (short, long) = (bench.grant(10), bench.grant(60));
    bench.put("a", Some(short));
    bench.put("b", Some(short));
    bench.put("c", Some(short));
    bench.put("c", Some(long));
    bench.put("d", None);
    bench.watch("", 5);
    bench.wait(9);
    assert_eq!(bench.keys("").len(), 4);
    bench.wait(1);
    let [Command::Changed { changes, .. }] = &bench.out[..] else { panic!("{:?}", bench.out) };
    assert!(changes.iter().all(|change| change.revision() == 6));
    bench.out.clear();
    assert_eq!(bench.keys(""), ["c", "d"]);
    assert_eq!(bench.ask(Event::KeepAlive { request: 0, lease: short }), Reply::LeaseGone);
    assert_eq!(bench.commit(vec![], vec![put("a", Some(short))]), Reply::LeaseGone);
}

#[test]
fn a_lease_that_is_kept_alive_lasts() {
    let mut bench = Bench::default();
    let lease = bench.grant(10);
    bench.put("a", Some(lease));
    for _ in 0..5 {
        bench.wait(9);
        assert_eq!(bench.ask(Event::KeepAlive { request: 0, lease }), Reply::Alive);
    }
    assert_eq!(bench.kv.next_deadline(), Some(bench.now + Duration::from_secs(10)));
    assert_eq!(bench.ask(Event::Revoke { request: 0, lease }), Reply::Revoked);
    assert_eq!(bench.keys(""), [""; 0]);
    assert_eq!(bench.ask(Event::Revoke { request: 0, lease }), Reply::LeaseGone);
    assert_eq!(bench.kv.next_deadline(), None);
}

#[test]
fn a_watch_tells_what_it_missed_or_that_it_is_forgotten() {
    let mut bench = Bench::default();
    for _ in 0..HISTORY {
        bench.put("a", None);
    }
    let [Command::Changed { changes, .. }] = &bench.watch("a", 9_998)[..] else { panic!("nothing missed") };
    assert_eq!(changes.iter().map(Change::revision).collect::<Vec<_>>(), [9_999, 10_000]);
    bench.kv.handle(bench.now, Event::Unwatch { watch: 1 }, &mut bench.out);
    bench.put("b", None);
    assert_eq!(bench.watch("a", 0), [Command::Compacted { watch: 1 }]);
    assert_eq!(bench.watch("c", 1), []);
}

#[test]
fn what_breaks_a_limit_is_refused_whole() {
    let mut bench = Bench::default();
    let twice = bench.commit(vec![], vec![put("a", None), delete("a")]);
    assert_eq!(twice, Reply::Refused(Refusal::WrittenTwice));
    let many = (0..=MAX_WRITES).map(|number| put(&number.to_string(), None)).collect();
    assert_eq!(bench.commit(vec![], many), Reply::Refused(Refusal::TooManyWrites));
    let long = Write::Put { key: "a".to_owned(), value: vec![0; MAX_VALUE + 1].into(), lease: None };
    assert_eq!(bench.commit(vec![], vec![long]), Reply::Refused(Refusal::ValueTooLong));
    assert_eq!(bench.kv.revision(), 0);
}
