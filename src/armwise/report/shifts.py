"""Shifts of the missing answers of a measured outcome, in words: from which one on a finding would not be one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.analysis.shifted_answers import ENDS, LARGEST, TIPPING, TO_THE_END
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.overturning import rows_of
from armwise.report.words import Words, plural
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED


def shift_sentences(results: Results, words: Words, name: str, arm: str, method: str) -> Iterator[Markup]:
    """From which shift on the interval includes no difference; that none does, where the scale has no room for one.

    Says nothing where it includes none already, or where no shift was tried.
    """
    tips = _by_category(results, name, arm, method, TIPPING)
    largest = _by_category(results, name, arm, method, LARGEST)
    leading = next((r for r in comparisons.leading(results, name) if r["arm"] == arm), None)
    if not largest or leading is None or not comparisons.excludes_no_effect(leading):
        return
    ways = _ways(words, leading)
    found = {k: r for k, r in tips.items() if comparisons.usable(r) and r["estimate"] > 0}
    none = {k: largest[k] for k, r in tips.items() if k not in found and k in largest}
    than = "than those of patients like them"
    if method == IMPUTED:
        model = words.protocol.analyses[name].method == "mmrm"
        than = "than the model of all visits has them" if model else "than the analysis imputes them"
    if found:
        shortest = min(r["estimate"] for r in largest.values())
        clauses = [
            _clause(words, r, ways[k], k, than, r["estimate"] > shortest, not i)
            for i, (k, r) in enumerate(found.items())
        ]
        others = _not_alone(words, none, ways)
        yield text(
            "For the interval to include no difference, {shifts}.{others}", shifts=_or(clauses), others=others
        )
    elif none:
        yield _none(words, none, ways)
    ends = next(
        iter(rows_of(results, name, statistic="mean difference", category=ENDS, arm=arm, method=method)), None
    )
    if ends is not None and comparisons.usable(ends):
        yield text(
            "With the mean of the missing answers of each arm at the end of the scale that is against the finding the"
            " difference would be {d}.",
            d=cite.with_limits(ends, note=True, unit=True, level=True),
        )


def _by_category(results: Results, name: str, arm: str, method: str, statistic: str) -> dict[str, Row]:
    rows = rows_of(results, name, statistic=statistic, arm=arm, method=method)
    order = {category: i for i, category in enumerate(("arm", "versus", "both"))}
    made = sorted(rows, key=lambda r: order[r["category"]])
    return {r["category"]: r for r in made if statistic == TIPPING or comparisons.usable(r)}


def _ways(words: Words, leading: Row) -> dict[str, str]:
    """Whether the missing of the arm, of the other and of both are moved to the better or to the worse."""
    higher = words.higher_is_better(leading["endpoint"])
    up, down = ("higher", "lower") if higher is None else ("better", "worse")
    up, down = (up, down) if higher is not False else (down, up)
    arm, versus = (down, up) if leading["estimate"] > 0 else (up, down)
    return {"arm": arm, "versus": versus, "both": f"{arm} and {versus}"}


def _clause(words: Words, row: Row, way: str, category: str, than: str, short: bool, first: bool) -> Markup:
    """One shift that would do; the first of them says what it is measured from.

    With `short` one arm reaches the end of the scale before.
    """
    size = cite.estimate(row, note=True, unit=True)
    if category == "both":
        worse, better = way.split(" and ")
        return text(
            "the missing answers of {arm} would have to be {size} {worse} {than}, and at the same time"
            " those of {versus} as much {better}{end}" if first
            else "those of both at the same time {size} {worse} and {better}{end}",
            arm=words.brief(row["arm"]), versus=words.brief(row["versus"]), size=size, worse=worse, better=better,
            than=than, end=" or as far as the scale goes" if short else "",
        )  # fmt: skip
    return text(
        "the {n} missing {answers} of {arm} alone would have to be {size} {way} {than}" if first
        else "the {n} of {arm} alone {size} {way}",
        n=cite.count(row, "n"), answers=plural(row["n"], "answer"), arm=words.brief(row[category]), size=size, way=way,
        than=than,
    )  # fmt: skip


def _not_alone(words: Words, none: dict[str, Row], ways: dict[str, str]) -> Markup:
    """Which arm alone has no shift that would do; nothing where each has one."""
    parts = [_up_to(words, row, ways[k], k) for k, row in none.items()]
    return (
        text(" No shift {tried} would do {parts}.", tried=_tried(none), parts=_or(parts))
        if parts
        else Markup("")
    )


def _none(words: Words, none: dict[str, Row], ways: dict[str, str]) -> Markup:
    return text(
        "No shift of the missing answers {tried} makes the interval include no difference: {parts}.",
        tried=_tried(none), parts=cite.listed([_up_to(words, row, ways[k], k) for k, row in none.items()]),
    )  # fmt: skip


def _up_to(words: Words, row: Row, way: str, category: str) -> Markup:
    if category == "both":
        return Markup("in both arms at once")
    size = cite.estimate(row, note=True, unit=True)
    return text("in {arm} alone (up to {size} {way})", arm=words.brief(row[category]), size=size, way=way)


def _tried(none: dict[str, Row]) -> str:
    return (
        "that the scale has room for"
        if all(r["reason"] == TO_THE_END for r in none.values())
        else "that was tried"
    )


def _or(made: Sequence[Markup]) -> Markup:
    return Markup(" or ").join([Markup(", ").join(made[:-1]), made[-1]]) if len(made) > 1 else made[0]
