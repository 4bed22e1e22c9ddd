"""Headings that state a finding, by a rule that is written here and tested.

1. A direction (more, fewer, higher, lower, before, after) is said only where the interval excludes no effect
   and, where the analysis stands in a family, its hypothesis was rejected at the family's level. A limit that
   lies on no effect does not exclude it.
2. Otherwise the heading says that the arms did not differ clearly: never that there is no difference.
3. Equivalence or non-inferiority is said only where the protocol names a margin, the interval meets it and, in a
   family, the hypothesis was rejected at the family's level. What a family tests is then the margin: a direction
   beside it goes by the interval alone.
4. Where arms were not randomised no word of causality is used (the tests hold the list of such words), and the first
   heading says that treatment was not assigned at random, and by whom, if the protocol says so.
5. What could not be estimated is said to be so.
6. Several comparisons that agree are said once; those that do not are said one by one, clear ones first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.numbers import MINUS, decimal_value, in_points, number
from armwise.report.tables import Text
from armwise.report.words import Words, counted, joined, opening, spoken

#: The standardised difference that counts as one, at baseline.
TENTH: Final = Decimal("0.1")

#: Roles of analyses, the most important first.
ROLES: Final = (*comparisons.ROLES, "sensitivity")

Direction = Literal["more", "less", "unclear", "not estimable"]
Clear = dict[tuple[str, Direction], list[str]]
"""The visits at which an arm differs clearly from the reference, by arm and direction."""


def direction(row: Row, adjusted: Row | None = None) -> Direction:
    """The direction that a comparison supports (rules 1, 2 and 5).

    Args:
        row: a comparison.
        adjusted: its `adjusted p` row, where it stands in a family.
    """
    if not comparisons.usable(row):
        return "not estimable"
    if not comparisons.rejected(adjusted) or not comparisons.excludes_no_effect(row):
        return "unclear"
    return "more" if row["lower"] > comparisons.no_effect(row) else "less"


def directions(results: Results, rows: Sequence[Row]) -> dict[Direction, list[str]]:
    """Arms by the direction that their comparison with the reference supports."""
    found: dict[Direction, list[str]] = {}
    for row in rows:
        found.setdefault(supported(results, row), []).append(row["arm"])
    return found


def supported(results: Results, row: Row) -> Direction:
    """The direction of a comparison and its family, which says nothing of no effect where it tests a margin."""
    tests_margin = comparisons.analysis_of(results.protocol, row["analysis"]).margin is not None
    return direction(row, None if tests_margin else comparisons.adjusted_p(results, row))


def primary(results: Results, words: Words) -> str:
    """The first heading: what the primary analysis found."""
    name = comparisons.primary_name(words.protocol)
    rows = comparisons.leading(results, name)
    finding = margin_finding(results, words, rows) or finding_of(results, words, rows, name)
    return f"{finding}; {words.allocated}" if words.nonrandomised else finding


def finding_of(results: Results, words: Words, rows: Sequence[Row], analysis: str, when: bool = False) -> str:
    """What the comparisons of one analysis at one visit found.

    Args:
        results: the results.
        words: the study's words.
        rows: its comparisons, one an arm.
        analysis: its name.
        when: whether to say the visit.
    """
    endpoint = comparisons.analysis_of(words.protocol, analysis).endpoint
    declared = words.protocol.endpoints[endpoint]
    what = words.endpoint(endpoint)
    found = directions(results, rows)
    reference = words.brief(words.protocol.reference)
    time = f" {words.at(rows[0]['visit'])}" if when and rows else ""
    if not rows or set(found) == {"not estimable"}:
        return (
            f"The primary comparison could not be estimated{time}"
            if not rows
            else f"{what} could not be compared{time}"
        )
    said = []
    for side, count_word, value_word in (("more", "More", "higher"), ("less", "Fewer", "lower")):
        arms = found.get(side)  # type: ignore[call-overload]
        if not arms:
            continue
        names = joined(words.brief(a) for a in arms)
        if declared.is_response:
            said.append(f"{count_word} patients improved with {names} than with {reference}{time}")
        else:
            said.append(f"{opening(what)} was {value_word} with {names} than with {reference}{time}")
        time = ""
    unclear = found.get("unclear", [])
    if unclear and said:
        said.append(f"{joined(words.brief(a) for a in unclear)} did not differ clearly from it")
    elif unclear:
        said.append(
            _unclear(
                words,
                unclear,
                reference,
                "the share of patients who improved" if declared.is_response else what,
                time,
            )
        )
    return "; ".join(said)


def _unclear(words: Words, arms: Sequence[str], reference: str, what: str, time: str) -> str:
    names = [words.brief(a) for a in arms]
    if len(names) == 1:
        return f"{opening(names[0])} and {reference} did not differ clearly in {what}{time}"
    if len(names) == 2:
        return f"Neither {names[0]} nor {names[1]} differed clearly from {reference} in {what}{time}"
    return f"None of the {counted(len(names))} arms differed clearly from {reference} in {what}{time}"


def margin_finding(results: Results, words: Words, rows: Sequence[Row]) -> str:
    """Rule 3: the verdict on a margin, where the analysis has one and every comparison has its verdict.

    Args:
        results: the results.
        words: the study's words.
        rows: the comparisons of one analysis at one visit, one an arm.
    """
    verdicts = [comparisons.margin(results, row) for row in rows]
    if not rows or any(v is None for v in verdicts):
        return ""
    declared = comparisons.analysis_of(words.protocol, rows[0]["analysis"])
    if declared.margin is None:
        return ""
    kind = "equivalent to" if declared.margin.kind == "equivalence" else "non-inferior to"
    met = [
        r["arm"]
        for r, v in zip(rows, verdicts, strict=True)
        if v is not None and v["reason"] == "met" and comparisons.rejected(comparisons.adjusted_p(results, r))
    ]
    names, reference = joined(words.brief(a) for a in met), words.brief(words.protocol.reference)
    what = words.endpoint(declared.endpoint)
    if len(met) == len(rows):
        return (
            f"{opening(names)} {'was' if len(met) == 1 else 'were'} {kind} {reference} in {what}, by the margin"
            f" {_of_margin(words, rows[0], declared.margin.value)}set beforehand"
        )
    unmet = [words.brief(r["arm"]) for r in rows if r["arm"] not in met]
    by = f"by the margin {_of_margin(words, rows[0], declared.margin.value)}set beforehand"
    if met:
        return (
            f"{opening(names)} {'was' if len(met) == 1 else 'were'} {kind} {reference} in {what}, {by};"
            f" {joined(unmet)} {'was' if len(unmet) == 1 else 'were'} not shown to be"
        )
    verb = "was" if len(unmet) == 1 else "were"
    return f"{opening(joined(unmet))} {verb} not shown to be {kind} {reference} in {what}, {by}"


def _of_margin(words: Words, row: Row, value: float) -> str:
    """`of 10 percentage points `, `of 2.5 points `."""
    if in_points(row):
        return f"of {decimal_value(value, 100).normalize():f} percentage points "
    unit = "" if comparisons.is_ratio(row) else words.unit(row["endpoint"])
    return f"of {decimal_value(value).normalize():f}{' ' + unit if unit else ''} "


def course(results: Results, words: Words, score: str) -> str:
    """The heading of the score over time: at which visits the arms differ (rule 1 at each visit)."""
    label = words.score(score).label
    endpoint = comparisons.change_endpoint(words.protocol, score)
    compared = {
        visit: comparisons.leading(results, names[0], visit)
        for visit in words.protocol.visits_after_baseline()
        if endpoint and (names := comparisons.answers(results, endpoint, visit))
    }
    return f"{label} {_over_time(results, words, compared)}" if compared else f"{label} at each visit"


def _over_time(results: Results, words: Words, compared: Mapping[str, Sequence[Row]]) -> str:
    """What the comparisons at several visits found, by rule 1 at each: `was lower with ... at every visit`."""
    found = [(visit, row["arm"], supported(results, row)) for visit, rows in compared.items() for row in rows]
    known = list(dict.fromkeys(visit for visit, _, side in found if side != "not estimable"))
    clear: Clear = {}
    for visit, arm, side in found:
        if side in ("more", "less"):
            clear.setdefault((arm, side), []).append(visit)
    if not known:
        return "could not be compared"
    if clear:
        return f"was {'; '.join(_clear(words, clear, list(compared)))}"
    every = len(known) == len(compared) and len(known) > 1
    time = "at any visit" if every else f"at {joined(words.visit(v) for v in known)}"
    return f"did not differ clearly between the arms {time}"


def _clear(words: Words, clear: Clear, visits: Sequence[str]) -> list[str]:
    """`lower with BMC than with conventional care at every visit`: arms that agree are said together (rule 6)."""
    alike: dict[tuple[Direction, tuple[str, ...]], list[str]] = {}
    for (arm, side), at in clear.items():
        alike.setdefault((side, tuple(at)), []).append(arm)
    parts: list[str] = []
    for (side, places), arms in alike.items():
        word = "higher" if side == "more" else "lower"
        every = len(places) == len(visits) and len(visits) > 1
        time = "at every visit after baseline" if every else f"at {joined(words.visit(v) for v in places)}"
        who = joined(words.brief(arm) for arm in arms)
        parts.append(f"{word} with {who} than with {words.brief(words.protocol.reference)} {time}")
    return parts


def repeated(results: Results, words: Words, names: Sequence[str]) -> str:
    """The heading of the models of all visits: what the most important of them found; each figure has its own finding.

    Args:
        results: the results.
        words: the study's words.
        names: the analyses, each a model.
    """
    first = min(names, key=lambda name: ROLES.index(words.protocol.analyses[name].role))
    label = spoken(words.endpoint(words.protocol.analyses[first].endpoint))
    return f"In one model of all visits, {label} {model_finding(results, words, first)}"


def model_finding(results: Results, words: Words, name: str) -> str:
    """What a model of all visits found of its endpoint: `was lower with ... at week 24`."""
    visits = words.protocol.analysis_visits(words.protocol.analyses[name])
    return _over_time(results, words, {v: comparisons.leading(results, name, v) for v in visits})


def responders(results: Results, words: Words, endpoint: str, visit: str) -> Text:
    """The heading of the responders: the share of each arm at a visit; it claims no direction."""
    parts: list[Markup] = []
    names = comparisons.answers(results, endpoint, visit)
    for arm in words.arms:
        risk = (
            comparisons.analysed(results, names[0], visit, arm, "risk")
            if names
            else comparisons.described(results, endpoint, visit, arm, "risk")
        )
        if risk is not None and comparisons.usable(risk):
            verb = " improved" if not parts else ""
            parts.append(
                cite.text(
                    "{share}{verb} with {arm}", share=cite.estimate(risk), verb=verb, arm=words.brief(arm)
                )
            )
    if not parts:
        return "Patients who improved by an amount that matters"
    return cite.text("{at}, {parts}", at=opening(words.at(visit)), parts=cite.listed(parts))


def distribution(results: Results, words: Words, endpoint: str, visit: str, threshold: float | None) -> Text:
    """The heading of the curves: the share of each arm at the threshold; it claims no direction."""
    score = words.score(words.score_of(endpoint))
    plain = f"The change in {score.label} at every threshold"
    if threshold is None or score.higher_is_better is None:
        return plain
    parts = []
    for arm in words.arms:
        rows = results.rows(
            analysis="distribution", endpoint=endpoint, visit=visit, arm=arm, statistic="cumulative share"
        )
        reached = [
            r for r in rows if (r["at"] >= threshold if score.higher_is_better else r["at"] <= -threshold)
        ]
        if not reached:
            return plain
        nearest = min(reached, key=lambda r: abs(r["at"]))
        parts.append(cite.text("{share} with {arm}", share=cite.estimate(nearest), arm=words.brief(arm)))
    said = (
        f"{'Up' if score.higher_is_better else 'Down'} by {number(threshold, 0 if threshold == int(threshold) else 1)}"
        f" {score.unit} or more"
    )
    return cite.text(
        "{said}: {parts}; the curves show every other threshold", said=said, parts=cite.listed(parts)
    )


def outcomes(results: Results, words: Words, rows: Sequence[Row]) -> str:
    """The heading of all outcomes: how many differ clearly, and in favour of which side.

    Args:
        results: the results.
        words: the study's words.
        rows: the leading comparison of each outcome (and arm).
    """
    usable = [r for r in rows if r["status"] == "ok"]
    sides: dict[str, int] = {}
    for row in usable:
        side = supported(results, row)
        better = words.more_is_better(row["analysis"], row["endpoint"])
        if side in ("more", "less"):
            key = "different" if better is None else "better" if (side == "more") == better else "worse"
            sides[key] = sides.get(key, 0) + 1
    total = len(usable)
    if not total:
        return "The other outcomes could not be compared"
    if not sides:
        return (
            f"None of {counted(total)} comparisons shows a clear difference"
            if total > 1
            else "The other outcome does not differ clearly"
        )
    reference = words.brief(words.protocol.reference)
    names = joined((words.brief(a) for a in words.treatments), "or")
    said = [
        f"{counted(n)} {'were' if n > 1 else 'was'} {key}{f' with {names}' if key != 'different' else ''}"
        for key, n in sides.items()
    ]
    rest = total - sum(sides.values())
    tail = [f"{counted(rest)} did not differ clearly"] if rest else []
    what = "outcomes" if len(words.treatments) == 1 else f"outcome comparisons with {reference}"
    return f"Of {counted(total)} {what}, {joined([*said, *tail])}"


def balance(before: Sequence[float], after: Sequence[float], words: Words, at: Decimal = TENTH) -> str:
    """The heading of who took part: how many standardised differences lie beyond `at` before and after weighting.

    Each is counted as it is shown, with two decimals: one shown as 0.10 does not lie beyond 0.1.

    Args:
        before: the standardised differences, one a characteristic and treatment arm.
        after: the same after weighting, if there is one.
        words: the study's words.
        at: what they are held against.
    """
    total = len(before)
    if not total:
        return "Who took part"
    large = sum(_shown_beyond(x, at) for x in before)
    each = "comparisons" if len(words.treatments) > 1 else "characteristics"
    characteristics = f"{counted(total)} {each}" if total != 1 else f"the one {each[:-1]}"
    if not large:
        return f"No standardised difference at baseline lies beyond {at}, in {characteristics}"
    which = (
        f"{counted(large)} of {characteristics}"
        if large != total
        else f"all {characteristics}"
        if total > 1
        else characteristics
    )
    first = f"The arms differed at baseline beyond {at} SD in {which}"
    if not words.nonrandomised:
        return f"{first}; allocation was by chance"
    if not after:
        return first
    left = sum(_shown_beyond(x, at) for x in after)
    return f"{first}; after weighting in {counted(left)}" if left else f"{first}; after weighting in none"


def _shown_beyond(difference: float, at: Decimal) -> bool:
    return abs(Decimal(number(difference, 2).replace(MINUS, "-"))) > at
