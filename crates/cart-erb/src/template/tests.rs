mod fixtures;

use super::*;
use crate::FileTest;
use crate::RealFiles;

const ENVIRONMENT: [(&str, &str); 5] =
    [("A", "a"), ("EMPTY", ""), ("N", "42"), ("HOST", "app-dom.example.com"), ("ZERO", "0")];

fn context() -> Context {
    Context::new(ENVIRONMENT, RealFiles)
}

fn rendered(source: &str) -> String {
    match render(source.as_bytes(), "t.erb", &context()) {
        Ok(rendered) => String::from_utf8(rendered.bytes).unwrap(),
        Err(error) => format!("{error}"),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(rendered(source), *expected, "{source}");
    }
}

#[test]
fn nothing_is_trimmed() {
    check(&[
        ("", ""),
        ("a\nb", "a\nb"),
        ("<% x = 1 %>\n<%= x %>\n", "\n1\n"),
        ("<%= 1 -%>\n", "t.erb:1: syntax error, unexpected tRPAREN"),
        ("a\n<%- x %>\n", "t.erb:2: undefined local variable or method `x' (NameError)"),
    ]);
}

#[test]
fn percent_lines_and_escapes() {
    check(&[
        ("% if true\na\n% end\nb", "a\nb"),
        ("%% a\n % b\n", "% a\n % b\n"),
        ("<%% %> %%> <%= '%%>' %>", "<% %> %%> %>"),
        ("<%= 'a %> b' %>", "t.erb:1: syntax error, unexpected tGT"),
        ("a <%= 1", "a  1"),
    ]);
}

#[test]
fn comments_swallow_what_the_program_has_behind_them() {
    check(&[
        ("<% # c %> text\nnext", "next"),
        ("<%# c %> text\nnext", " text\nnext"),
        ("<%= 1 # c\n%>x", "1x"),
    ]);
}

#[test]
fn truth_and_nil() {
    check(&[
        ("<%= nil %>|<%= false %>", "|false"),
        ("<%= ENV['EMPTY'] || 'd' %><%= ENV['ZERO'] || 'd' %>", "0"),
        ("<%= ENV['NONE'] || 'd' %>", "d"),
        ("\n<%= nil + 'x' %>", "t.erb:2: undefined method `+' for nil (NoMethodError)"),
        ("\n<%= 'x' + nil %>", "t.erb:2: no implicit conversion of nil into String (TypeError)"),
        ("<%= $SAFE.inspect %>", "nil"),
    ]);
}

#[test]
fn puts_and_print_come_before_the_body() {
    check(&[("a<% puts 'p' %>b<% print 1, nil %>", "p\n1ab")]);
}

#[test]
fn blocks_over_tags() {
    check(&[
        ("<% 2.times do |i| %>\n<%= i %><% end %>", "\n0\n1"),
        ("<% [[1, 2]].each { |a, b| %><%= a + b %><% } %>", "3"),
        ("<% ENV.each do |k, v| %><%= k %>,<% end %>", "A,EMPTY,N,HOST,ZERO,"),
        ("<% (1..9).each do |i| next if i == 2; break if i > 3 %><%= i %><% end %>", "13"),
        ("<%= [1].each do |x| %>", "t.erb:1: syntax error, unexpected tRPAREN"),
    ]);
}

#[test]
fn bytes_pass_through() {
    let source = b"\xEF\xBB\xBF\r\n\0\xFF<%= ENV['A'] + 'b' %>\xC3\r\n";
    let rendered = render(source, "t", &context()).unwrap();
    assert_eq!(rendered.bytes, b"\xEF\xBB\xBF\r\n\0\xFFab\xC3\r\n");
    let context = Context::new([(b"B".to_vec(), b"\xFF\xC3".to_vec())], RealFiles);
    let rendered = render(b"<%= \"#{ENV['B']}\" %>", "t", &context).unwrap();
    assert_eq!(rendered.bytes, b"\xFF\xC3");
}

#[test]
fn file_tests_ask_the_context() {
    let files = |test: FileTest, path: &[u8]| test == FileTest::Exists && path == b"/made/up";
    let context = Context::new([("A", "/made")], files);
    let source = b"<%= File.exist?(File.join(ENV['A'], 'up')) %><%= File.file?('/made/up') %>";
    assert_eq!(render(source, "t", &context).unwrap().bytes, b"truefalse");
}

#[test]
fn a_template_is_rendered_as_often_as_wanted() {
    let template = Template::parse(b"<% ENV['A'] << 'x' rescue 0 %><%= ENV['A'] ||= 'q' %>", "t");
    let template = template.unwrap();
    for value in ["1", "2"] {
        let context = Context::new([("A", value)], RealFiles);
        assert_eq!(template.render(&context).unwrap().bytes, value.as_bytes());
    }
    let none: [(&str, &str); 0] = [];
    assert_eq!(template.render(&Context::new(none, RealFiles)).unwrap().bytes, b"q");
}

