//! End-to-end tests: the built server as a child process, real functions in real sandboxes, real clients.

mod bad_input;
mod balancers;
mod callbacks;
mod chaos;
mod concurrency;
mod dev;
mod examples;
mod fires;
mod follow;
mod functions;
mod keys;
mod lifecycle;
mod limits;
mod logs;
mod neighbours;
mod npm;
mod projects;
mod sequences;
mod streaming;
mod updates;
mod web;
