"""The tables of docs/calibration.md, made of the kept rows of benchmarks/calibration.py.

python benchmarks/calibration_page.py                     prints them
python benchmarks/calibration_page.py --write             writes them into the page
python benchmarks/calibration_page.py --add new.jsonl     takes the rows of a new run, in place of the old
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration import METHODS, SCENARIOS

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "calibration.jsonl"
PAGE = ROOT / "docs" / "calibration.md"

Row = Mapping[str, Any]
#: Scenario, treated, controls.
Study = tuple[str, int, int]

#: Scenarios without an effect, in which an interval that excludes 0 is an error of the first kind.
NULL = "CEG"
EQUAL: tuple[Study, ...] = tuple((letter, 40, 40) for letter in SCENARIOS)
UNEQUAL: tuple[Study, ...] = (
    ("A", 25, 55), ("A", 40, 40), ("A", 55, 25), ("B", 25, 55), ("B", 40, 40),
)  # fmt: skip
#: From such a bias on it stands beside the coverage: points of ODI, or percentage points.
SHOWN = {"mean": 0.25, "risk": 1.0, "composite": 1.0}


def read(kept: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]


def study_of(row: Row) -> Study:
    """The scenario and the sizes of a row."""
    return row["scenario"], row["treated"], row["control"]


def added(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Old rows and new ones, which take the place of those of the same study and method; in the order of the tables."""
    found = {(study_of(r), r["method"]): r for r in (*old, *new)}
    methods, order = list(METHODS), list(dict.fromkeys((*EQUAL, *UNEQUAL)))
    return [found[key] for key in sorted(found, key=lambda k: (order.index(k[0]), methods.index(k[1])))]


def coverage_cell(r: Row, what: str) -> str:
    """Coverage in per cent, and the bias where it is not small."""
    bias = (1 if what == "mean" else 100) * r["bias"]
    return f"{100 * r['coverage']:.1f}" + (f" ({bias:+.1f})" if abs(bias) >= SHOWN[what] else "")


def power_cell(r: Row, _what: str) -> str:
    """SE ratio, and the share of intervals that exclude 0 in per cent."""
    ratio = "–" if math.isnan(r["se_ratio"]) else f"{r['se_ratio']:.2f}"
    return f"{ratio}; {100 * r['rejected']:.0f}" if r["truth"] else f"{ratio}; **{100 * r['rejected']:.1f}**"


