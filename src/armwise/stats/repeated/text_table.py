"""Results as a table of text, for a terminal: labels to the left, numbers to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def text_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows that have the same keys, under their keys.

    Numbers have five significant digits, `df`, `df1` and `df2` one decimal at most, and `p` four.
    """
    if not rows:
        return "(no rows)"
    cells = [[name, *(_cell(name, row[name]) for row in rows)] for name in rows[0]]
    widths = [max(map(len, column)) for column in cells]
    left = [all(isinstance(row[name], str) for row in rows) for name in rows[0]]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in zip(*cells, strict=True)
    )


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "-"
    if name == "p":
        return "<0.0001" if value < 0.0001 else f"{value:.4f}"
    return f"{value:.1f}" if name.startswith("df") else f"{value:.5g}"
