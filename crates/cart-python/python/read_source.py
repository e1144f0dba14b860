"""Tells what stands at the top of Python files, by their syntax trees. Nothing of them is run.

    python -I -S read_source.py FILE...

One line of JSON for each file, in their order: what its names are bound to, what it imports, what
kept it from being read. What of that is an app, others decide. A file that ends this process (the
parser has its limits) has no line; those behind it are to be asked for again.

Python 3.6 and newer. Needs only the standard library.
"""

import ast
import hashlib
import json
import sys
import tokenize

BYTES = 512 * 1024
BINDINGS = 500
LETTERS = 200
NESTED = 12
"""How deep blocks are looked into."""
DEEP = 4
"""How deep calls in calls are told."""

OTHER = {"is": "other"}
LITERALS = ("Constant", "Num", "NameConstant", "Bytes", "JoinedStr", "List", "Tuple", "Dict", "Set")
SERVING = ("run", "run_app", "run_server", "run_simple", "run_forever", "serve", "serve_forever",
           "quickstart", "launch")
MOUNTING = ("mount", "Mount", "Host", "WSGIMiddleware", "ASGIMiddleware", "DispatcherMiddleware")


def main(files):
    limit_memory()
    for path in files:
        print(json.dumps(read(path)), flush=True)


def limit_memory():
    try:
        import resource

        most = 1024 * 1024 * 1024
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass


