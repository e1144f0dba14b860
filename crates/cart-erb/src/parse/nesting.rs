//! How deeply a parsed program nests. What walks the tree later does so recursively.

use lib_ruby_parser::Node;

use crate::values::limits::DEEPEST_TREE;

/// Where a tree is too deep to be walked, as an offset in the program.
pub(crate) fn too_deep(tree: &Node) -> Option<usize> {
    let mut open = vec![(tree, 0)];
    while let Some((node, depth)) = open.pop() {
        if depth == DEEPEST_TREE {
            return Some(node.expression().begin);
        }
        let (single, many) = children(node);
        open.extend(single.into_iter().flatten().chain(many).map(|child| (child, depth + 1)));
    }
    None
}

/// The children of a node: at most three of a kind of their own, and at most one list.
fn children(node: &Node) -> ([Option<&Node>; 3], &[Node]) {
    match node {
        Node::Args(n) => ([None; 3], &n.args),
        Node::Break(n) => ([None; 3], &n.args),
        Node::Next(n) => ([None; 3], &n.args),
        Node::Procarg0(n) => ([None; 3], &n.args),
        Node::Return(n) => ([None; 3], &n.args),
        Node::Super(n) => ([None; 3], &n.args),
        Node::Yield(n) => ([None; 3], &n.args),
        Node::Array(n) => ([None; 3], &n.elements),
        Node::ArrayPattern(n) => ([None; 3], &n.elements),
        Node::ArrayPatternWithTail(n) => ([None; 3], &n.elements),
        Node::FindPattern(n) => ([None; 3], &n.elements),
        Node::HashPattern(n) => ([None; 3], &n.elements),
        Node::Dstr(n) => ([None; 3], &n.parts),
        Node::Dsym(n) => ([None; 3], &n.parts),
        Node::Heredoc(n) => ([None; 3], &n.parts),
        Node::XHeredoc(n) => ([None; 3], &n.parts),
        Node::Xstr(n) => ([None; 3], &n.parts),
        Node::Begin(n) => ([None; 3], &n.statements),
        Node::KwBegin(n) => ([None; 3], &n.statements),
        Node::Hash(n) => ([None; 3], &n.pairs),
        Node::Kwargs(n) => ([None; 3], &n.pairs),
        Node::Mlhs(n) => ([None; 3], &n.items),
        Node::Undef(n) => ([None; 3], &n.names),
        Node::Regexp(n) => ([n.options.as_deref(), None, None], &n.parts),
        Node::CSend(n) => ([Some(&n.recv), None, None], &n.args),
        Node::Send(n) => ([n.recv.as_deref(), None, None], &n.args),
        Node::Index(n) => ([Some(&n.recv), None, None], &n.indexes),
        Node::IndexAsgn(n) => ([Some(&n.recv), n.value.as_deref(), None], &n.indexes),
        Node::When(n) => ([n.body.as_deref(), None, None], &n.patterns),
        Node::Case(n) => ([n.expr.as_deref(), n.else_body.as_deref(), None], &n.when_bodies),
        Node::CaseMatch(n) => ([Some(&n.expr), n.else_body.as_deref(), None], &n.in_bodies),
        Node::Rescue(n) => ([n.body.as_deref(), n.else_.as_deref(), None], &n.rescue_bodies),
        _ => (single_children(node), &[]),
    }
}

