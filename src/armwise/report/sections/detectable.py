"""What this study could have detected: from its planned size, never from the observed difference."""

from __future__ import annotations

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import percent
from armwise.report.page import Block, Prose, Section
from armwise.report.words import Words


def section(results: Results, words: Words) -> Section | None:
    """The smallest true difference that a study of this size finds; None where no size was planned."""
    rows = [r for r in results.rows(analysis="detectable") if comparisons.usable(r) and r["statistic"] != "n"]
    if not rows:
        return None
    said = Markup(" ").join(_sentence(words, r) for r in rows)
    size = words.protocol.size
    source = size.source if size and size.source else ""
    basis = (
        f" The SD or risk behind it is {source}."
        if source == "assumed"
        else f" The SD or risk behind it comes from: {source}."
        if source
        else ""
    )
    return Section(
        name="detectable",
        short="What could be detected",
        heading=text(
            "A study of this size finds a true difference of {d}", d=cite.estimate(rows[0], unit=True)
        ),
        question="How large must a true difference be, to be found?",
        blocks=(
            Block(
                Prose(
                    (
                        text(
                            "{said}{basis} A smaller true difference may well have been missed: an interval that"
                            " includes no difference does not show that there is none.",
                            said=said,
                            basis=basis,
                        ),
                    )
                )
            ),
        ),
    )


def _sentence(words: Words, row: Row) -> Markup:
    sizes = (
        text(" with {a} and {b} patients", a=cite.count(row, "n_arm"), b=cite.count(row, "n_versus"))
        if row["n_arm"]
        else Markup("")
    )
    arm = f" ({words.brief(row['arm'])})" if row["arm"] and len(words.treatments) > 1 else ""
    level = f" at a two-sided level of {percent(row['at2'])}" if row["at2"] else ""
    what = words.endpoint(row["endpoint"]) if row["endpoint"] else "the outcome"
    return text(
        "{what}{arm}: a true difference of {d} is found with a power of {power}{sizes}{level}.",
        what=what,
        arm=arm,
        d=cite.estimate(row, unit=True, note=True),
        power=percent(row["at"]) if row["at"] else "the planned size",
        sizes=sizes,
        level=level,
    )
