//! The C library: libpinfold.
