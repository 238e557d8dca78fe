//! Composition: configuration, back ends, links, roles.