#[test]
fn unsupported_constructs_are_named_with_their_line() {
    for (code, construct) in [
        ("`ls`", "backticks"),
        ("%x(ls)", "backticks"),
        ("system('ls')", "`system`"),
        ("exec 'ls'", "`exec`"),
        ("require 'json'", "`require`"),
        ("eval('1')", "`eval`"),
        ("def x; end", "`def`"),
        ("class X; end", "`class`"),
        ("@a", "an instance variable"),
        ("@a ||= 1", "an instance variable"),
        ("File.read('/etc/passwd')", "`File.read`"),
        ("File.write('/tmp/x', 'y')", "`File.write`"),
        ("File.open('/etc/passwd')", "`File.open`"),
        ("IO.popen('ls')", "`IO`"),
        ("open('|ls')", "`open`"),
        ("Dir.glob('*')", "`Dir.glob`"),
        ("Time.now", "`Time`"),
        ("$stdout.puts 1", "the global variable `$stdout`"),
        ("<<X\na\nX\n", "a heredoc"),
        ("lambda { 1 }", "`lambda`"),
        ("-> { 1 }", "a lambda"),
        ("exit", "`exit`"),
        ("warn 'x'", "`warn`"),
        ("'a'.unpack('C')", "`String#unpack`"),
        ("'ab' =~ /a(?=b)/", "look-ahead in a regular expression"),
        ("2 ** 64", "an integer beyond 64 bits"),
        ("1.instance_eval { 2 }", "`Integer#instance_eval`"),
        ("'x'.send(:system, 'ls')", "`String#send`"),
    ] {
        let source = format!("text\n<% x = ({code}) %>");
        let error = render(source.as_bytes(), "t", &context()).unwrap_err();
        let kind = ErbErrorKind::Unsupported { construct: construct.to_owned() };
        assert_eq!((error.line, &error.kind), (2, &kind), "{code}");
        assert!(error.is_unsupported());
    }
}

#[test]
fn what_is_not_reached_is_not_refused() {
    check(&[("<% if ENV['NONE'] %><%= `ls` %><% end %>a", "a")]);
}

#[test]
fn a_mistake_is_not_unsupported() {
    for source in ["<%= nope %>", "<%= ENV.fetch('X') %>", "<%= 1 + %>", "<%= 'x'.nope %>"] {
        assert!(!render(source.as_bytes(), "t", &context()).unwrap_err().is_unsupported());
    }
}

