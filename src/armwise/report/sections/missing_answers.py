"""Every combination of the missing answers that was tried, drawn as grids."""

from __future__ import annotations

from collections.abc import Sequence

from armwise.analysis.fragility import put_to_test
from armwise.analysis.missing_answers import PLACED, PLAIN
from armwise.analysis.results import Results, Row
from armwise.report.cite import text
from armwise.report.figures.tipping import cells_of, tipping
from armwise.report.overturning import finding, in_words, overturned_row, rows_of, what_is_tested
from armwise.report.page import Block, Figure, Section, figure
from armwise.report.tables import Text, noted
from armwise.report.words import Words, opening
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED


def section(results: Results, words: Words) -> Section | None:
    """The grids of each analysis that the protocol puts to the test; None where no combination was tried."""
    blocks = [
        Block(_grid(results, words, name, arm, method, rows), _notes(method))
        for name in put_to_test(words.protocol)
        for arm in words.treatments
        for method in (PLAIN, PLACED, IMPUTED, SHIFTED)
        if len(cells_of(rows := _distinct(rows_of(results, name, arm=arm, method=method)))) > 1
    ]
    if not blocks:
        return None
    return Section(
        name="missing-answers",
        short="Missing answers",
        heading=_heading(results, words),
        question="What would the difference be, whatever the missing answers were?",
        blocks=tuple(blocks),
    )


def _heading(results: Results, words: Words) -> str:
    """In how many combinations the first finding that was tried would not be one."""
    for name in put_to_test(words.protocol):
        row = overturned_row(results, name, words.treatments[0])
        if row is not None and row["n"] > 1:
            return opening(in_words(row, finding(words, name)))
    return "Every combination of the missing answers"


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """The combinations of a grid; an arm whose shifts change nothing, as nobody is missing there, keeps one of them."""
    kept = cells_of(rows)
    for i in (0, 1):
        along = sorted({key[i] for key in kept}, key=abs)
        across = {key[1 - i] for key in kept}
        alike = all(len({kept[k]["estimate"] for k in kept if k[1 - i] == v}) == 1 for v in across)
        if alike and len(along) > 1:
            kept = {k: r for k, r in kept.items() if k[i] == along[0]}
    return list(kept.values())


def _grid(results: Results, words: Words, name: str, arm: str, method: str, rows: Sequence[Row]) -> Figure:
    analysis = words.protocol.analyses[name]
    what = what_is_tested(words, name)
    how = {
        PLAIN: "not adjusted",
        PLACED: "weighted",
        IMPUTED: "imputed outcomes shifted",
        SHIFTED: "missing outcomes shifted",
    }[method]
    unit = words.unit(analysis.endpoint)
    better = words.higher_is_better(analysis.endpoint)
    shifts = method in (IMPUTED, SHIFTED)
    way = f" A shift above 0 is {'better' if better else 'worse'}." if shifts and better is not None else ""
    return figure(
        f"{what}: every combination of missing answers, {how}.",
        text("Each cell: the difference in {unit}.{way}", unit=unit, way=way),
        lambda width: tipping(
            results,
            rows,
            name=f"tipping {name} {arm} {how}",
            what=what,
            shifts=shifts,
            width=width,
        ),
        square=True,
    )


def _notes(method: str) -> tuple[Text, ...]:
    return {
        PLAIN: noted(
            "No model: everyone is counted, and each number of responders among the missing is tried."
        ),
        PLACED: noted(
            "Under weights it matters which of the missing improved: they are placed so that the difference is as small"
            " as their number allows."
        ),
        IMPUTED: noted(
            "Missing outcomes are those that were imputed, better or worse by the shift in every completed data set;"
            " the rest of the analysis is repeated as it is."
        ),
        SHIFTED: noted(
            "Missing outcomes are what the model of those observed predicts, better or worse by the shift."
        ),
    }[method]