def read(path):
    try:
        with open(path, "rb") as file:
            source = file.read(BYTES + 1)
    except OSError as error:
        return {"digest": "", "failure": failure("unreadable", 0, error.strerror)}
    told = {"digest": hashlib.sha256(source).hexdigest()}
    if len(source) > BYTES:
        told["failure"] = failure("parser", 0, "longer than %d KiB" % (BYTES // 1024))
        return told
    try:
        told.update(Module(ast.parse(source)).told())
    except SyntaxError as error:
        line = python_2(source)
        if line:
            told["failure"] = failure("python2", line, "")
        else:
            told["failure"] = failure("syntax", error.lineno or 0, error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        told["failure"] = failure("parser", 0, str(error) or type(error).__name__)
    return told


def failure(what, line, text):
    return {"what": what, "line": line, "text": str(text)[:LETTERS]}


def python_2(source):
    """The line of something that only Python 2 takes; 0 if there is none. `source` does not parse."""
    lines = iter(source.splitlines(True))
    begins, statement, before, depth = True, "", "", 0
    try:
        for token in tokenize.tokenize(lambda: next(lines, b"")):
            kind, text = token.type, token.string
            if kind in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
                continue
            is_value = kind in (tokenize.NAME, tokenize.STRING, tokenize.NUMBER)
            is_value = is_value and text not in ("in", "is", "and", "or", "not", "if")
            if before == statement and statement in ("print", "exec") and is_value and not begins:
                return token.start[0]
            if text in ("<>", "`") or (text == ">" and before == "<"):
                return token.start[0]
            # `except Error, error:`, `raise Error, "text"`
            if statement in ("except", "raise") and text == "," and depth == 0:
                return token.start[0]
            if begins:
                statement, depth = text, 0
            depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            begins = kind in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            begins = begins or (depth == 0 and text in (";", ":"))
            before = text
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    return 0


class Module:
    def __init__(self, tree):
        self.bindings, self.runs, self.settings, self.inner = [], [], [], []
        self.stars, self.modules, self.mounted = [], set(), set()
        self.relative = False
        self.imports = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self.note(node)
        self.block(tree.body, False, 0)
        self.opaque = any(hides_names(node) for node in ast.walk(tree))
        for node in ast.walk(tree):
            self.look_at(node)

    def told(self):
        return {
            "bindings": self.bindings[:BINDINGS],
            "stars": self.stars[:20],
            "modules": sorted(self.modules)[:200],
            "relative": self.relative,
            "settings": self.settings[:5],
            "runs": self.runs[:20],
            "inner": self.inner[:50],
            "mounted": sorted(self.mounted)[:100],
            "opaque": self.opaque,
        }

    def note(self, node):
        if isinstance(node, ast.Import):
            self.modules.update(short(name.name) for name in node.names)
        elif node.level:
            self.relative = True
        else:
            self.modules.add(short(node.module))

    def look_at(self, node):
        """What counts wherever it stands: the settings module of Django, apps inside others."""
        name, value = "", None
        if isinstance(node, ast.Call):
            called = last(node.func)
            if called == "setdefault" and len(node.args) == 2:
                name, value = text_of(node.args[0]), text_of(node.args[1])
            if called in MOUNTING or called == "Dash":
                inner = node.args if called != "Dash" else []
                if called == "DispatcherMiddleware":
                    inner = inner[1:]
                inner = list(inner) + [keyword.value for keyword in node.keywords]
                for part in inner:
                    names = (n.id for n in ast.walk(part) if isinstance(n, ast.Name))
                    self.mounted.update(short(n) for n in names)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            key = node.targets[0].slice
            key = getattr(key, "value", key) if type(key).__name__ == "Index" else key
            name, value = text_of(key), text_of(node.value)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.look_into(node)
        if name == "DJANGO_SETTINGS_MODULE" and value:
            self.settings.append({"line": node.lineno, "text": short(value)})

    def look_into(self, function):
        """What a function makes of classes from elsewhere."""
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or len(self.inner) >= 50:
                continue
            of = self.dotted(node.func, None)
            if of and of[0] != ":" and last(node.func)[:1].isupper():
                told = {"line": node.lineno, "of": of, "function": short(function.name)}
                self.inner.append(told)

    # Statements of the module.

    def block(self, statements, guarded, depth):
        if depth > NESTED:
            return
        for node in statements:
            self.statement(node, guarded, depth)

    def statement(self, node, guarded, depth):
        if isinstance(node, ast.If) and is_type_checking(node.test):
            self.block(node.orelse, guarded, depth + 1)
        elif isinstance(node, ast.If) and is_main(node.test):
            self.block(node.body, True, depth + 1)
            self.block(node.orelse, guarded, depth + 1)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if last(node.value.func) in SERVING:
                of = self.dotted(node.value.func, None)
                self.runs.append({"line": node.lineno, "of": of or "", "guarded": guarded,
                                  "always": depth == 0})
        else:
            for name, value in bound_by(node, self.imports, self.value, None):
                self.bind(name, node, value, guarded)
            if isinstance(node, ast.ImportFrom):
                stars = (n for n in node.names if n.name == "*")
                self.stars.extend(short("." * node.level + (node.module or "")) for _ in stars)
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for inner in blocks_of(node):
                    self.block(inner, guarded, depth + 1)

    def bind(self, name, node, value, guarded):
        annotation = getattr(node, "annotation", None)
        self.bindings.append({
            "name": short(name),
            "line": node.lineno,
            "guarded": guarded,
            "value": value,
            "annotation": annotation is not None and self.dotted(annotation, None) or None,
        })

    # Values. `inside` has what the names of a function stand for, None is the module.

    def value(self, node, inside, depth=0):
        if depth > DEEP:
            return OTHER
        if isinstance(node, ast.Call):
            of = self.dotted(node.func, inside)
            given = list(node.args) + [keyword.value for keyword in node.keywords]
            given = [self.value(part, inside, depth + 1) for part in given[:4]]
            return {"is": "call", "of": of, "given": given} if of else OTHER
        if isinstance(node, (ast.Name, ast.Attribute)):
            if inside is not None and isinstance(node, ast.Name) and node.id in inside:
                known = inside[node.id]
                return known if depth + deep(known) <= DEEP else OTHER
            of = self.dotted(node, inside)
            return {"is": "name", "of": of} if of else OTHER
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            parts = [self.value(part, inside, depth + 1) for part in parts[:4]]
            return {"is": "either", "of": parts}
        if isinstance(node, ast.Lambda):
            return self.function(node, None)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self.function(node, inside)
        if isinstance(node, ast.ClassDef):
            return self.class_(node)
        text = text_of(node)
        if text is not None:
            return {"is": "text", "of": text[:LETTERS]}
        return {"is": "literal"} if type(node).__name__ in LITERALS else OTHER

    def dotted(self, node, inside, depth=0):
        """`flask.Flask`, with what an import calls otherwise put right; `.views.app` of a module
        beside this one, `:app` of this module; `()` stands where something is called."""
        if depth > NESTED:
            return None
        if isinstance(node, ast.Attribute):
            of = self.dotted(node.value, inside, depth + 1)
            return of and short(of + "." + node.attr)
        if isinstance(node, ast.Call):
            of = self.dotted(node.func, inside, depth + 1)
            return of and short(of + "()")
        if isinstance(node, ast.Name):
            if inside is not None and node.id in inside:
                known = inside[node.id]
                if known["is"] == "name":
                    return known["of"]
                return short(known["of"] + "()") if known["is"] == "call" else None
            return self.imports.get(node.id, ":" + short(node.id))
        return None

    def function(self, node, inside):
        names, required, named = parameters(node.args)
        told = {
            "is": "function",
            "coroutine": isinstance(node, ast.AsyncFunctionDef),
            "names": [short(name) for name in names[:6]],
            "required": required,
            "named": named,
            "any": node.args.vararg is not None,
            "decorators": [],
            "returns": [],
        }
        if isinstance(node, ast.Lambda):
            return told
        decorators = [self.dotted(d, None) for d in node.decorator_list[:5]]
        told["decorators"] = [d for d in decorators if d]
        if inside is None:
            told["returns"] = self.returned(node)
        return told

    def returned(self, node):
        """What a function of the module may answer."""
        inside, returned = {}, []
        if node.returns is not None:
            of = self.dotted(node.returns, None)
            returned += [{"is": "call", "of": of, "given": []}] if of else []

        def look(statements, depth):
            for inner in statements if depth <= NESTED else []:
                if isinstance(inner, ast.Return) and inner.value is not None:
                    returned.append(self.value(inner.value, inside))
                imported = {}
                for name, value in bound_by(inner, imported, self.value, inside):
                    if value["is"] == "other" and inside.get(name, OTHER)["is"] == "call":
                        continue
                    inside[name] = value
                if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    for block in blocks_of(inner):
                        look(block, depth + 1)

        look(node.body, 0)
        return returned[:6]

    def class_(self, node):
        methods = {n.name: n for n in node.body
                   if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        shown = {}
        for name in ("__init__", "__call__"):
            method = methods.get(name)
            if method is not None:
                shown[name.strip("_")] = self.function(method, {})
        bases = [self.dotted(base, None) for base in node.bases[:5]]
        return {
            "is": "class",
            "bases": [base for base in bases if base],
            "init": shown.get("init"),
            "call": shown.get("call"),
            "iterates": "__iter__" in methods,
        }


def bound_by(node, imports, value, inside):
    """The names that a statement binds, with what to. Imports are noted in `imports`, too."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        before = "" if isinstance(node, ast.Import) else "." * node.level + (node.module or "")
        for name in node.names:
            if name.name == "*":
                continue
            if isinstance(node, ast.ImportFrom):
                joint = "" if before.strip(".") == "" else "."
                bound, of = name.asname or name.name, before + joint + name.name
            else:
                bound = name.asname or name.name.split(".")[0]
                of = name.name if name.asname else bound
            imports[bound] = short(of)
            yield bound, {"is": "name", "of": short(of)}
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        imports.pop(node.name, None)
        yield node.name, value(node, inside)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        bound = value(node.value, inside)
        for target in targets:
            if isinstance(target, ast.Name):
                imports.pop(target.id, None)
                yield target.id, bound
            elif isinstance(target, (ast.Tuple, ast.List)):
                for at, part in enumerate(target.elts[:6]):
                    if isinstance(part, ast.Name):
                        imports.pop(part.id, None)
                        called = bound["is"] == "call"
                        of = "%s()[%d]" % (bound.get("of"), at)
                        yield part.id, {"is": "name", "of": short(of)} if called else OTHER
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id, OTHER


def parameters(args):
    """The names of those that are given by position; how many must be; how many must be named."""
    names = [a.arg for a in getattr(args, "posonlyargs", []) + args.args]
    named = sum(1 for default in args.kw_defaults if default is None)
    return names, len(names) - len(args.defaults), named


def blocks_of(node):
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(node, field, None)
        if isinstance(inner, list):
            yield inner
    for part in getattr(node, "handlers", []) + getattr(node, "cases", []):
        yield part.body


def is_main(test):
    sides = [test.left] + test.comparators if isinstance(test, ast.Compare) else []
    names = [n.id for n in sides if isinstance(n, ast.Name)]
    return names == ["__name__"] and "__main__" in [text_of(n) for n in sides]


def is_type_checking(test):
    return last(test) == "TYPE_CHECKING"


def hides_names(node):
    """Whether names may be bound where no statement of the module says so."""
    if isinstance(node, ast.Name):
        return node.id in ("globals", "exec", "execfile", "vars", "locals")
    if isinstance(node, ast.FunctionDef):
        return node.name == "__getattr__" and len(node.args.args) == 1
    return isinstance(node, ast.Global) or (isinstance(node, ast.Attribute) and
                                            node.attr == "modules")


def deep(value):
    inner = value["of"] if value["is"] == "either" else value.get("given", [])
    return 1 + max([deep(v) for v in inner] or [0])


def last(node):
    return getattr(node, "attr", None) or getattr(node, "id", None) or ""


def text_of(node):
    """The text of a literal. Before Python 3.8, literals have another class."""
    value = getattr(node, "value", None) if type(node).__name__ == "Constant" else None
    value = node.s if type(node).__name__ == "Str" else value
    return value if isinstance(value, str) else None


def short(text):
    return str(text)[:LETTERS]


if __name__ == "__main__":
    main(sys.argv[1:])
