//! The controller as its clients see it: requests in, responses out, no sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

extern crate oxiwhisk_controller as controller;

mod actions;
mod activations;
mod admin;
mod admin_limits;
mod admin_subjects;
mod auth;
mod balancers;
mod better;
mod callbacks;
mod conductors;
mod docs;
mod entities;
mod errors;
mod events;
mod http;
mod invoke;
mod kit;
mod limits;
mod locked;
mod lost;
mod operators;
mod package_api;
mod packages;
mod rules;
mod sequences;
mod throttle;
mod triggers;
mod web;
