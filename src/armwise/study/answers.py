"""One questionnaire's answers in a file, scored without a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from armwise.errors import FileError, Problem, StudyError
from armwise.instruments import Instrument, check_answers, score
from armwise.instruments.load import load


def score_file(instrument: str, answers: Path, options: Mapping[str, str] | None = None) -> str:
    """Scores a file of answers.

    Args:
        instrument: a name, or the path of a definition file.
        answers: CSV or Parquet, one row a questionnaire, a column an item.
        options: options as text; their types are the instrument's.

    Returns:
        The table with its scores and their status, as CSV text.

    Raises:
        InstrumentError: unknown instrument, option or column.
        StudyError: an answer is out of range or not a number: every one is listed, and nothing is scored.
        FileError: the file cannot be read.
    """
    definition = load(instrument)
    try:
        if answers.suffix.lower() == ".parquet":
            frame = pl.read_parquet(answers)
        else:
            frame = pl.read_csv(answers, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FileError(f"{answers}: cannot be read ({str(error).splitlines()[0][:120]})") from None
    frame = _numbers(frame, definition)
    chosen = {name: _typed(definition, name, value) for name, value in (options or {}).items()}
    findings = check_answers(frame, definition)
    if findings:
        todo = "correct the answer, or leave the cell empty"
        problems = [
            Problem("error", answers.name, f.row + 1, f.column, f"found {f.found}, expected {f.expected}", todo)
            for f in findings
        ]
        raise StudyError(f"{answers}: {len(findings)} answers cannot be scored", problems)
    return str(score(frame, definition, options=chosen or None).write_csv())


def _numbers(frame: pl.DataFrame, definition: Instrument) -> pl.DataFrame:
    """Item columns as numbers where every cell is one; the others stay text, and are listed cell by cell."""
    made = []
    for item in definition.items:
        if item.code in frame.columns and frame.schema[item.code] == pl.String:
            text = frame[item.code].str.strip_chars().replace("", None)
            number = text.cast(pl.Float64, strict=False)
            made.append(number if number.null_count() == text.null_count() else text)
    return frame.with_columns(made)


def _typed(definition: Instrument, name: str, value: str) -> object:
    """An option's value among its choices, whatever their type: `2` is the number where the choices are numbers."""
    choices = definition.options[name].choices if name in definition.options else ()
    return next((choice for choice in choices if str(choice).lower() == value.lower()), value)
