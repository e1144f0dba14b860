//! Large templates: honest ones render, and those that the parser could not hold are refused.

use cart_erb::{Context, ErbErrorKind, RealFiles, render};

use crate::support::{ENVIRONMENT, cart_erb, run, write};

/// A megabyte of one line after the other.
fn megabyte(line: &str) -> String {
    line.repeat(1024 * 1024 / line.len())
}

#[test]
fn a_megabyte_of_plain_tags_renders() {
    let folder = tempfile::tempdir().unwrap();
    // What each gives, a real Ruby has said in tests/fixtures/templates/text.
    for (lines, rendered) in [
        (
            include_str!("../fixtures/templates/text/line_of_a_large_template.erb"),
            include_str!("../fixtures/templates/text/line_of_a_large_template.out"),
        ),
        (
            include_str!("../fixtures/templates/text/lines_of_a_large_template.erb"),
            include_str!("../fixtures/templates/text/lines_of_a_large_template.out"),
        ),
    ] {
        let template = megabyte(lines);
        write(&folder.path().join("t.erb"), &template);
        let output = run(&cart_erb(), &["t.erb"], folder.path(), &ENVIRONMENT);
        let said = String::from_utf8_lossy(&output.stderr);
        let wanted = rendered.repeat(template.len() / lines.len());
        assert!(String::from_utf8_lossy(&output.stdout) == wanted, "{lines}: {said}");
    }
}

/// How the library refuses a template.
fn limit(template: &str) -> String {
    let context = Context::new([("A", "a")], RealFiles);
    match render(template.as_bytes(), "t", &context) {
        Err(error) if matches!(error.kind, ErbErrorKind::Limit { .. }) => error.to_string(),
        other => panic!("{:?} for {}", other.map(|_| ()), &template[..template.len().min(100)]),
    }
}

#[test]
fn what_the_parser_could_not_hold_is_refused_with_its_line_and_a_remedy() {
    let refused = [
        ("x = {1 => 1, ".to_owned() + &"1 => 1, ".repeat(30_000) + "}", "pairs"),
        ("f(".to_owned() + &"a: 1, ".repeat(30_000) + "a: 1)", "pairs"),
        ("f(".to_owned() + &"'a': 1, ".repeat(30_000) + "'a': 1)", "pairs"),
        ("case a\n".to_owned() + &"when 1\n".repeat(30_000) + "end", "clauses"),
        ("begin\n".to_owned() + &"rescue A\n".repeat(30_000) + "end", "clauses"),
        ((0..20_000).map(|i| format!("v{i}=1;a{{}};")).collect(), "blocks times names"),
        ("a\r".repeat(30_000), "carriage returns"),
        ("a;".repeat(1024 * 1024), "bytes of tags"),
        ("-".repeat(100_000) + "1", "levels deep"),
        ("(".repeat(10 * 1024 * 1024), "bytes of tags"),
    ];
    for (code, what) in refused {
        let said = limit(&format!("text\n<% if false\n{code}\nend %>"));
        assert!(
            ["t:2: gave up: ", "t:3: gave up: "].iter().any(|start| said.starts_with(start)),
            "{said}"
        );
        assert!(said.contains(what), "{what}: {said}");
    }
    let comments = "<% x = 1 %>".to_owned() + &"<%##%>a".repeat(500_000);
    assert!(limit(&comments).contains("bytes of tags"));
    assert!(limit(&"\n".repeat(20_000_000)).contains("bytes in one template"));
}

#[test]
fn text_is_not_what_the_parser_gets_line_by_line() {
    // Half a gigabyte, if it were.
    let template = "\n".repeat(1_000_000) + "<% x = 1 %><%= x %>";
    let rendered = duct::cmd("prlimit", ["--as=536870912", cart_erb().to_str().unwrap(), "-"])
        .stdin_bytes(template)
        .stdout_capture()
        .unchecked()
        .run()
        .unwrap();
    assert!(rendered.status.success(), "{}", rendered.status);
    assert_eq!(rendered.stdout.len(), 1_000_001);
}
