//! The four echoes of OpenWhisk's slides, which said why its older design had to go: many actions in turn, two actions
//! with room for one container, pausing, and many containers on one queue. Each on our design and, where that differs, on
//! the older ones over the same invokers and containers.

mod actions;
mod alternation;
mod one_queue;
mod pauses;

use super::Scene;

pub(super) const ACTIONS: Scene = Scene {
    name: "slides",
    metrics: &["E1"],
    about: "1, 10 and 100 actions in turn, on pull and on the older designs",
    quick: true,
    run: actions::run,
};

pub(super) const ALTERNATION: Scene = Scene {
    name: "slides-two",
    metrics: &["B26"],
    about: "two actions in turn with room for one container",
    quick: false,
    run: alternation::run,
};

pub(super) const PAUSES: Scene = Scene {
    name: "slides-pauses",
    metrics: &["E3"],
    about: "calls that resume and pause containers",
    quick: false,
    run: pauses::run,
};

pub(super) const ONE_QUEUE: Scene = Scene {
    name: "slides-queue",
    metrics: &["B27"],
    about: "from one to 200 containers on one queue, and another action meanwhile",
    quick: false,
    run: one_queue::run,
};