fn single_children(node: &Node) -> [Option<&Node>; 3] {
    match node {
        Node::BlockPass(n) => [n.value.as_deref(), None, None],
        Node::Cvasgn(n) => [n.value.as_deref(), None, None],
        Node::Gvasgn(n) => [n.value.as_deref(), None, None],
        Node::Ivasgn(n) => [n.value.as_deref(), None, None],
        Node::Lvasgn(n) => [n.value.as_deref(), None, None],
        Node::Splat(n) => [n.value.as_deref(), None, None],
        Node::Const(n) => [n.scope.as_deref(), None, None],
        Node::Casgn(n) => [n.scope.as_deref(), n.value.as_deref(), None],
        Node::MatchRest(n) => [n.name.as_deref(), None, None],
        Node::Postexe(n) => [n.body.as_deref(), None, None],
        Node::Preexe(n) => [n.body.as_deref(), None, None],
        Node::Defined(n) => [Some(&n.value), None, None],
        Node::Kwsplat(n) => [Some(&n.value), None, None],
        Node::IfGuard(n) => [Some(&n.cond), None, None],
        Node::UnlessGuard(n) => [Some(&n.cond), None, None],
        Node::Kwoptarg(n) => [Some(&n.default), None, None],
        Node::Optarg(n) => [Some(&n.default), None, None],
        Node::MatchCurrentLine(n) => [Some(&n.re), None, None],
        Node::Pin(n) => [Some(&n.var), None, None],
        Node::And(n) => [Some(&n.lhs), Some(&n.rhs), None],
        Node::Masgn(n) => [Some(&n.lhs), Some(&n.rhs), None],
        Node::MatchAlt(n) => [Some(&n.lhs), Some(&n.rhs), None],
        Node::Or(n) => [Some(&n.lhs), Some(&n.rhs), None],
        Node::EFlipFlop(n) => [n.left.as_deref(), n.right.as_deref(), None],
        Node::Erange(n) => [n.left.as_deref(), n.right.as_deref(), None],
        Node::IFlipFlop(n) => [n.left.as_deref(), n.right.as_deref(), None],
        Node::Irange(n) => [n.left.as_deref(), n.right.as_deref(), None],
        Node::AndAsgn(n) => [Some(&n.recv), Some(&n.value), None],
        Node::OpAsgn(n) => [Some(&n.recv), Some(&n.value), None],
        Node::OrAsgn(n) => [Some(&n.recv), Some(&n.value), None],
        Node::MatchPattern(n) => [Some(&n.value), Some(&n.pattern), None],
        Node::MatchPatternP(n) => [Some(&n.value), Some(&n.pattern), None],
        Node::Until(n) => [Some(&n.cond), n.body.as_deref(), None],
        Node::While(n) => [Some(&n.cond), n.body.as_deref(), None],
        Node::UntilPost(n) => [Some(&n.cond), Some(&n.body), None],
        Node::WhilePost(n) => [Some(&n.cond), Some(&n.body), None],
        Node::Alias(n) => [Some(&n.to), Some(&n.from), None],
        Node::ConstPattern(n) => [Some(&n.const_), Some(&n.pattern), None],
        Node::MatchAs(n) => [Some(&n.value), Some(&n.as_), None],
        Node::MatchWithLvasgn(n) => [Some(&n.re), Some(&n.value), None],
        Node::Pair(n) => [Some(&n.key), Some(&n.value), None],
        Node::Numblock(n) => [Some(&n.call), Some(&n.body), None],
        Node::Def(n) => [n.args.as_deref(), n.body.as_deref(), None],
        Node::Ensure(n) => [n.body.as_deref(), n.ensure.as_deref(), None],
        Node::Module(n) => [Some(&n.name), n.body.as_deref(), None],
        Node::SClass(n) => [Some(&n.expr), n.body.as_deref(), None],
        Node::If(n) => [Some(&n.cond), n.if_true.as_deref(), n.if_false.as_deref()],
        Node::IfMod(n) => [Some(&n.cond), n.if_true.as_deref(), n.if_false.as_deref()],
        Node::IfTernary(n) => [Some(&n.cond), Some(&n.if_true), Some(&n.if_false)],
        Node::Block(n) => [Some(&n.call), n.args.as_deref(), n.body.as_deref()],
        Node::Class(n) => [Some(&n.name), n.superclass.as_deref(), n.body.as_deref()],
        Node::Defs(n) => [Some(&n.definee), n.args.as_deref(), n.body.as_deref()],
        Node::For(n) => [Some(&n.iterator), Some(&n.iteratee), n.body.as_deref()],
        Node::InPattern(n) => [Some(&n.pattern), n.guard.as_deref(), n.body.as_deref()],
        Node::RescueBody(n) => [n.exc_list.as_deref(), n.exc_var.as_deref(), n.body.as_deref()],
        _ => [None; 3],
    }
}

#[cfg(test)]
mod tests {
    use crate::Context;
    use crate::RealFiles;
    use crate::given::error::ErbErrorKind;
    use crate::render;

    /// Every way to nest that is known, `depth` levels deep.
    fn nested(depth: usize) -> Vec<String> {
        let pairs = [
            ("(", ")"),
            ("[", "]"),
            ("\"#{", "}\""),
            ("a ? ", " : 2"),
            ("(a;", ")"),
            // What closes in a string closes nothing.
            ("(')'..", ")"),
            ("[']', ", "]"),
        ];
        let before = ["!", "- ", "a+", "a||", "a ? 1 : ", "a=", "not ", "a ** ", "a == "];
        let after = [".to_s", "+1", " if a", "||1", " and 1", "[0]", " rescue 1", " & 1"];
        let mut all: Vec<String> = Vec::new();
        for (open, close) in pairs {
            all.push(format!("{}1{}", open.repeat(depth), close.repeat(depth)));
        }
        all.extend(before.iter().map(|part| format!("{}1", part.repeat(depth))));
        all.extend(after.iter().map(|part| format!("1{}", part.repeat(depth))));
        for statement in ["if a", "while a", "case", "begin", "[1].each do", "class A", "def a"] {
            all.push(format!(
                "{}{}",
                format!("{statement}\n").repeat(depth),
                "end\n".repeat(depth)
            ));
        }
        all.push(format!("if a\n1\n{}end", "elsif a\n1\n".repeat(depth)));
        let conditions: Vec<String> = all.iter().map(|code| format!("if {code}\nend")).collect();
        all.extend(conditions);
        all
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        // The threads of tests have 2 MiB; a program's main thread has 8.
        let context = Context::new([("A", "a")], RealFiles);
        for depth in [10, 140, 990, 5_000] {
            for code in nested(depth) {
                let source = format!("text\n<% a = false; {code} %>");
                if let Err(error) = render(source.as_bytes(), "t", &context) {
                    assert!(error.line >= 1);
                }
            }
        }
    }

    #[test]
    fn too_deep_is_a_limit_with_its_line() {
        let context = Context::new([("A", "a")], RealFiles);
        for code in [format!("{}1", "!".repeat(2_000)), format!("1{}", "+1".repeat(2_000))] {
            let source = format!("text\n<%= {code} %>");
            let error = render(source.as_bytes(), "t", &context).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(matches!(error.kind, ErbErrorKind::Limit { .. }), "{error}");
        }
    }

    #[test]
    fn logical_operators_of_separate_tags_do_not_add_up() {
        let context = Context::new([("A", "a")], RealFiles);
        let source = "<%= ENV['A'] || ENV['B'] or not (1) %>".repeat(500);
        assert!(render(source.as_bytes(), "t", &context).is_ok());
    }
}
