//! Queues, their ownership and the orders for containers.
//!
//! A [`Scheduler`] has a queue for every action; a [`Feed`] is what the older designs have in its place.
//!
//! The decisions are `engine`'s. This crate keeps one machine for each queue, one for each namespace and one for the
//! orders, lets whoever has an event drive them, and carries out what they ask for. It must not know invokers or
//! controllers but by their links, and no back end at all.

mod feed;
mod message;
mod namespace;
mod operate;
mod orders;
mod queue;
mod service;

pub use feed::{Feed, Feeds};
pub use service::{Config, Deps, Scheduler};
