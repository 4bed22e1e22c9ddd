"""A formula read by formulaic: its outcome, its terms, and the columns of the table that each factor needs.

Words that mean something else than they do in R, or nothing, are refused here, with what to write instead.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from armwise.errors import UsageError

FUNCTIONS: Mapping[str, Any] = {"sqrt": np.sqrt, "log1p": np.log1p}
"""Functions that a formula may use besides formulaic's own."""

EXPECTED = 'expected one like "odi ~ arm * visit + baseline * visit"'


@dataclass(frozen=True)
class Parsed:
    """A formula's two sides.

    Attributes:
        formula: as it was written.
        outcome: formulaic's formula of the outcome, one term.
        right: formulaic's formula of the model matrix.
        outcome_variables: columns that the outcome needs.
        variables: columns that the right side needs.
        needs: columns that each factor of the right side needs.
    """

    formula: str
    outcome: Any
    right: Any
    outcome_variables: tuple[str, ...]
    variables: tuple[str, ...]
    needs: Mapping[str, frozenset[str]]


def parse(formula: str) -> Parsed:
    """Read a formula, `outcome ~ terms`.

    Raises:
        UsageError: not a formula, no outcome or several, no terms, a function that is not known.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        why = str(error).splitlines()[0]  # the lines after it show the formula again, in colours
        raise UsageError(f"the formula {formula!r} cannot be read: {why}; {EXPECTED}") from error
    left, right = getattr(parsed, "lhs", None), getattr(parsed, "rhs", None)
    if left is None or right is None or isinstance(right, tuple) or len(left) != 1:
        raise UsageError(f"the formula {formula!r} does not have one outcome and one right side; {EXPECTED}")
    if not len(right):
        raise UsageError(
            f"the formula {formula!r} has no terms, so that every mean would be 0; "
            'write "odi ~ 1" for one mean of all visits'
        )
    if re.search(r"`\s*1\s*`", formula):
        raise UsageError(
            f"the formula {formula!r} names a column `1`, which formulaic takes for the intercept; rename the column"
        )
    sides = [{f.expr: _columns_named(f) for term in side for f in term.factors} for side in (left, right)]
    return Parsed(
        formula=formula,
        outcome=left,
        right=right,
        outcome_variables=_in_order(sides[0]),
        variables=_in_order(sides[1]),
        needs=sides[1],
    )


def _in_order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Columns in the order in which the formula names them first."""
    return tuple(dict.fromkeys(name for names in needs.values() for name in sorted(names)))


def _columns_named(factor: Any) -> frozenset[str]:
    """The columns that a factor of formulaic's reads: its names that are not functions."""
    from formulaic.transforms import TRANSFORMS

    if factor.eval_method.value == "literal":
        return frozenset()
    if factor.eval_method.value == "lookup":
        return frozenset([factor.expr])
    quoted: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f"_quoted_{len(quoted) - 1}"

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", placeholder, factor.expr), mode="eval")
    except SyntaxError as error:
        raise UsageError(f"the formula's expression {factor.expr!r} cannot be read: {error.msg}") from error
    _as_in_python(factor.expr, tree)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions}
    names = {quoted[int(name[8:])] if name.startswith("_quoted_") else name for name in names}
    return frozenset(name for name in names if name not in TRANSFORMS and not hasattr(builtins, name))


def _as_in_python(expression: str, tree: ast.AST) -> None:
    """Refuse what R would read otherwise: `^` within a function, functions by their names in R."""
    from formulaic.transforms import TRANSFORMS

    from armwise.stats.repeated.covariance import SHORT, STRUCTURES

    if any(isinstance(node, ast.BitXor) for node in ast.walk(tree)):
        raise UsageError(
            f"the formula's expression {expression!r}: ^ is no power in a function or braces; write I(age**2)"
        )
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for name in (function.id for function in calls if isinstance(function, ast.Name)):
        if name in TRANSFORMS or name in FUNCTIONS or hasattr(builtins, name):
            continue
        instead = "known are log, exp, sqrt, center, scale, poly, bs, cr, C (a factor), I, and numpy's, as np.sin(age)"
        if name in SHORT or name in STRUCTURES:
            instead = f'give the covariance as an argument, covariance="{name}"'
        elif hasattr(np, name):
            instead = f"write np.{name}(...)"
        raise UsageError(f"the formula's expression {expression!r}: {name} is not known; {instead}")
