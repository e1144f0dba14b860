//! Templates that want too much. Each is rendered by the program, in a process that may not have
//! more memory and time than the limits promise: a crash, a hang and a glut all end it by a signal.

use std::fmt::Write;
use std::process::Output;

use crate::support::cart_erb;

/// Bytes of address space: what is made, what a call works on, and what the system reserves.
const MEMORY: u64 = 768 * 1024 * 1024;
/// Seconds of processor time; an unoptimised program takes its steps within a few.
const SECONDS: u64 = 120;

fn rendered(template: &str) -> Output {
    let limits = [format!("--as={MEMORY}"), format!("--cpu={SECONDS}")];
    duct::cmd(
        "prlimit",
        [&limits[0], &limits[1], cart_erb().to_str().unwrap(), "--no-fallback", "-"],
    )
    .stdin_bytes(template)
    .stdout_capture()
    .stderr_capture()
    .unchecked()
    .run()
    .unwrap()
}

/// What was said of a template that must be refused.
fn refused(template: &str) -> String {
    let output = rendered(template);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown: String = template.chars().take(200).collect();
    assert_eq!(output.status.code(), Some(1), "{shown}: {} {stderr}", output.status);
    assert!(output.stdout.is_empty(), "{shown}");
    stderr
}

#[test]
fn what_is_kept_is_bounded() {
    for code in [
        "l = []; 100000.times { |i| l << [i] * 100000 }",
        "l = []; loop { l << 'a' * 100_000 }",
        "l = []; s = 'a' * 1_000_000; loop { l << s.dup; l.last << 'x' }",
        "l = []; s = 'a' * 1_000_000; loop { s << 'b'; l << s.match(/a/) }",
        "h = {}; loop { h[h.size.to_s * 1000] = 1 }",
        "l = []; loop { l << Regexp.new('a' + l.size.to_s) }",
        "l = ['a'] * 1_000_000; l.each_cons(500_000) { |x| l << x }",
        "x = 'a' * 5_000_000; x.chars.map { |c| c * 100 }",
        "e = [1].each; loop { e = e.each_entry }",
    ] {
        let said = refused(&format!("text\n<% {code} %>"));
        assert!(said.starts_with("-:2: gave up: "), "{code}: {said}");
    }
}

#[test]
fn work_on_large_values_is_counted_by_their_size() {
    for code in [
        "a = 'a' * 9_000_000; b = 'a' * 9_000_000; loop { a == b }",
        "a = 'a' * 9_000_000; loop { a.length }",
        "a = 'a' * 9_000_000; loop { a =~ /b/ }",
        "a = 'a' * 1_000_000; a.gsub(/a.*z|a/) { }",
        "a = 'ab' * 500_000; a =~ /(a|b)*a(a|b){12}c/; loop { a =~ /(a|b)*a(a|b){12}c/ }",
        "l = (1..500_000).to_a; loop { l == l.dup }",
        "l = (1..500_000).to_a; loop { l.include?(0) }",
        "l = (1..100_000).to_a.map { |i| i.to_s }; l.uniq",
    ] {
        let said = refused(&format!("text\n<% {code} %>"));
        assert!(said.starts_with("-:2: gave up: "), "{code}: {said}");
    }
}

#[test]
fn whatever_is_put_together_ends_within_its_memory() {
    for seed in 1..=48 {
        let template = Composer(seed).template();
        let output = rendered(&template);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(code.is_some_and(|code| code <= 1), "{template}: {} {stderr}", output.status);
        if code == Some(1) {
            assert!(stderr.starts_with("-:"), "{template}: {stderr}");
        }
    }
}

/// Puts hostile templates together; a seed always makes the same one.
struct Composer(u64);

