"""docs/reference_study.yaml -> docs/reference-study.md: each clause of the study's abstract, and where it stands;
and its summary in README.md.

    python docs/make_reference_study.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from armwise.protocol.load import load_protocol
from armwise.yaml_lines import dotted, read_yaml

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = "examples/bmc-low-back-pain/protocol.yaml"
PAGE = ROOT / "docs" / "reference-study.md"
README = ROOT / "README.md"
#: A column that begins so is not filled, and says why.
MARKS = ("not yet", "not published")
COLUMNS = ("protocol", "command", "section", "test")

HEAD = """\
# The reference study, clause by clause

armwise follows one published study: Atluri S, et al. Pain Physician 2022;25(2):193-207 (PMID 35322978), a
prospective, open-label, non-randomised study of bone-marrow concentrate for chronic low back pain with two arms and
12 months. Each row is a clause of its abstract in our words, with the line of the example's [protocol]({protocol})
that declares it, the command, the section of the report that shows it (its id on the page; `answer` is the first
screen) and a test. **not yet** marks what armwise does not do, **not published** what the abstract does not say.

The study's data are not public. `armwise demo` draws SIMULATED patients, calibrated to the published figures; what had
to be assumed is listed in [assumptions.yaml](../examples/bmc-low-back-pain/assumptions.yaml) and at the end of the
report. The paper's MCID threshold is not known to us: 10 points of ODI is our assumption.

{summary}

This page is made by `docs/make_reference_study.py` from `docs/reference_study.yaml`; a test compares the two.
"""


def load() -> list[dict[str, Any]]:
    """The parts, each with its clauses."""
    text = (ROOT / "docs" / "reference_study.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(
        re.sub(r"\{compared:(\w+)\}", lambda m: compared(m[1]), text)
    )
    return found


def marked(value: object) -> bool:
    """Whether a column says why it is not filled."""
    return isinstance(value, str) and value.startswith(MARKS)


def summary() -> str:
    """How many clauses there are, and how many are open."""
    found = [_standing(clause) for part in load() for clause in part["clauses"]]
    return (
        f"{len(found)} clauses: {found.count('covered')} are covered, {found.count('detail')} are covered "
        "except for a detail that is named, "
        f"{found.count('lacking')} are collected and validated but not yet analysed or shown."
    )


def table() -> str:
    """The clauses by part, for README.md."""
    rows = [
        "| part of the abstract | clauses | covered | but for a detail | not yet |",
        "| --- | --- | --- | --- | --- |",
    ]
    for part in load():
        counts = [_standing(clause) for clause in part["clauses"]]
        found = [str(counts.count(standing) or "") for standing in ("covered", "detail", "lacking")]
        rows.append(f"| {part['part']} | {len(counts)} | {' | '.join(found)} |")
    return "\n".join(rows)


def _standing(clause: dict[str, Any]) -> str:
    if any(marked(clause[column]) and "not yet" in clause[column] for column in COLUMNS):
        return "lacking"
    return "detail" if "not yet" in str(clause.get("note", "")) else "covered"


def readme(text: str) -> str:
    """README.md with its summary of this page."""
    begin, end = "<!-- made by docs/make_reference_study.py -->\n", "<!-- end -->"
    before, rest = text.split(begin)
    return f"{before}{begin}{table()}\n\n{summary()}\n{end}{rest.split(end, 1)[1]}"


def lines() -> dict[str, int]:
    """Dotted key of the example's protocol -> its line."""
    _, found = read_yaml((ROOT / PROTOCOL).read_text(encoding="utf-8"), "protocol.yaml")
    return {dotted(path): line for path, line in found.items()}


def compared(endpoint: str) -> str:
    """The visits at which the example does not compare an endpoint, as the study did; empty when none lacks."""
    protocol = load_protocol(ROOT / PROTOCOL)
    visits = {
        v for a in protocol.analyses.values() if a.endpoint == endpoint for v in protocol.analysis_visits(a)
    }
    lacking = [protocol.visit_label(v) for v in protocol.visits_after_baseline() if v not in visits]
    return (
        f"not yet: a comparison at {', '.join(lacking)}; results.csv describes every visit" if lacking else ""
    )


def page() -> str:
    """The whole page."""
    numbered = lines()
    out = [HEAD.format(protocol=f"../{PROTOCOL}", summary=summary())]
    for part in load():
        out.append(f"\n## {part['part']}\n")
        out.append(
            "| clause | protocol.yaml | command | report | test | note |\n| --- | --- | --- | --- | --- | --- |"
        )
        out += [_row(clause, numbered) for clause in part["clauses"]]
    return "\n".join(out) + "\n"


def _row(clause: dict[str, Any], numbered: dict[str, int]) -> str:
    cells = [
        clause["clause"],
        clause["protocol"]
        if marked(clause["protocol"])
        else ", ".join(_line(key, numbered) for key in clause["protocol"]),
        _code(clause["command"], f"`{clause['command']}`"),
        _code(clause["section"], f"`{clause['section']}`"),
        _code(clause["test"], _test(clause["test"])),
        clause.get("note", ""),
    ]
    return "| " + " | ".join(re.sub(r"(not yet|not published)", r"**\1**", cell) for cell in cells) + " |"


def _code(value: str, shown: str) -> str:
    return value if marked(value) else shown


def _line(key: str, numbered: dict[str, int]) -> str:
    return f"[{numbered[key]}](../{PROTOCOL}#L{numbered[key]}) `{key}`"


def _test(name: str) -> str:
    path, _, function = name.partition("::")
    return f"[{function.removeprefix('test_').replace('_', ' ')}](../{path})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)} and the summary in README.md")