def table(
    rows: Sequence[Row], of: Sequence[str], studies: Sequence[Study], cell: Callable[[Row, str], str]
) -> str:
    """Methods by studies, in Markdown.

    Args:
        rows: the kept rows.
        of: which of `mean`, `risk` and `composite`; with more than one, each method says which it is of.
        studies: the columns.
        cell: what stands in them.
    """
    found = {(study_of(r), r["method"]): r for r in rows}
    sizes = len({s[1:] for s in studies}) > 1
    heads = [f"{letter}, {treated} + {control}" if sizes else letter for letter, treated, control in studies]
    lines = ["| | " + " | ".join(heads) + " |", "| --- " * (len(heads) + 1) + "|"]
    for name, (what, _, _) in METHODS.items():
        if what not in of or (studies[0], name) not in found:
            continue
        said = name if len(of) > 1 else name.removeprefix("composite: ")
        cells = [cell(found[s, name], what) for s in studies]
        lines.append(f"| {said} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def errors(rows: Sequence[Row], studies: Sequence[Study]) -> str:
    """How many studies there are, and the Monte-Carlo errors of what the tables show; which methods had no interval."""
    here = [r for r in rows if study_of(r) in studies]
    ns = sorted({r["studies"] + r["without"] for r in here}, reverse=True)
    numbers = []
    for n in ns:
        whose = dict.fromkeys(_called(study_of(r), studies) for r in here if r["studies"] + r["without"] == n)
        numbers.append(f"{n:,} studies in {', '.join(whose) if len(ns) > 1 else 'each'}")
    points = [" or ".join(f"{100 * math.sqrt(p * (1 - p) / n):.2f}" for n in ns) for p in (0.95, 0.5)]
    ratio = " or ".join(f"{100 / math.sqrt(2 * n):.1f}" for n in ns)
    bias = []
    for whats, scale, digits in ((("mean",), 1, 2), (("risk", "composite"), 100, 1)):
        found = [scale * r["bias_error"] for r in here if METHODS[r["method"]][0] in whats]
        bias.append(f"{min(found):.{digits}f} to {max(found):.{digits}f}")
    without = [
        f"{r['method']} in {r['without']} of {r['without'] + r['studies']:,} ({_called(study_of(r), studies)})"
        for r in here
        if r["without"]
    ]
    return (
        f"{'; '.join(numbers)}. Monte-Carlo errors: a coverage of 95 % or a type I error of 5 %, {points[0]} points; a"
        f" power of 50 %, {points[1]} points; an SE ratio, {ratio} % of it; a bias, {bias[0]} points of ODI and"
        f" {bias[1]} percentage points.{' No interval: ' + '; '.join(without) + '.' if without else ''}"
    )


def brief(rows: Sequence[Row]) -> str:
    """Every method in one line: its range over the scenarios whose confounders were measured, its power, and U."""
    found = {(study_of(r), r["method"]): r for r in rows}

    def span(name: str, of: str, letters: str) -> str:
        values = [100 * found[(letter, 40, 40), name][of] for letter in letters]
        digits = 1 if of == "coverage" or letters == NULL else 0
        low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
        return low if low == high else f"{low} to {high}"

    measured = "".join(letter for letter, s in SCENARIOS.items() if not s.unmeasured)
    lines = [
        f"| | coverage, all but U | type I error, {', '.join(NULL)} | power, B | coverage, U |",
        "| --- " * 5 + "|",
    ]
    for name, (what, _, _) in METHODS.items():
        if (EQUAL[0], name) not in found:
            continue
        shown = (("coverage", measured), ("rejected", NULL), ("rejected", "B"), ("coverage", "U"))
        cells = [span(name, *of) for of in shown]
        lines.append(f"| {what}: {name.removeprefix('composite: ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _called(study: Study, among: Sequence[Study]) -> str:
    letter, treated, control = study
    return f"{letter} {treated} + {control}" if len({s[1:] for s in among}) > 1 else letter


def parts(rows: Sequence[Row]) -> dict[str, str]:
    """What the page has between its marks, by the name of the mark."""
    made = {"errors": errors(rows, EQUAL), "brief": brief(rows)}
    for what in ("mean", "risk", "composite"):
        made[f"{what}, coverage"] = table(rows, (what,), EQUAL, coverage_cell)
        made[f"{what}, power"] = table(rows, (what,), EQUAL, power_cell)
    there = {study_of(r) for r in rows}
    letters = {letter for letter, treated, control in there if treated != control}
    unequal = [s for s in UNEQUAL if s in there and s[0] in letters]
    made["unequal, errors"] = errors(rows, unequal)
    made["unequal, coverage"] = table(rows, tuple(SHOWN), unequal, coverage_cell)
    made["unequal, power"] = table(rows, tuple(SHOWN), unequal, power_cell)
    return made


def filled(page: str, made: Mapping[str, str]) -> str:
    """The page with what is made between its marks `<!-- NAME -->` and `<!-- / -->`."""
    for name, block in made.items():
        mark = re.escape(f"<!-- {name} -->")
        page, count = re.subn(
            rf"({mark}\n).*?(\n<!-- / -->)", lambda m, b=block: m[1] + b + m[2], page, flags=re.DOTALL
        )
        if count != 1:
            raise SystemExit(f"the page has `<!-- {name} -->` {count} times; expected once")
    return page


def main() -> None:
    """Prints the tables, writes them into the page, or takes new rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--add", type=Path, help="a .jsonl file whose rows are taken into the kept ones")
    parser.add_argument("--write", action="store_true", help="into docs/calibration.md")
    chosen = parser.parse_args()
    if chosen.add:
        rows = added(read(KEPT), read(chosen.add))
        KEPT.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    made = parts(read(KEPT))
    if chosen.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    elif not chosen.add:
        print("\n\n".join(f"{name}\n\n{block}" for name, block in made.items()))


if __name__ == "__main__":
    main()
