"""One questionnaire's answers in a file, scored without a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from armwise.errors import FileError, Problem, StudyError
from armwise.instruments import Instrument, check_answers, load, score
from armwise.study.cells import Cells, read_cells
from armwise.study.tables import Column, typed_column
from armwise.yaml_lines import nearest


def score_file(instrument: str, answers: Path, options: Mapping[str, str] | None = None) -> str:
    """Scores a file of answers.

    Args:
        instrument: a name, or the path of a definition file.
        answers: CSV or Parquet, one row a questionnaire, a column an item; its other columns are kept.
        options: options as text; their types are the instrument's.

    Returns:
        The table as it was with its scores and their status, as CSV text.

    Raises:
        InstrumentError: unknown instrument or option.
        StudyError: a column is missing, an answer out of range or not a number: every one is listed, and nothing is
            scored.
        FileError: the file cannot be read.
    """
    definition = load(instrument)
    cells = read_cells(answers, answers.name)
    if isinstance(cells, Problem):
        raise FileError(str(cells).replace(answers.name, str(answers), 1))
    numbers, problems = _numbers(cells, definition, answers.name)
    if problems:
        count = len(problems)
        headline = f"{answers}: {count} mistake{'s' * (count != 1)}, nothing is scored"
        order = {name: at for at, name in enumerate(cells.frame.columns)}
        raise StudyError(headline, sorted(problems, key=lambda p: (p.row or 0, order.get(p.column, -1))))
    chosen = {name: _typed(definition, name, value) for name, value in (options or {}).items()}
    scored = score(numbers, definition, options=chosen or None)
    made = [name for name in scored.columns if name not in numbers.columns]
    return str(pl.concat([cells.frame, scored.select(made)], how="horizontal").write_csv())


def _numbers(cells: Cells, definition: Instrument, shown: str) -> tuple[pl.DataFrame, list[Problem]]:
    """The table with its items as numbers, and every cell that is no answer."""
    problems = list(cells.problems)
    frame = cells.frame
    for item in definition.items:
        if item.code in frame.columns:
            column = Column(item.code, "answer")
            made, found = typed_column(frame[item.code], cells.lines, column, shown)
            problems += found
            frame = frame.with_columns(made)
        elif not item.optional:
            todo = nearest(
                item.code, [c for c in frame.columns if c not in {i.code for i in definition.items}]
            )
            problems.append(
                Problem("error", shown, 1, item.code, f"the column `{item.code}` is missing", todo)
            )
    if any(p.row == 1 for p in problems):
        return frame, problems
    for f in check_answers(frame, definition):
        what = f"found {f.found:g}, expected {f.expected}"
        problems.append(
            Problem(
                "error",
                shown,
                cells.lines[f.index],
                f.column,
                what,
                "correct the answer, or leave the cell empty",
            )
        )
    return frame, problems


def _typed(definition: Instrument, name: str, value: str) -> object:
    """An option's value among its choices, whatever their type: `2` is the number where the choices are numbers."""
    choices = definition.options[name].choices if name in definition.options else ()
    return next((choice for choice in choices if str(choice).lower() == value.lower()), value)
