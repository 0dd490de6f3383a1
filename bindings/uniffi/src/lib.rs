//! A UniFFI preview over the glue: Kotlin, Swift, Ruby.
