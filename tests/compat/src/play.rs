use crate::conversation::{Conversation, Step, Words};
use oxiwhisk_test_e2e::api::basic;
use oxiwhisk_test_e2e::{Client, GUEST, Options, Request, Response, SYSTEM, Server, shape, time};
use serde_json::{Value, json};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// How long a step that is repeated may take until it fits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whom to talk to.
#[derive(Debug)]
pub struct Host {
    address: SocketAddr,
    key: String,
    /// The key of another namespace.
    other: String,
    // Ours, if it is.
    _server: Option<Server>,
}

impl Host {
    /// The host that the environment names, or a server of our own. `None`: the conversation needs settings that the host
    /// does not have.
    ///
    /// # Panics
    /// When neither can be had.
    #[must_use]
    pub fn for_conversation(conversation: &Conversation) -> Option<Host> {
        let settings = &conversation.settings;
        let Ok(url) = std::env::var("OXIWHISK_COMPAT_URL") else {
            let told = |options: Options, setting: &String| options.argument("--set").argument(setting);
            let server = Server::start(&settings.iter().fold(Options::default(), told));
            let (key, other) = (GUEST.to_owned(), SYSTEM.to_owned());
            return Some(Host { address: server.address(), key, other, _server: Some(server) });
        };
        let other = std::env::var("OXIWHISK_COMPAT_OTHER_KEY").unwrap_or_else(|_| SYSTEM.to_owned());
        let key = std::env::var("OXIWHISK_COMPAT_KEY").unwrap_or_else(|_| GUEST.to_owned());
        let place = url
            .strip_prefix("http://")
            .expect("OXIWHISK_COMPAT_URL begins with http://")
            .trim_end_matches('/');
        let mut found = place.to_socket_addrs().unwrap_or_else(|problem| panic!("{place}: {problem}"));
        let address = found.next().unwrap_or_else(|| panic!("{place} has no address"));
        settings.is_empty().then_some(Host { address, key, other, _server: None })
    }
}

/// Takes all steps of a conversation and gives what was wrong, a paragraph for each step.
///
/// # Panics
/// When the host does not even say what it is.
#[must_use]
pub fn play(conversation: &Conversation, host: &Host) -> Vec<String> {
    let client = Client::new(host.address);
    let mut words = first_words(&client, host);
    let mut wrong = Vec::new();
    for step in &conversation.steps {
        if let Err(fault) = take(step, &client, host, &mut words) {
            wrong.push(format!("{} ({}): {}\n{fault}\n", step.shows, step.rules, step.request));
        }
    }
    wrong
}

/// `p`: a prefix for names, new in every run; `ns`: the caller's namespace; `other`: another one; `nodejs`, `python` …: the default kinds.
fn first_words(client: &Client, host: &Host) -> Words {
    let mut words = Words::default();
    words.set("p", &json!(format!("t{:x}", time::unix_millis())));
    let ask = |target: &str, key: &str| {
        let request = Request::new("GET", target).header("Authorization", &basic(key));
        client.send(&request).unwrap_or_else(|problem| panic!("{}: {problem}", host.address)).json()
    };
    words.set("ns", &ask("/api/v1/namespaces", &host.key)[0]);
    words.set("other", &ask("/api/v1/namespaces", &host.other)[0]);
    let root = ask("/", &host.key);
    for (family, kinds) in root["runtimes"].as_object().into_iter().flatten() {
        let kinds = kinds.as_array().into_iter().flatten();
        if let Some(kind) = kinds.into_iter().find(|kind| kind["default"] == true) {
            words.set(family, &kind["kind"]);
        }
    }
    words
}

fn take(step: &Step, client: &Client, host: &Host, words: &mut Words) -> Result<(), String> {
    let request = request_of(step, host, words)?;
    let look = |client: &Client| -> Result<Value, String> {
        let answer = client.send(&request).map_err(|problem| problem.to_string())?;
        check(step, &answer, words)
            .map_err(|fault| format!("{fault}\nanswer: {} {}", answer.status, answer.text()))
    };
    let body = if step.eventually {
        let mut last = Ok(Value::Null);
        time::poll(PATIENCE, || {
            last = look(client);
            last.is_ok().then_some(())
        });
        last?
    } else {
        look(client)?
    };
    for (name, place) in &step.save {
        words.set(name, body.pointer(place).ok_or_else(|| format!("nothing stands at {place} of {body}"))?);
    }
    Ok(())
}

fn request_of(step: &Step, host: &Host, words: &Words) -> Result<Request, String> {
    let filled = words.fill(&step.request)?;
    let (method, target) = filled.split_once(' ').ok_or("a request is a method and a target")?;
    let target = match target.strip_prefix('~') {
        Some(rest) => format!("/api/v1/namespaces/_{rest}"),
        None => target.to_owned(),
    };
    let mut request = Request::new(method, &target);
    request = match step.auth.as_deref() {
        None | Some("guest") => request.header("Authorization", &basic(&host.key)),
        Some("other") => request.header("Authorization", &basic(&host.other)),
        Some("none") => request,
        Some(other) => match words.fill(other)?.strip_prefix("key ") {
            Some(key) => request.header("Authorization", &basic(key)),
            None => request.header("Authorization", other),
        },
    };
    for (name, value) in &step.headers {
        request = request.header(name, &words.fill(value)?);
    }
    if let Some(body) = &step.body {
        if !step.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        request = request.body(words.fill(body)?);
    }
    Ok(request)
}

fn check(step: &Step, answer: &Response, words: &Words) -> Result<Value, String> {
    if !step.status.fits(answer.status) {
        return Err(format!("status {} where {:?} was expected", answer.status, step.status));
    }
    for (name, wanted) in &step.returns {
        let wanted = Value::String(words.fill(wanted)?);
        match joined(answer, name) {
            None if wanted == "{absent}" => {}
            found => {
                shape::check(&wanted, &json!(found)).map_err(|fault| format!("header {name}: {fault}"))?
            }
        }
    }
    let text = answer.text();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if let Some(expect) = &step.expect {
        let expect = words.fill(expect)?;
        let wanted: Value =
            serde_json::from_str(&expect).map_err(|problem| format!("{problem} in {expect}"))?;
        shape::check(&open_envelope(wanted), &body)?;
    }
    Ok(body)
}

/// The values of all headers of that name, with commas between them.
fn joined(answer: &Response, name: &str) -> Option<String> {
    let named = answer.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// An error body may say more than upstream's two fields; a shape that names just those lets it.
fn open_envelope(mut wanted: Value) -> Value {
    if let Some(members) = wanted.as_object_mut()
        && members.len() == 2
        && members.contains_key("error")
        && members.contains_key("code")
    {
        members.insert("...".to_owned(), Value::from(0));
    }
    wanted
}
