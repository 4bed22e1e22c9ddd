"""The errors that armwise raises on purpose: one small tree.

    ArmwiseError
    ├── UsageError          a function or a command was called with words that it does not know
    ├── ProtocolError       protocol.yaml (or a file that it names) cannot be used as it stands
    ├── InstrumentError     an instrument's definition, an option or an answer's column is wrong
    ├── StudyError          the study's tables hold problems that stop the run
    ├── AnalysisError       an analysis cannot be carried out at all (one that fails alone is a row)
    ├── FitError            a model has no fit to these data: singular, not identified, not converged
    └── FileError           a file or a folder is missing, unreadable or in the way

Every message says where, what was found, what was expected and what to do. `ProtocolError` and
`StudyError` carry all their problems at once in `problems`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong or odd in a protocol or in data.

    Attributes:
        severity: `error` stops the run; `warning` and `note` go into the report.
        file: the file's path, relative to the study folder.
        row: line of the file, counted from 1 as an editor shows it (in a table the header is line 1);
            None when it is about the whole file.
        column: the table's column, or the dotted key of the protocol.
        what: what was found and what was expected.
        todo: what to do about it.
    """

    severity: Severity
    file: str
    row: int | None
    column: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        """`protocol.yaml:12 (endpoints.odi.score): unknown score ...; do this`."""
        where = self.file if self.row is None else f"{self.file}:{self.row}"
        column = f" ({self.column})" if self.column else ""
        todo = f"; {self.todo}" if self.todo else ""
        return f"{where}{column}: {self.what}{todo}"


class ArmwiseError(Exception):
    """Anything that armwise refuses, with a message that a user can act on."""


class UsageError(ArmwiseError):
    """A function or a command was called with words that it does not know."""


class InstrumentError(ArmwiseError):
    """An instrument's definition, an option or an answer's column is wrong."""


class AnalysisError(ArmwiseError):
    """An analysis cannot be carried out at all."""


class FitError(ArmwiseError):
    """A model has no fit to these data, so that there are no numbers.

    Attributes:
        kind: `singular` (the likelihood rises towards a covariance that is not positive definite), `not identified`
            (the data say nothing on a parameter), `not converged`.
        names: the visits, patterns or columns at fault.
    """

    def __init__(
        self,
        message: str,
        kind: Literal["singular", "not identified", "not converged"] = "not converged",
        names: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.names = tuple(names)
        super().__init__(message)


class FileError(ArmwiseError):
    """A file or a folder is missing, unreadable or in the way."""


class ProblemsError(ArmwiseError):
    """Problems that stop the run, all of them at once."""

    def __init__(self, headline: str, problems: Sequence[Problem]) -> None:
        self.headline = headline
        self.problems = tuple(problems)
        super().__init__("\n".join([headline, *(f"  {p}" for p in self.problems)]))


class ProtocolError(ProblemsError):
    """protocol.yaml (or a file that it names) cannot be used as it stands."""


class StudyError(ProblemsError):
    """The study's tables hold problems that stop the run."""
