"""Data and models of the fixtures that R made: treatment-coded columns by R's names, from the CSV files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from textbook import Subject
from textbook_structures import Floats

FIXTURES = Path(__file__).with_name("fixtures")


@cache
def witness(name: str) -> Any:
    """A fixture."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def _part(name: str, row: dict[str, str]) -> float:
    """`baseline` is a number; `armbmc` is 1 where arm is bmc."""
    if name in row:
        return float(row[name])
    variable = next(v for v in row if name.startswith(v))
    return float(row[variable] == name.removeprefix(variable))


def _column(name: str, row: dict[str, str]) -> float:
    return 1.0 if name == "(Intercept)" else float(np.prod([_part(part, row) for part in name.split(":")]))


@dataclass(frozen=True, eq=False)
class RData:
    """One CSV file: rows with an outcome, by subject."""

    visits: tuple[str, ...]
    outcome: str
    by_subject: dict[str, list[dict[str, str]]]

    def subjects(self, names: list[str]) -> list[Subject]:
        """The subjects with the columns that R calls so."""
        return [
            Subject(
                np.array([[_column(name, row) for name in names] for row in rows]),
                np.array([float(row[self.outcome]) for row in rows]),
                np.array([self.visits.index(row["visit"]) for row in rows]),
            )
            for rows in self.by_subject.values()
        ]

    def wide(self, names: list[str]) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
        """y (N, m), covariates with a coefficient at each visit, covariates with one: the same model, cell means."""
        y = np.full((len(self.by_subject), len(self.visits)), np.nan)
        for i, rows in enumerate(self.by_subject.values()):
            for row in rows:
                y[i, self.visits.index(row["visit"])] = float(row[self.outcome])
        crossed = {_without_visit(name) for name in names if _visit_of(name)} - {""}
        firsts = [rows[0] for rows in self.by_subject.values()]
        values = {
            name: np.array([_column(name, row) for row in firsts])
            for name in names
            if name != "(Intercept)" and not _visit_of(name)
        }
        return (
            y,
            {name: v for name, v in values.items() if name in crossed},
            {name: v for name, v in values.items() if name not in crossed},
        )

    def to_r(self, names: list[str], columns: tuple[str, ...]) -> Floats:
        """L with R's coefficients = L beta, where `columns` are those of armwise's crossed design; whole numbers."""
        T = np.zeros((len(columns), len(names)))
        for k, name in enumerate(names):
            base, visit = _without_visit(name), _visit_of(name)
            base = "" if base == "(Intercept)" else base
            for j in [visit] if visit else self.visits:
                column = f"{base}:{j}" if base else j
                if column not in columns:
                    column = base
                T[columns.index(column), k] = 1.0
        L = np.linalg.inv(T)
        assert np.allclose(L, np.round(L), atol=1e-12)
        return np.round(L)


def _visit_of(name: str) -> str:
    return next((part.removeprefix("visit") for part in name.split(":") if part.startswith("visit")), "")


def _without_visit(name: str) -> str:
    return ":".join(part for part in name.split(":") if not part.startswith("visit"))


@cache
def r_data(name: str) -> RData:
    """The data set of that CSV file, without the rows that have no outcome."""
    with (FIXTURES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    outcome = list(rows[0])[-1]
    by_subject: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row[outcome] not in ("", "NA"):
            by_subject.setdefault(row["subject"], []).append(row)
    longest = max(by_subject.values(), key=len)
    return RData(tuple(row["visit"] for row in longest), outcome, by_subject)
