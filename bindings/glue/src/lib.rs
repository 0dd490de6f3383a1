//! The language-neutral façade that every binding converts to and from.
//!
//! A call becomes a ticket, goes out by the client core, and comes back through the inbox: one
//! ordered queue per client with completions, watch events, state changes and recipe events, in
//! the order the session saw them. The host is woken once when the queue becomes non-empty and
//! drains it on its own thread, so no runtime thread enters Python or JavaScript and no user code
//! runs on a runtime thread.

pub mod api;
