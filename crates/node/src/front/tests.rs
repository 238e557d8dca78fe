use super::*;
use base::shutdown::Shutdown;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DEADLINE: Duration = Duration::from_secs(10);

/// A front without a controller, which answers `/ping` only and lets other requests wait.
struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    ended: tokio::sync::oneshot::Receiver<()>,
}

fn start(config: &Server) -> Running {
    let config = Server { host: Ipv4Addr::LOCALHOST.into(), port: 0, ..config.clone() };
    let front = Front::bind(&config).unwrap();
    let shutdown = Shutdown::new();
    let address = front.address();
    let (send, ended) = tokio::sync::oneshot::channel();
    let serving = front.serve(Service::default(), shutdown.watch());
    spawn("front", OnPanic::Log, async move {
        serving.await;
        let _ = send.send(());
    });
    Running { address, shutdown, ended }
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn send(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads one answer; its whole text.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = async {
        loop {
            let mut bytes = [0; 512];
            let count = stream.read(&mut bytes).await.unwrap();
            text.extend_from_slice(&bytes[..count]);
            if count == 0 || text.ends_with(b"pong") {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("an answer comes");
    String::from_utf8(text).unwrap()
}

/// Waits until the other side closes.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    // A reset is an end as well.
    let _ = reading.expect("the connection ends");
}

#[tokio::test]
async fn http_09_ping_is_answered_before_the_controller_is_there() {
    let running = start(&Server::default());
    let mut stream = connect(running.address).await;
    for _ in 0..2 {
        send(&mut stream, "/ping").await;
        let text = answer(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    }
}

#[tokio::test]
async fn a_taken_port_is_said_with_advice() {
    let running = start(&Server::default());
    let address = running.address;
    let config = Server { host: address.ip(), port: address.port(), ..Server::default() };
    let text = crate::chain(&Front::bind(&config).unwrap_err());
    assert!(
        text.starts_with(&format!("cannot listen at {address}; another program listens there")),
        "{text}"
    );
}

#[tokio::test]
async fn http_18_idle_connections_are_closed() {
    let running = start(&Server { idle_timeout: Duration::from_millis(100), ..Server::default() });
    let mut silent = connect(running.address).await;
    let mut slow = connect(running.address).await;
    slow.write_all(b"GET /ping HT").await.unwrap();
    let mut used = connect(running.address).await;
    send(&mut used, "/ping").await;
    answer(&mut used).await;
    for stream in [&mut silent, &mut slow, &mut used] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn further_connections_wait_until_one_closes() {
    let running = start(&Server { max_connections: 1, ..Server::default() });
    let mut first = connect(running.address).await;
    send(&mut first, "/ping").await;
    answer(&mut first).await;
    let mut second = connect(running.address).await;
    send(&mut second, "/ping").await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.readable()).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    assert!(answer(&mut second).await.contains("pong"));
}

#[tokio::test]
async fn a_drain_closes_idle_connections_and_ends_when_the_last_one_is_gone() {
    let running = start(&Server::default());
    let mut idle = connect(running.address).await;
    send(&mut idle, "/ping").await;
    answer(&mut idle).await;
    let mut waiting = connect(running.address).await;
    send(&mut waiting, "/").await;
    // The front has read the request when a later one on another connection has been answered.
    send(&mut idle, "/ping").await;
    answer(&mut idle).await;
    running.shutdown.advance(Phase::Draining);
    closed(&mut idle).await;
    let refused = async {
        while TcpStream::connect(running.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("new connections are refused");
    let mut ended = running.ended;
    assert!(ended.try_recv().is_err(), "a request is still under way");
    drop(waiting);
    tokio::time::timeout(DEADLINE, ended).await.expect("the drain ends").unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_nobody() {
    let running = start(&Server::default());
    let mut waiting = connect(running.address).await;
    send(&mut waiting, "/").await;
    running.shutdown.advance(Phase::Stopped);
    tokio::time::timeout(DEADLINE, running.ended).await.expect("the front ends").unwrap();
    closed(&mut waiting).await;
}

#[tokio::test]
async fn err_16_a_panic_is_an_internal_error() {
    use http_body_util::BodyExt;
    let response = guarded(async { panic!("a fault of this test") }).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(br#"{"error":"There was an internal server error.","code":""#), "{body:?}");
    let answer = guarded(async { pong() }).await;
    assert_eq!(answer.status(), StatusCode::OK);
}