#[test]
fn messages_do_not_show_values() {
    let context = Context::new([("PASSWORD", "hunter2")], RealFiles);
    for code in
        ["ENV['PASSWORD'].nope", "ENV['PASSWORD'] << 1", "Integer(ENV['PASSWORD'])", "ENV.nope"]
    {
        let error = render(format!("<%= {code} %>").as_bytes(), "t", &context).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn endless_and_huge_renderings_are_given_up() {
    for code in [
        "loop { }",
        "while true; end",
        "x = 'a' * 1000; loop { x += x }",
        "x = []; loop { x << x.dup }",
        "'a' * 10 ** 12",
        "'a'.ljust(10 ** 12)",
        "[0] * 10 ** 12",
        "Array.new(10 ** 12)",
        "(1..10 ** 12).to_a",
        "('a'..'zzzzzzzzzzzz').to_a",
        "'%999999999999d' % 1",
        "loop { puts 'x' * 1000 }",
        "x = 'ab' * 100_000; x.gsub(/a/) { x }",
        "x = []; 40.times { x = [x, x] }; x.flatten",
        "x = []; 40.times { x = [x, x] }; x.inspect",
        "x = {}; loop { x[x.size] = 1 }",
        "x = 'a' * 500_000; y = 'a' * 500_000; loop { x == y }",
        "x = 'a' * 500_000; loop { x.length }",
        "x = ['a'] * 10_000; loop { x.include?('b') }",
        "x = []; loop { x << [0] * 1000 }",
        "x = []; loop { x << /a#{x.size}/ }",
        "x = 'ab' * 100_000; x.gsub(/a.*c|a/) { '' }",
        "x = 'a' * 300_000; x.tr('a-z', 'b-z').count('a-z', 'b-y', 'c') while true",
        "x = (1..1000).to_a; loop { x.each_cons(500) { } }",
        "x = {}; 200.times { x = {x => 1} }; loop { x == x.dup }",
        "x = [1].each; loop { x = x.each_entry }",
        "x = {}; loop { x = Hash.new(x) }",
        "x = [1].each; 500.times { x = x.each_entry }; x.to_a",
        "x = 'ab' * 2_000; loop { x =~ /(a|b)*a(a|b){1000}c/ }",
        "Regexp.new('[' * 10_000)",
        "Regexp.new('a' * 100_000)",
        "loop { raise 'x' * 1000 rescue 1 }",
    ] {
        let error = render(format!("\n<% {code} %>").as_bytes(), "t", &context()).unwrap_err();
        assert!(matches!(error.kind, ErbErrorKind::Limit { .. }), "{code}: {error}");
        assert_eq!(error.line, 2, "{code}");
        assert!(error.to_string().starts_with("t:2: gave up: "), "{error}");
    }
}

#[test]
fn values_inside_themselves_are_no_trouble() {
    for code in [
        "x = {}; x[x] = 1; x[x] = 2; x.delete(x); x.merge!(x); x == x",
        "x = []; x << x; x == x; x.delete(x); x << x; x.include?(x); x.uniq; x.inspect",
        "x = [1]; x << x; x.concat(x); x.replace(x); x.insert(0, x); x - x; x & x; x <=> x",
        "x = 'a'; x << x; x.replace(x); x[0] = x; x.prepend(x); x.insert(1, x); x.sub!(x, x)",
    ] {
        let error = render(format!("<% {code} %>").as_bytes(), "t", &context()).err();
        let limit = |error: &ErbError| matches!(error.kind, ErbErrorKind::Limit { .. });
        assert!(error.as_ref().is_none_or(limit), "{code}: {error:?}");
    }
}

#[test]
fn nested_values_go_without_recursion() {
    // More levels than the stack of a test's thread would hold.
    check(&[
        ("<% x = {}; 9_000.times { x = {x => x} } %>a", "a"),
        ("<% x = [1].each; 9_000.times { x = x.each_entry } %>a", "a"),
        ("<% x = {}; 9_000.times { x = Hash.new(x) } %>a", "a"),
    ]);
}

#[test]
fn a_large_template_is_within_the_limits() {
    let line = "server <%= ENV['A'] || 'none' %>:<%= ENV['N'].to_i + 1 %>; # some text of a line\n";
    let source = line.repeat(2_000);
    let rendered = render(source.as_bytes(), "t", &context()).unwrap();
    assert_eq!(rendered.bytes.len(), "server a:43; # some text of a line\n".len() * 2_000);
    assert_eq!(rendered.template_line(1_999), 1_999);
}

#[test]
fn rendered_lines_lead_back_to_the_template() {
    let source = "<%# one\ntwo %>\n% x = 1\n<% y = 2 %>\nfour\n<%= \"a\\nb\" %>\n\
                  <% 2.times do %>\nloop\n<% end %>\nlast";
    let rendered = render(source.as_bytes(), "t", &context()).unwrap();
    let text = String::from_utf8(rendered.bytes.clone()).unwrap();
    let map: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (rendered.template_line(index + 1), line))
        .collect();
    assert_eq!(
        map,
        [
            (2, ""),
            (4, ""),
            (5, "four"),
            (6, "a"),
            (6, "b"),
            (7, ""),
            (8, "loop"),
            (7, ""),
            (8, "loop"),
            (9, ""),
            (10, "last"),
        ]
    );
}

#[test]
fn lines_written_by_puts_lead_back_to_the_call() {
    let rendered = render(b"a\nb\n<% puts 1,\n 2 %>c", "t", &context()).unwrap();
    assert_eq!(rendered.bytes, b"1\n2\na\nb\nc");
    let lines: Vec<usize> = (1..=5).map(|line| rendered.template_line(line)).collect();
    assert_eq!(lines, [3, 3, 1, 2, 4]);
}

#[test]
fn magic_comments() {
    check(&[("<%# coding: utf-8 %>é<%= 'é'.length %>", "é1")]);
    for source in
        ["<%# coding: latin1 %>x", "%# coding: latin1\nx", "<%# frozen_string_literal: true %>"]
    {
        assert!(
            render(source.as_bytes(), "t", &context()).unwrap_err().is_unsupported(),
            "{source}"
        );
    }
    check(&[("\n<%# coding: latin1 %>x", "\nx")]);
}

#[test]
fn exceptions_can_be_rescued_but_refusals_cannot() {
    check(&[
        ("<%= (nope rescue 'saved') %>", "saved"),
        (
            "<% begin %>a<% raise KeyError, 'k' %><% rescue IndexError => e %><%= e.message %><% end %>",
            "ak",
        ),
        ("<% begin; raise 'x'; rescue TypeError; end %>", "t.erb:1: x (RuntimeError)"),
    ]);
    let error = render(b"<%= `ls` rescue 1 %>", "t", &context()).unwrap_err();
    assert!(error.is_unsupported());
}

#[test]
fn exists_is_ruby_before_3_2() {
    check(&[("<%= File.exists?('/') %>", "true")]);
}
