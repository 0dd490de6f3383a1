//! The language-neutral facade of the bindings: api table, inbox, tickets, wakers.
