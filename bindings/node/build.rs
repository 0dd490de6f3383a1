//! Tells the linker where the symbols of Node come from.

fn main() {
    napi_build::setup();
}
