//! What functions answer where the platform looks into it.

use crate::requests::with_platform;
use container::ContainerSpec;
use container::RunRequest;
use container::fake::{Reaction, Script};
use http::StatusCode;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A function that answers with these texts in turn, and with its arguments when there are none left.
#[derive(Debug)]
struct Answers {
    texts: Vec<String>,
    next: AtomicUsize,
}

impl Answers {
    /// One line is one answer.
    fn new(text: &str) -> Answers {
        Answers { texts: text.lines().map(str::to_owned).collect(), next: AtomicUsize::new(0) }
    }
}

impl Script for Answers {
    fn run(&self, _: &ContainerSpec, request: &RunRequest) -> Reaction {
        let text = self.texts.get(self.next.fetch_add(1, Ordering::Relaxed));
        Reaction::reply(true, text.map_or(request.value.get(), String::as_str))
    }
}

/// The results of web actions, with each extension.
pub fn web(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let one = text.lines().next().unwrap_or_default();
    let extensions = ["", ".http", ".json", ".html", ".svg", ".text"];
    let answers = Answers { texts: vec![one.to_owned(); extensions.len()], next: AtomicUsize::new(0) };
    with_platform(answers, async |platform| {
        for extension in extensions {
            let asked = platform.ask(&format!("GET /api/v1/web/guest/default/web{extension}")).await;
            let reply = asked.expect("a web action answers");
            // A function may choose any status, so only one that it did not choose is the server's fault.
            let chosen = one.contains("statusCode");
            assert!(chosen || reply.status != StatusCode::INTERNAL_SERVER_ERROR, "{extension}: {reply:?}");
        }
    });
}

/// The answers of a conductor and of what it calls: one line each.
pub fn conductor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    with_platform(Answers::new(text), async |platform| {
        let asked = platform.ask("POST ~/actions/conductor?blocking=true\n\n{}").await;
        let reply = asked.expect("a composition ends");
        let ended = [
            StatusCode::OK,
            StatusCode::BAD_GATEWAY,
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::ACCEPTED,
        ];
        assert!(ended.contains(&reply.status), "{reply:?}");
        // An array as a result is the only whisk error that answers can bring about (DEF-07).
        let internal = reply.status == StatusCode::INTERNAL_SERVER_ERROR;
        assert!(!internal || text.lines().any(|line| line.trim_start().starts_with('[')), "{reply:?}");
    });
}
