"""The faults that are put into a source file, one at a time.

Each fault replaces one node of the syntax tree by another. `if False` takes out a statement, so that the names that it
binds and closes over keep their scope, and the new code fits the existing function object.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_TAKEN_OUT = (ast.Raise, ast.Break, ast.Continue, ast.Return, ast.Delete)


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        function: the qualified name of the function, or the name of a constant of the module.
        first_line: where the code of the outermost function begins; 0 for a constant.
        lines: the first and the last line of the changed code.
        line: the text of the first of these lines.
        change: a description, "old -> new".
        slot: the parent in the tree, the field of the parent, and the index if the field is a list.
        node: the new node, or the new value of a constant.
    """

    function: str
    first_line: int
    lines: tuple[int, int]
    line: str
    change: str
    slot: tuple[ast.AST, str, int | None]
    node: ast.AST

    def apply(self) -> None:
        parent, field, index = self.slot
        if index is None:
            setattr(parent, field, self.node)
        else:
            getattr(parent, field)[index] = self.node


def _constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1]
    if isinstance(value, str | bytes):
        return [type(value)()] if value else ["X" if isinstance(value, str) else b"X"]
    return []


def _has_effect(node: ast.stmt) -> bool:
    """Return whether the statement changes more than a local name."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call | ast.Await)
    if isinstance(node, ast.Assign):
        targets = [target for item in node.targets for target in getattr(item, "elts", [item])]
        return any(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return node.value is not None and not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name))
    return isinstance(node, _TAKEN_OUT)


def _alternatives(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the nodes that may replace `node`, each with its description."""
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            changed = copy.copy(node)
            changed.ops = [*node.ops[:number], _COMPARISONS[type(operator)](), *node.ops[number + 1 :]]
            yield ast.unparse(changed), changed
    elif isinstance(node, ast.BoolOp):
        changed = copy.copy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.unparse(changed), changed
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.unparse(node.operand), node.operand
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        changed = copy.copy(node)
        changed.op = _ARITHMETIC[type(node.op)]()
        yield ast.unparse(changed), changed
    elif isinstance(node, ast.Constant):
        for value in _constants(node.value):
            yield repr(value), ast.Constant(value)
    elif isinstance(node, ast.IfExp):
        yield ast.unparse(node.body), node.body
        yield ast.unparse(node.orelse), node.orelse
    elif isinstance(node, ast.If):
        changed = copy.copy(node)
        changed.test = ast.Constant(False)
        yield "if False", changed
    if isinstance(node, ast.stmt) and _has_effect(node):
        yield "taken out", ast.If(ast.Constant(False), [node], [])


def _evaluate(node: ast.expr) -> object:
    """Return the value of a constant expression, or None if it is not constant."""
    try:
        return eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})
    except (NameError, TypeError):
        return None


def _is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    """Skip code without an effect at run time: annotations, docstrings, assertions, formats, the type of a cast."""
    if field in ("annotation", "returns", "decorator_list", "args", "type_params", "format_spec"):
        return not isinstance(parent, ast.Call) or (ast.unparse(parent.func) == "cast" and child is parent.args[0])
    if isinstance(child, ast.Assert | ast.Import | ast.ImportFrom):
        return True
    return isinstance(parent, ast.Expr) and isinstance(child, ast.Constant)


class _Finder:
    def __init__(self, source: str, excluded: set[int]) -> None:
        self.tree = ast.parse(source)
        self.found: list[Mutant] = []
        self._lines = source.splitlines()
        self._excluded = excluded

    def find_constants(self) -> None:
        for index, node in enumerate(self.tree.body):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                for value in _constants(_evaluate(node.value)):
                    name, span = node.targets[0].id, (node.lineno, node.lineno)
                    slot = (self.tree, "body", index)
                    text = self._lines[node.lineno - 1]
                    self.found.append(Mutant(name, 0, span, text, f"{name} = {value!r}", slot, ast.Constant(value)))

    def find(self, parent: ast.AST, scope: tuple[str, ...], first_line: int) -> None:
        for field, value in ast.iter_fields(parent):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or getattr(child, "lineno", 0) in self._excluded:
                    continue
                if _is_left_alone(parent, field, child):
                    continue
                if isinstance(child, ast.ClassDef):
                    self.find(child, (*scope, child.name), first_line)
                elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                    first = min(item.lineno for item in [child, *child.decorator_list])
                    self.find(child, (*scope, child.name), first_line or first)
                else:
                    if first_line:
                        self._add((parent, field, index), child, scope, first_line)
                    self.find(child, scope, first_line)

    def _add(
        self, slot: tuple[ast.AST, str, int | None], node: ast.AST, scope: tuple[str, ...], first_line: int
    ) -> None:
        for change, other in _alternatives(node):
            assert isinstance(node, ast.expr | ast.stmt)
            shown = node.test if isinstance(node, ast.If) else node
            for new in ast.walk(other):
                if isinstance(new, ast.expr | ast.stmt) and not hasattr(new, "lineno"):
                    ast.copy_location(new, node)
            text = change if change == "taken out" else f"{ast.unparse(shown)} -> {change}"
            span = (node.lineno, shown.end_lineno or node.lineno)
            if change == "if False":
                # The line of the first statement in the body distinguishes these mutants.
                span = (node.body[0].lineno, node.body[0].lineno)  # type: ignore[attr-defined]
            line = self._lines[node.lineno - 1].strip()
            self.found.append(Mutant(".".join(scope), first_line, span, line, text, slot, other))


def find_mutants(source: str, excluded: set[int]) -> tuple[ast.Module, list[Mutant]]:
    """Return the tree of `source`, and its mutants except those on the lines `excluded`."""
    finder = _Finder(source, excluded)
    finder.find_constants()
    finder.find(finder.tree, (), 0)
    return finder.tree, finder.found
