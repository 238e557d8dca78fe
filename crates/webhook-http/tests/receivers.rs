//! Against receivers on this machine: what is sent, who may be spoken to, and what receivers may do wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use oxiwhisk_webhook_http::{Config, HttpWebhook, Network};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use webhook::{Call, CallError, Webhook};

fn config(networks: &[Network]) -> Config {
    Config { networks: networks.to_vec(), timeout: Duration::from_secs(5) }
}

fn local() -> HttpWebhook {
    HttpWebhook::new(config(&Network::LOOPBACK))
}

fn call(target: &str) -> Call {
    let mut headers = HeaderMap::new();
    headers.insert("x-test", HeaderValue::from_static("yes"));
    Call { target: target.parse().unwrap(), headers, body: Bytes::from_static(b"{\"a\":1}") }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Reads one request, answers it, and gives the request's text back.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"{\"a\":1}") {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the request ends early: {:?}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&bytes[..count]);
    }
    // The other side may have seen enough already.
    let _ = stream.write_all(text).await;
    String::from_utf8(request).unwrap()
}

fn sources(error: &CallError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_call_is_a_post_and_its_answer_a_status() {
    let (listener, port) = listen().await;
    let client = local();
    let calling = client.call(call(&format!("http://localhost:{port}/hook?x=1")));
    let serving =
        async { answer(listener.accept().await.unwrap().0, b"HTTP/1.1 204 No Content\r\n\r\n").await };
    let (status, request) = tokio::join!(calling, serving);
    assert_eq!(status.unwrap(), StatusCode::NO_CONTENT);
    let head = request.to_ascii_lowercase();
    assert!(head.starts_with("post /hook?x=1 http/1.1\r\n"), "{head}");
    for line in [format!("host: localhost:{port}"), "x-test: yes".into(), "content-length: 7".into()] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_bodies_are_not_read() {
    let (listener, port) = listen().await;
    let client = local();
    let calling = client.call(call(&format!("http://127.0.0.1:{port}/")));
    let serving = async {
        let stream = listener.accept().await.unwrap().0;
        let mut text =
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 99999999\r\n\r\n"
                .to_vec();
        text.resize(8 << 20, b'x');
        answer(stream, &text).await
    };
    let (status, _) = tokio::join!(calling, serving);
    assert_eq!(status.unwrap(), StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn nobody_is_spoken_to_who_is_not_on_the_internet_unless_it_is_allowed() {
    let (listener, port) = listen().await;
    let strict = HttpWebhook::new(config(&[]));
    let literal = call(&format!("http://127.0.0.1:{port}/"));
    assert!(strict.check(&literal.target).is_err());
    // A name is judged by what it leads to, and an IPv6 address by the IPv4 one in it.
    for target in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"] {
        let error = strict.call(call(&format!("http://{target}:{port}/"))).await.unwrap_err();
        let refused = matches!(error, CallError::Forbidden(_));
        assert!(refused, "{target}: {}", sources(&error));
    }
    assert!(strict.check(&call("http://localhost/").target).is_ok());
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "a connection was made");
    let one: Network = "127.0.0.0/8".parse().unwrap();
    assert!(HttpWebhook::new(config(&[one])).check(&literal.target).is_ok());
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_given_up() {
    let (listener, port) = listen().await;
    let client =
        HttpWebhook::new(Config { timeout: Duration::from_millis(100), ..config(&Network::LOOPBACK) });
    let (error, accepted) =
        tokio::join!(client.call(call(&format!("http://127.0.0.1:{port}/"))), listener.accept());
    assert!(matches!(error, Err(CallError::TooSlow)), "{error:?}");
    // And the connection is closed.
    let mut rest = Vec::new();
    let mut stream = accepted.unwrap().0;
    let closed = stream.read_to_end(&mut rest);
    let _ = tokio::time::timeout(Duration::from_secs(5), closed).await.expect("the connection ends");
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure() {
    for nonsense in [&b"nonsense\r\n\r\n"[..], b"HTTP/1.1 200", b"", &[b'x'; 100_000]] {
        let (listener, port) = listen().await;
        let client = local();
        let serving = async { answer(listener.accept().await.unwrap().0, nonsense).await };
        let (outcome, _) = tokio::join!(client.call(call(&format!("http://127.0.0.1:{port}/"))), serving);
        assert!(matches!(outcome, Err(CallError::Failed { .. })), "{outcome:?}");
    }
    let (listener, port) = listen().await;
    drop(listener);
    let refused = local().call(call(&format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot connect to the receiver");
}

#[tokio::test]
async fn tls_is_spoken_with_those_whose_certificate_is_trusted() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let (listener, port) = listen().await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let target = format!("https://localhost:{port}/");
    let trusting = HttpWebhook::with_roots(config(&Network::LOOPBACK), roots);
    let serving = async {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await
    };
    let (status, request) = tokio::join!(trusting.call(call(&target)), serving);
    assert_eq!(status.unwrap(), StatusCode::OK);
    assert!(request.starts_with("POST / HTTP/1.1"), "{request}");
    let strict = local();
    let serving = async { acceptor.accept(listener.accept().await.unwrap().0).await.is_err() };
    let (outcome, failed) = tokio::join!(strict.call(call(&target)), serving);
    assert_eq!(outcome.unwrap_err().to_string(), "cannot trust the receiver");
    assert!(failed, "no request was sent");
}
