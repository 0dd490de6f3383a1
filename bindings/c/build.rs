//! Gives the shared library its versioned name.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if linux {
        // The number is that of the ABI: see include/ABI.md.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libpinfold.so.0");
    }
}
