#![expect(unreachable_pub, reason = "the macros declare public items")]

use super::*;
use crate::config::Value;
use std::path::PathBuf;
use std::time::Duration;

crate::config_choice! {
    /// A choice of two.
    pub enum Rules {
        /// The first.
        Upstream = "upstream",
        /// The second.
        Predictive = "predictive",
    }
}

crate::config_section! {
    /// An inner section.
    pub struct Inner {
        /// How long.
        pub wait: Duration = Duration::from_millis(250),
        /// Which of two.
        pub rules: Rules = Rules::Predictive,
        /// Where it listens.
        pub address: std::net::IpAddr as "IP address" = std::net::Ipv4Addr::LOCALHOST.into(),
        /// How much of it.
        pub share: f64 = 0.5,
    }
    check: Inner::check
}

impl Inner {
    fn check(&self, checks: &mut Checks<'_>) {
        checks.require((0.0..=1.0).contains(&self.share), "share", "between 0 and 1");
    }
}

crate::config_section! {
    /// The whole file.
    pub struct Outer {
        /// How many.
        pub count: u16 = 7,
        /// Where, if anywhere.
        pub place: Option<PathBuf> = None,
        /// Who may.
        pub names: Vec<String> = Vec::new(),
        /// Who has what.
        pub keys: BTreeMap<String, String> = BTreeMap::new(),
        /// Whether at all.
        pub on: bool = true,
        /// What is inside.
        pub inner: Inner = Inner::default(),
    }
}

fn file(text: &str) -> Sources {
    Sources { file: Some(("test.toml".to_owned(), text.to_owned())), ..Sources::default() }
}

fn load(sources: Sources) -> Outer {
    sources.load().unwrap().0
}

fn faults(sources: Sources) -> Vec<String> {
    sources.load::<Outer>().unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn later_layers_override_earlier_ones() {
    assert_eq!(load(Sources::default()), Outer::default());
    let mut sources = file("count = 1\n[inner]\nwait = \"3 s\"\nrules = \"upstream\"\nshare = 1\n");
    sources.environment = vec![
        ("OXIWHISK_COUNT".to_owned(), "2".to_owned()),
        ("OXIWHISK_INNER__WAIT".to_owned(), "4 min".to_owned()),
        ("HOME".to_owned(), "/".to_owned()),
    ];
    let option = |key: &str, text: &str| Override {
        key: key.to_owned(),
        text: text.to_owned(),
        option: "--count".to_owned(),
    };
    sources.overrides = vec![option("count", "3")];
    let (config, origins) = sources.load::<Outer>().unwrap();
    assert_eq!(config.count, 3);
    assert_eq!(config.inner.wait, Duration::from_secs(240));
    assert_eq!(config.inner.rules, Rules::Upstream);
    assert_eq!(origins["count"], Origin::Option("--count".to_owned()));
    assert_eq!(origins["inner.rules"], Origin::File("test.toml".to_owned()));
}

#[test]
fn all_faults_are_reported_at_once() {
    let mut sources = file(concat!(
        "count = 70000\nonn = true\nplace = 3\n",
        "[inner]\nwait = 10\nrules = \"other\"\naddress = \"nowhere\"\nshare = 2.0\n",
        "[outer]\ncount = 1\n",
    ));
    sources.environment = vec![
        ("OXIWHISK_ON".to_owned(), "perhaps".to_owned()),
        ("OXIWHISK_INNER_WAIT".to_owned(), "1 s".to_owned()),
    ];
    sources.overrides =
        vec![Override { key: "inner.shar".to_owned(), text: "1".to_owned(), option: "--set".to_owned() }];
    let expected = [
        "environment variable OXIWHISK_INNER_WAIT: it is no key of the configuration; did you mean OXIWHISK_INNER__WAIT?",
        "inner.shar (option --set): there is no such key; did you mean inner.share?",
        "count (test.toml): 70000 does not fit: it must be between 0 and 65535; expected: whole number",
        "place (test.toml): 3 does not fit; expected: path",
        "on (environment variable OXIWHISK_ON): \"perhaps\" does not fit; expected: true or false",
        "inner.wait (test.toml): 10 does not fit: it needs quotes and a unit; \
         expected: duration such as \"10 s\" (us, ms, s, min, h, d)",
        "inner.rules (test.toml): \"other\" does not fit; expected: \"upstream\" or \"predictive\"",
        "inner.address (test.toml): \"nowhere\" does not fit; expected: IP address",
        "inner.share (test.toml): the value is not allowed; expected: between 0 and 1",
        "onn (test.toml): there is no such key; did you mean on?",
        "outer (test.toml): there is no such key",
    ];
    assert_eq!(faults(sources), expected);
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    let faults = faults(file("count = 1\ncount 2\n"));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("test.toml: TOML parse error at line 2"), "{}", faults[0]);
}

