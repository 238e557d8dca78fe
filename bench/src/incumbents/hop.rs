//! Y3: nginx and haproxy as one hop in front of a server, with kept connections on both sides and no log.

use super::{Daemon, find};
use oxiwhisk_test_e2e::server::free_port;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// A proxy; its configuration goes with it.
#[derive(Debug)]
pub struct Hop {
    daemon: Daemon,
    _scratch: tempfile::TempDir,
}

impl Hop {
    /// nginx with so many workers.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub fn nginx(upstream: SocketAddr, workers: usize) -> io::Result<Hop> {
        let program = find("nginx", "nginx-light")?;
        let port = free_port();
        Hop::start(&program, port, |dir| {
            let text = format!(
                "daemon off; master_process on; worker_processes {workers}; pid {dir}/pid; error_log /dev/null;\n\
                 user root;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{\n  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600s;\n\
                 client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};\n\
                 uwsgi_temp_path {dir}; scgi_temp_path {dir};\n\
                 upstream function {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}\n\
                 server {{ listen 127.0.0.1:{port} backlog=1024;\n\
                 location / {{ proxy_pass http://function; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; }} }}\n}}\n"
            );
            (text, vec!["-c".to_owned(), format!("{dir}/config"), "-p".to_owned(), dir.to_owned()])
        })
    }

    /// haproxy with so many threads.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub fn haproxy(upstream: SocketAddr, workers: usize) -> io::Result<Hop> {
        let program = find("haproxy", "haproxy")?;
        let port = free_port();
        Hop::start(&program, port, |dir| {
            let text = format!(
                "global\n  nbthread {workers}\n  maxconn 1024\n\
                 defaults\n  mode http\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n\
                 option http-keep-alive\n  http-reuse always\n\
                 frontend front\n  bind 127.0.0.1:{port}\n  default_backend function\n\
                 backend function\n  server one {upstream}\n"
            );
            (text, vec!["-db".to_owned(), "-q".to_owned(), "-f".to_owned(), format!("{dir}/config")])
        })
    }

    fn start(
        program: &Path,
        port: u16,
        configure: impl FnOnce(&str) -> (String, Vec<String>),
    ) -> io::Result<Hop> {
        let scratch = tempfile::tempdir()?;
        let (text, arguments) = configure(&scratch.path().to_string_lossy());
        std::fs::write(scratch.path().join("config"), text)?;
        Ok(Hop { daemon: Daemon::start(program, arguments, port)?, _scratch: scratch })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.daemon.address
    }
}
