//! Consensus behind a narrow trait: messages in, messages out, time passed in.