#[test]
fn a_value_is_no_section_and_a_section_is_no_value() {
    assert_eq!(
        faults(file("inner = 1")),
        ["inner (test.toml): 1 is not a section; write [inner] and its keys"]
    );
    assert_eq!(faults(file("[count]\nx = 1")).len(), 1);
}

#[test]
fn lists_and_tables_can_be_texts() {
    let mut sources = file("names = [\"a\"]\n[keys]\nguest = \"k\"\n");
    assert_eq!(load(sources.clone()).keys["guest"], "k");
    sources.environment = vec![
        ("OXIWHISK_NAMES".to_owned(), "a, b".to_owned()),
        ("OXIWHISK_KEYS".to_owned(), "{ x = \"1\", y = \"2\" }".to_owned()),
    ];
    let config = load(sources.clone());
    assert_eq!(config.names, ["a", "b"]);
    assert_eq!(config.keys.len(), 2);
    sources.environment = vec![("OXIWHISK_NAMES".to_owned(), "[\"c,d\"]".to_owned())];
    assert_eq!(load(sources).names, ["c,d"]);
}

#[test]
fn variables_of_service_links_are_passed_over() {
    let pairs = [
        ("OXIWHISK_SERVICE_HOST", "10.0.0.1"),
        ("OXIWHISK_PORT", "tcp://10.0.0.1:3233"),
        ("OXIWHISK_PORT_3233_TCP_ADDR", "10.0.0.1"),
        ("OXIWHISK_CONTROLLER_SERVICE_PORT_HTTP", "3233"),
        ("OXIWHISK_CONFIG", "file.toml"),
    ];
    let environment = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    assert_eq!(load(Sources { environment, ..Sources::default() }), Outer::default());
}

#[test]
fn what_is_shown_as_default_can_be_read_back() {
    let texts = entries::<Outer>().into_iter().filter_map(|entry| match entry {
        Entry::Key { key, default: Some(default), .. } => Some(format!("{key} = {default}\n")),
        Entry::Key { .. } | Entry::Section { .. } => None,
    });
    let text: String = texts.collect();
    assert_eq!(text.lines().count(), 8, "{text}");
    assert_eq!(load(file(&text)), Outer::default());
}

#[test]
fn durations_have_units() {
    for (text, duration) in [
        ("0 s", Duration::ZERO),
        ("15us", Duration::from_micros(15)),
        ("250 ms", Duration::from_millis(250)),
        ("90 s", Duration::from_secs(90)),
        ("2 min", Duration::from_secs(120)),
        ("7 d", Duration::from_secs(7 * 86_400)),
    ] {
        assert_eq!(Duration::parse(Raw::Text(text)), Ok(duration));
        let shown = duration.show().unwrap();
        assert_eq!(Duration::parse(Raw::Text(shown.trim_matches('"'))), Ok(duration), "{shown}");
    }
    for bad in ["", "1", "s", "1.5 s", "-1 s", "1 week", "99999999999999999 d"] {
        assert!(Duration::parse(Raw::Text(bad)).is_err(), "{bad}");
    }
}
