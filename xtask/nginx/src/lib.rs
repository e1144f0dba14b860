//! Nothing: this package only names sources (see its Cargo.toml).
