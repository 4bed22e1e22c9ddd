"""Results: every number that a report may show, one row each, and what a reader needs to trust it.

A report is a function of a `Results` alone. The columns, and which rows each part of the analysis
makes, are written down in docs/results.md; a test keeps the two in step.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from armwise.errors import AnalysisError, FileError, Problem
from armwise.protocol.load import parse_protocol
from armwise.protocol.model import Protocol
from armwise.stats import Estimate

#: The columns of the results table, in order. What: WHAT; how: method, statistic; how much: the rest.
COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "key": pl.String(),
    "analysis": pl.String(),
    "role": pl.String(),
    "planned": pl.String(),
    "endpoint": pl.String(),
    "analysis_set": pl.String(),
    "target": pl.String(),
    "visit": pl.String(),
    "arm": pl.String(),
    "versus": pl.String(),
    "subgroup": pl.String(),
    "category": pl.String(),
    "item": pl.String(),
    "at": pl.Float64(),
    "at2": pl.Float64(),
    "method": pl.String(),
    "statistic": pl.String(),
    "estimate": pl.Float64(),
    "se": pl.Float64(),
    "df": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "conf_level": pl.Float64(),
    "p": pl.Float64(),
    "n": pl.Int64(),
    "n_arm": pl.Int64(),
    "n_versus": pl.Int64(),
    "unit": pl.String(),
    "label": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
}

#: The columns that say which number a row is: its key is made of them, in this order.
IDENTITY = (
    *("analysis", "endpoint", "analysis_set", "target", "visit", "arm", "versus", "subgroup"),
    *("category", "item", "at", "at2", "method", "statistic"),
)

#: What whoever makes a row may say; id and key follow from it.
_SETTABLE = frozenset(COLUMNS) - {"id", "key"}

#: What a row takes over from an `Estimate`.
_ESTIMATE = (
    *("se", "df", "lower", "upper", "conf_level", "p", "n", "n_arm", "n_versus"),
    *("method", "status", "reason"),
)

Row = dict[str, Any]


def row(statistic: str, estimate: float | int | None = None, **fields: Any) -> Row:
    """One row of the results table.

    Args:
        statistic: what the number is: `mean`, `risk difference`, `count` ...
        estimate: the number; None when it could not be estimated (then say why in `reason`).
        **fields: any other column of `COLUMNS` but `id` and `key`, which follow from the rest.

    Raises:
        AnalysisError: a field is not a column.
    """
    if unknown := sorted(fields.keys() - _SETTABLE):
        raise AnalysisError(f"results have no column {', '.join(unknown)} that may be set")
    made: Row = dict.fromkeys(COLUMNS)
    made.update(fields, statistic=statistic, estimate=estimate)
    made["status"] = fields.get("status") or "ok"
    made["key"] = "; ".join(
        f"{name} {_words(made[name])}" for name in IDENTITY if made[name] not in (None, "")
    )
    made["id"] = "r" + hashlib.sha256(made["key"].encode()).hexdigest()[:12]
    return made


def estimate_row(estimate: Estimate, **fields: Any) -> Row:
    """The row of an `Estimate`: its statistic, numbers, method and status, with what the row is about."""
    numbers = {name: getattr(estimate, name) for name in _ESTIMATE}
    return row(estimate.statistic, estimate.estimate, **{**numbers, **fields})


def _words(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def table(rows: Iterable[Row]) -> pl.DataFrame:
    """Rows -> the results table, in the order in which they were made.

    Raises:
        AnalysisError: two rows have the same key (the same number twice) or the same id; a number is NaN.
    """
    frame = pl.DataFrame(list(rows), schema=COLUMNS, orient="row")
    undefined = frame.filter(pl.any_horizontal(pl.col(pl.Float64).is_nan()))
    if undefined.height:
        raise AnalysisError(f"{undefined.height} results are not a number; the first: {undefined['key'][0]}")
    twice = frame.filter(pl.col("id").is_duplicated())
    if twice.height:
        raise AnalysisError(f"{twice.height} results share an id; the first: {twice['key'][0]}")
    return frame


@dataclass(frozen=True)
class Results:
    """The results table, with the protocol that asked for it and the data that it came from.

    Attributes:
        table: one row an estimate, with the columns of `COLUMNS`.
        protocol: the protocol, as analysed.
        protocol_text: the file's own text, kept as a snapshot.
        problems: what was wrong or odd in the data.
        exclusions: every row of data that no analysis used: file, row, subject, reason.
        manifest: study id, seed, versions, hash of every input, simulated or not, and how.
    """

    table: pl.DataFrame
    protocol: Protocol
    protocol_text: str
    problems: tuple[Problem, ...] = ()
    exclusions: pl.DataFrame = field(default_factory=lambda: exclusions_table([]))
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether any of the data were drawn by a computer: every page must then say so."""
        return bool(self.manifest.get("simulated"))

    @cached_property
    def _records(self) -> list[Row]:
        return self.table.to_dicts()

    @cached_property
    def _by_analysis(self) -> dict[str, list[Row]]:
        """Every row, by its analysis: a report asks more than a thousand times, nearly always for one."""
        found: dict[str, list[Row]] = {}
        for made in self._records:
            found.setdefault(made["analysis"], []).append(made)
        return found

    def rows(self, **where: Any) -> list[Row]:
        """The rows whose columns have the given values (a list: any of them; None: empty), in the table's order."""
        analysis = where.get("analysis")
        among = self._by_analysis.get(analysis, []) if isinstance(analysis, str) else self._records
        for name, value in where.items():
            if isinstance(value, (list, tuple, set)):
                among = [r for r in among if r[name] in value]
            else:
                among = [r for r in among if r[name] == value]
        return [dict(r) for r in among]

    def one(self, **where: Any) -> Row | None:
        """The only row with the given values, or None.

        Raises:
            AnalysisError: several rows fit.
        """
        found = self.rows(**where)
        if len(found) > 1:
            raise AnalysisError(f"{len(found)} results fit {where}: say more")
        return found[0] if found else None

    def write(self, folder: str | Path) -> None:
        """Writes results.csv, results.parquet, problems.csv, exclusions.csv, protocol.yaml and manifest.json."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.table.write_csv(folder / "results.csv")
        self.table.write_parquet(folder / "results.parquet")
        problems_table(self.problems).write_csv(folder / "problems.csv")
        self.exclusions.write_csv(folder / "exclusions.csv")
        (folder / "protocol.yaml").write_text(self.protocol_text, encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(self.manifest, indent=2) + "\n", encoding="utf-8")


def read_results(folder: str | Path) -> Results:
    """Reads what `Results.write` wrote.

    Raises:
        FileError: the folder holds no results.
    """
    folder = Path(folder)
    if not (folder / "results.parquet").is_file():
        raise FileError(f"{folder}: no results.parquet; run `armwise analyse` on the study first")
    try:
        problems = pl.read_csv(folder / "problems.csv", schema_overrides=_PROBLEM_COLUMNS)
        text = (folder / "protocol.yaml").read_text(encoding="utf-8")
        return Results(
            table=pl.read_parquet(folder / "results.parquet"),
            protocol=parse_protocol(text, "protocol.yaml"),
            protocol_text=text,
            problems=tuple(
                Problem(
                    p["severity"], p["file"], p["row"], p["column"] or "", p["what"] or "", p["todo"] or ""
                )
                for p in problems.to_dicts()
            ),
            exclusions=pl.read_csv(folder / "exclusions.csv", schema_overrides=_EXCLUSION_COLUMNS),
            manifest=json.loads((folder / "manifest.json").read_text(encoding="utf-8")),
        )
    except (ValueError, pl.exceptions.PolarsError) as error:
        what = (str(error).strip().splitlines() or ["no results"])[0][:160]
        raise FileError(f"{folder}: cannot be read: {what}; run `armwise analyse` again") from None


_PROBLEM_COLUMNS: dict[str, Any] = {
    "severity": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "what": pl.String,
    "todo": pl.String,
}
_EXCLUSION_COLUMNS: dict[str, Any] = {
    "file": pl.String,
    "row": pl.Int64,
    "visit": pl.String,
    "excluded_from": pl.String,
    "reason": pl.String,
}


def problems_table(problems: Iterable[Problem]) -> pl.DataFrame:
    """Problems as a table: severity, file, row, column, what, todo."""
    return pl.DataFrame([dataclasses.asdict(p) for p in problems], schema=_PROBLEM_COLUMNS, orient="row")


def exclusions_table(rows: Iterable[Row]) -> pl.DataFrame:
    """Rows of data that were left out: file, row, visit, excluded_from, reason.

    File and row say which record it was to those who have the data; no subject is named to those who have the results.
    """
    listed = [{name: entry.get(name) for name in _EXCLUSION_COLUMNS} for entry in rows]
    return pl.DataFrame(listed, schema=_EXCLUSION_COLUMNS, orient="row")
