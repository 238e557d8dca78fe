//! `wsk` over TLS and plain TCP, against a server of one connection that shows what it was sent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use base64::Engine as _;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::JoinHandle;

/// An authority, and a certificate and key that it made for `localhost`, in files.
struct Authority {
    dir: tempfile::TempDir,
    own: Certificate,
    cert: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Authority {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &issuer).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), pem("CERTIFICATE", own.der())).unwrap();
        std::fs::write(dir.path().join("cert.pem"), pem("CERTIFICATE", cert.der())).unwrap();
        std::fs::write(dir.path().join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
        Authority { dir, own, cert, key }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What serves with the certificate; `clients` must have one of this authority.
    fn server(&self, clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.own.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![self.cert.der().clone()];
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Answers one request with `["ns"]`, and tells its head and body; nothing where the handshake fails.
fn serve(tls: Option<Arc<ServerConfig>>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        match tls {
            None => answer(stream),
            Some(config) => answer(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)),
        }
    });
    (port, serving)
}

fn answer(mut stream: impl Read + Write) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !complete(&request) {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
            _ => return String::new(),
        }
    }
    let body = r#"["ns"]"#;
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.flush().unwrap();
    String::from_utf8(request).unwrap()
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn wsk(arguments: &[&str], authority: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsk"));
    command.args(["--auth", "id:key"]).args(arguments).env("WSK_CONFIG_FILE", "/nonexistent/wskprops");
    for name in [
        "WHISK_APIHOST",
        "WHISK_AUTH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env_remove(name.to_lowercase());
        command.env_remove(name);
    }
    if let Some(file) = authority {
        command.env("SSL_CERT_FILE", file);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_server_is_believed_by_a_private_authority_or_by_insecure_alone() {
    let authority = Authority::new();
    let other = Authority::new();
    let ca = authority.file("ca.pem");
    for (flag, root, good) in [
        (None, Some(ca), true),
        (None, Some(other.file("ca.pem")), false),
        (Some("-i"), Some(other.file("ca.pem")), true),
    ] {
        let (port, serving) = serve(Some(authority.server(false)));
        let host = format!("https://localhost:{port}");
        let mut arguments = vec!["--apihost", &host, "namespace", "list"];
        arguments.extend(flag);
        let output = wsk(&arguments, root.as_deref());
        let request = serving.join().unwrap();
        assert_eq!(output.status.code(), Some(if good { 0 } else { 3 }), "{flag:?} {}", text(&output.stderr));
        assert_eq!(!request.is_empty(), good);
        if !good {
            assert!(text(&output.stderr).contains("certificate"), "{}", text(&output.stderr));
        }
    }
}

#[test]
fn a_client_shows_its_certificate() {
    let authority = Authority::new();
    let ca = authority.file("ca.pem");
    let (cert, key) = (authority.file("cert.pem"), authority.file("key.pem"));
    let pair = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
    for (more, exit) in [(&pair[..], 0), (&[], 3)] {
        let (port, serving) = serve(Some(authority.server(true)));
        let host = format!("https://localhost:{port}");
        let arguments: Vec<&str> =
            ["--apihost", &host, "namespace", "list"].into_iter().chain(more.iter().copied()).collect();
        let output = wsk(&arguments, Some(&ca));
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
        assert_eq!(!serving.join().unwrap().is_empty(), exit == 0);
    }
}

#[test]
fn cli_01_requests_have_key_agent_and_json() {
    let (port, serving) = serve(None);
    let host = format!("http://127.0.0.1:{port}");
    wsk(&["--apihost", &host, "trigger", "fire", "t", "-p", "a", "<1>"], None);
    let request = serving.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /api/v1/namespaces/_/triggers/t"), "{head}");
    assert!(head.contains("authorization: basic awq6a2v5"), "{head}");
    assert!(head.contains("user-agent: openwhisk-cli/1.0 ("), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, r#"{"a":"<1>"}"#);
}
