//! cart-erb with a real `erb`: needs Ruby, so `cargo test` leaves it to `cargo xtask test`, or to
//! `cargo test -p cart-erb --test real_erb`.

#[test]
fn backticks_are_rendered_by_a_real_erb() {
    let found = duct::cmd!("erb", "--version").stdout_null().stderr_null().run();
    assert!(found.is_ok(), "no `erb` is on the search path (Debian: apt-get install ruby)");
    let rendered = duct::cmd!(env!("CARGO_BIN_EXE_cart-erb"), "-")
        .stdin_bytes("a\n<%= `printf hi` %>\n")
        .read()
        .expect("a template that cart-erb refuses is rendered by the real one");
    assert_eq!(rendered, "a\nhi");
}