impl Composer {
    fn below(&mut self, most: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % most as u64).unwrap()
    }

    /// One of some choices, with semicolons between them.
    fn of(&mut self, choices: &str) -> String {
        let chosen = self.below(choices.split(';').count());
        choices.split(';').nth(chosen).unwrap_or_default().to_owned()
    }

    fn template(&mut self) -> String {
        // The first numbers of small seeds are alike.
        for _ in 0..8 {
            self.below(2);
        }
        let mut code =
            String::from("k = []; s = 'ab' * 300; l = [3, 1, 2]; h = {'a' => s, 1 => l}\n");
        for _ in 0..6 {
            let expression = self.expression(3);
            let statement = match self.below(8) {
                0 => format!("300.times {{ k << ({expression}) }}"),
                1 => format!("20.times {{ s = s + ({expression}).to_s }}"),
                2 => format!("20.times {{ l = [l, l, ({expression})] }}"),
                3 => format!("12.times {{ l.push(*l); h[l.size] = ({expression}) }}"),
                4 => format!("14.times {{ s << s }}; ({expression})"),
                5 => format!("x = 0; while x < 1000; x += 1; ({expression}); end"),
                6 => format!("l << l; h[h] = h; ({expression})"),
                _ => format!("500.times {{ |i| h[\"#{{i}}\" * 50] = ({expression}) }}"),
            };
            let _ = writeln!(code, "begin; {statement}\nrescue => e; k << e.message; end");
        }
        format!("text\n<%\n{code}%><%= k.inspect %><%= s %>")
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.of(VALUES);
        }
        let receiver = self.expression(depth - 1);
        match self.below(4) {
            0 => {
                let method = self.of(PLAIN);
                format!("({receiver}).{method}")
            }
            1 => {
                let (method, argument) = (self.of(WITH_ARGUMENT), self.expression(depth - 1));
                format!("({receiver}).{method}({argument})")
            }
            2 => {
                let (method, body) = (self.of(WITH_BLOCK), self.expression(depth - 1));
                format!("({receiver}).{method} {{ |i, j| {body} }}")
            }
            _ => {
                let (format, argument) = (self.of(FORMATS), self.expression(depth - 1));
                format!("format({format}, ({receiver}), ({argument}))")
            }
        }
    }
}

const VALUES: &str = "s;l;h;k;'x';1;10 ** 12;-1;2.5;nil;(1..10 ** 12);ENV;('a'..'zzz');/a*b/;\
    /(a|b)*a.{3}/;:a;s.match(/b/);\"#{s}#{l}\";[s] * 50";
const PLAIN: &str = "to_s;inspect;to_a;chars;bytes;lines;split;upcase;swapcase;reverse;succ;strip;chop;\
    capitalize;length;size;hash;flatten;uniq;sort;min;max;minmax;sum;compact;tally;to_h;invert;keys;\
    values;join;first;last;pop;shift;dup;to_sym;to_i;to_f;each_with_index;each_char;each;squeeze;\
    captures;pre_match;step(3);map;scrub;freeze;entries";
const WITH_ARGUMENT: &str = "+;-;*;<<;==;<=>;eql?;===;&;|;**;%;=~;[];concat;push;unshift;include?;index;\
    rindex;count;delete;split;join;scan;partition;rpartition;ljust;rjust;center;start_with?;squeeze;\
    upto;zip;flatten;take;drop;each_slice(2).map(&:to_a).take;rotate;values_at;merge;fetch;dig;replace;\
    casecmp";
const WITH_BLOCK: &str = "each;map;select;reject;sort;sort_by;min_by;group_by;partition;flat_map;\
    each_with_index;inject;gsub(/a/);gsub(/b|/);scan(/a*/);each_char;each_line;times;upto(10 ** 12);\
    each_slice(3);each_cons(200);uniq;sum;to_h;transform_values;each_pair;find;zip([1])";
const FORMATS: &str = "'%s%s';'%p %p';'%1000000d%d';'%.900000f';'%*d';'%2$s%1$s' * 1000;'%-999999s|%s';\
    '%c%c';'%e%g';s";
