"""Headings of what was not assigned: associations within an arm, and whether a difference goes with a characteristic.

1. Nobody was assigned the value of a measure: a heading says what went with what, never what did something.
2. A direction is said only where the interval of the pair that was declared to lead excludes no association.
3. An interval that holds no association, or no interaction, settles nothing: the heading says that the question stays
   open, and never that there is none, that a characteristic plays no part, or that subgroups are alike.
4. An interaction whose interval excludes none is said with the word exploratory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from armwise.analysis.results import Row
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import excludes_no_effect, usable
from armwise.report.tables import Text
from armwise.report.words import Words, joined, opening, spoken

#: What no such heading may say (tests hold the pages against it).
NEVER: Final = (
    "no effect",
    "not affect",
    "no interaction",
    "no association",
    "no influence",
    "does not depend",
    "did not depend",
    "independent of",
    "regardless of",
    "consistent across",
    "the same in",
    "alike in",
    "not modified",
    "equally",
)


def association(words: Words, slope: Row, measure: str) -> Text:
    """The heading of the associations: what the leading pair shows.

    Args:
        words: the study's words.
        slope: the leading pair's slope, or difference between categories.
        measure: what it is called.
    """
    outcome = f"{words.criterion(slope['endpoint'])} {words.at(slope['visit'])}"
    if not usable(slope):
        return f"The association of {measure} with the {outcome} could not be estimated"
    if not excludes_no_effect(slope):
        return text(
            "In {n} patients, whether {measure} goes with the {outcome} stays open",
            n=cite.count(slope, "n"),
            measure=unbroken(measure),
            outcome=outcome,
        )
    if slope["statistic"] != "slope":  # categories have no higher and lower
        return f"The {outcome} went with {measure}: an association, not assigned to anybody"
    return f"Higher {measure} went with {_outcome(words, slope)}: an association, not assigned to anybody"


def _outcome(words: Words, slope: Row) -> str:
    """`a larger fall in Oswestry Disability Index at 12 months`, or `a lower value of ...`."""
    declared = words.protocol.endpoints[slope["endpoint"]]
    at, up = words.at(slope["visit"]), slope["estimate"] > 0
    better = words.higher_is_better(slope["endpoint"])
    if declared.kind == "value" or better is None:
        return f"a {'higher' if up else 'lower'} {words.criterion(slope['endpoint'])} {at}"
    size, way = ("larger" if up == better else "smaller"), ("rise" if better else "fall")
    return f"a {size} {way} in {spoken(words.score(words.score_of(slope['endpoint'])).label)} {at}"


def modification(rows: Sequence[Row], names: Sequence[str]) -> Text:
    """The heading of the interactions of one or more analyses (rules 3 and 4).

    Args:
        rows: the interactions.
        names: what the characteristic of each is called, in the same order.
    """
    clear = list(
        dict.fromkeys(n for r, n in zip(rows, names, strict=True) if usable(r) and excludes_no_effect(r))
    )
    every = list(dict.fromkeys(names))
    if clear:
        return f"The difference between the arms varied with {joined(clear)} (exploratory)"
    return f"Whether the difference between the arms varies with {joined(every, 'or')} stays open"


def measure_name(row: Row) -> str:
    """A measure inside a sentence: `age`, `CFU-F` of `Colony-forming units-fibroblast (CFU-F)`."""
    label = str(row["label"])
    before, _, short = label.partition(" (")
    return (
        short.rstrip(")")
        if short.endswith(")") and short[:-1].isascii() and " " not in short
        else spoken(before)
    )


def unbroken(name: str) -> Text:
    """A short name with a hyphen, such as CFU-F, that no line ends within."""
    return Markup('<span class="nb">{}</span>').format(name) if "-" in name and " " not in name else name


def opened(row: Row) -> str:
    """The same, to open a line of a table or figure: the whole label."""
    return opening(str(row["label"]))
