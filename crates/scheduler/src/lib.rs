//! Queues, their ownership and the orders for containers.
