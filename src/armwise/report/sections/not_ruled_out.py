"""What none of an arm had, and how frequent it may be all the same: the limits of 0 of n, each with its side."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.analysis.safety import ANALYSIS, NOT_SEEN
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.numbers import confidence, shown
from armwise.report.tables import Text
from armwise.report.words import Words, joined
from armwise.stats.rates import RISK_METHODS, RULE_OF_THREE

#: Category -> what nobody had, inside a sentence.
UNSEEN: Final = {
    "any event": "an adverse event",
    "serious": "a serious event",
    "grade 3 or more": "an event of grade 3 or more",
    "fatal": "a fatal event",
}
TWO_SIDED, ONE_SIDED = RISK_METHODS["two-sided"], RISK_METHODS["upper"]

Alike = tuple[tuple[str, ...], int | None]
"""What none of an arm had, and of how many patients: arms alike in both have the same limits."""
_Limits = tuple[str, Row, Row, Row, Row | None]


def event_row(results: Results, statistic: str, arm: str, category: str, **more: str | None) -> Row | None:
    """The row of a number of an arm's events of a category; the risk is that with two-sided limits unless told."""
    where = {"item": None, "versus": None, **more}
    if statistic == "risk":
        where.setdefault("method", TWO_SIDED)
    return results.one(analysis=ANALYSIS, statistic=statistic, arm=arm, category=category, **where)


def limit_of_none(results: Results, arm: str, method: str) -> Row | None:
    """The row of the limits of an event that none of an arm had."""
    return event_row(results, "risk", arm, NOT_SEEN, method=method)


def upper_of(row: Row) -> Markup:
    """The upper limit of a share alone, with one decimal."""
    span = str(shown(row, 1).limits)
    return cite.cited(row, "upper", span.rpartition(" to ")[2])


def _unknown(results: Results, arm: str, category: str) -> bool:
    """Whether some event of the arm may be one of the category, for all that is recorded of it."""
    found = event_row(results, "missing", arm, category)
    return found is not None and bool(found["estimate"])


def none_had(results: Results, words: Words) -> tuple[Text, ...]:
    """What none of an arm had, and how frequent it may be all the same; arms alike in both share a sentence."""
    said: dict[Alike, list[_Limits]] = {}
    things: dict[Alike, str] = {}
    for arm in words.arms:
        none = [
            (label, r)
            for category, label in UNSEEN.items()
            if (r := event_row(results, "subjects", arm, category)) is not None
            and r["estimate"] == 0
            and not _unknown(results, arm, category)
        ]
        both, one = limit_of_none(results, arm, TWO_SIDED), limit_of_none(results, arm, ONE_SIDED)
        three = limit_of_none(results, arm, RULE_OF_THREE)
        if not (comparisons.usable(both) and comparisons.usable(one)):
            continue
        assert both is not None and one is not None
        key = (tuple(label for label, _ in none), both["n"])
        things[key] = joined(key[0], "or")
        said.setdefault(key, []).append((arm, none[0][1] if none else both, both, one, three))
    return tuple(_not_ruled_out(words, things[key], arms) for key, arms in said.items())


def _not_ruled_out(words: Words, things: str, arms: list[_Limits]) -> Text:
    """`None of 40 patients with A and none of 40 with B had ...`, and the limits, which they share."""
    counts = [
        text(
            "{n}{patients} with {arm}",
            n=cite.count(none, "n"),
            patients=" patients" if i == 0 else "",
            arm=words.arm(arm),
        )
        for i, (arm, none, *_) in enumerate(arms)
    ]
    if things:
        counts[1:] = [text("none of {c}", c=c) for c in counts[1:]]
        what = text("None of {who} had {things}.", who=cite.listed(counts), things=things)
    else:
        what = text("Watched: {who}.", who=cite.listed(counts))
    _, _, both, one, three = arms[0]
    return text(
        "{what} {zero} of {n} does not rule out a risk of {two} (upper limit of the two-sided {level}; on one side"
        " {one}{three}): what is rarer than that may well have been missed.",
        what=what,
        zero=cite.cited(both, "estimate", "0"),
        n=cite.count(both, "n"),
        two=upper_of(both),
        level=confidence(both["conf_level"]),
        one=upper_of(one),
        three=text("; by the rule of three {t}", t=upper_of(three)) if three is not None else "",
    )
