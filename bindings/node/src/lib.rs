//! The native module of the Node package: conversion between JavaScript values and the façade.
//!
//! Private to the package, whose `src/native.ts` describes it. Methods take positional arguments
//! and answer arrays, which are cheaper to build than objects; a failure is answered as an array
//! too, because an exception that crosses the boundary keeps only its message. Every call is made
//! on a JavaScript thread, and no other thread ever enters JavaScript: the runtime only signals a
//! weak threadsafe function, and the JavaScript thread then drains the inbox.

mod argument;
mod client;
mod error;
mod item;
mod recipe;
mod server;
mod value;

use napi_derive::napi;

/// The table that this module was built with, as JSON.
#[napi]
pub fn api() -> String {
    pinfold_glue::api::json()
}
