//! The harness of the end-to-end tests: starts the built server as a child process, speaks HTTP to it, looks at the
//! processes it has made, and compares answers with shapes.
//!
//! It knows the server as its users do, by its command line and its REST interface, and none of our other crates.

pub mod api;
pub mod examples;
pub mod http;
pub mod processes;
pub mod server;
pub mod shape;
pub mod time;
pub mod wsk;
pub mod zipped;

pub use api::{Api, GUEST, SYSTEM};
pub use http::{Client, Request, Response};
pub use server::{Options, Server};
pub use wsk::Wsk;
