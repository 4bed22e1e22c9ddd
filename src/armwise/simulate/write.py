"""A simulated study's tables and its provenance -> the study folder's `data/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from armwise import __version__
from armwise.errors import FileError
from armwise.simulate.assumptions import Assumptions

Provenance = dict[str, Any]


def provenance_of(assumptions: Assumptions, file: Path, *, seed: int) -> Provenance:
    """What a reader must know of simulated data: no time of day, so that a second run gives the same bytes.

    Args:
        assumptions: what was drawn from.
        file: the file that they were read from.
        seed: the seed of the study.

    Returns:
        kind, seed, assumptions (file, sha256), assumed and confirmed (texts), armwise (version).
    """
    texts: dict[str, list[str]] = {"assumed": [], "confirmed": []}
    for place, statement in assumptions.statements():
        numbers = statement.plain()
        for key, source in statement.confirmed.items():
            texts["confirmed"].append(f"{place}.{key}: {_plain(_remove(numbers, key))} ({source.strip()})")
        inner = numbers["values"] if set(numbers) == {"values"} else numbers
        texts[statement.status].append(f"{place}: {_plain(inner)} ({statement.source.strip()})")
    return {
        "kind": "simulated",
        "seed": seed,
        "assumptions": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "assumed": texts["assumed"],
        "confirmed": texts["confirmed"],
        "armwise": __version__,
    }


def _remove(numbers: dict[str, Any], place: str) -> Any:
    """Takes what stands at a dotted place out of plain data."""
    *above, last = place.split(".")
    for key in above:
        numbers = numbers[key]
    return numbers.pop(last)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {_nested(inner)}" for key, inner in value.items() if inner not in ({}, [], None)
        )
    if isinstance(value, list):
        return " to ".join(_plain(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nested(value: Any) -> str:
    return f"[{_plain(value)}]" if isinstance(value, dict) else _plain(value)


def write_study(
    tables: Mapping[str, pl.DataFrame], folder: Path, provenance: Mapping[str, Any]
) -> list[Path]:
    """Writes `data/<form>.csv` and `data/provenance.json`.

    Args:
        tables: form name -> table.
        folder: the study folder; its `data/` is made when it is not there.
        provenance: see `provenance_of`.

    Returns:
        The files written.

    Raises:
        FileError: `data/` holds data that were not simulated: they are never overwritten.
    """
    data = folder / "data"
    _refuse_real_data(data)
    try:
        data.mkdir(parents=True, exist_ok=True)
        for old in data.glob("*.csv"):
            old.unlink()
        files = []
        for name, table in tables.items():
            files.append(data / f"{name}.csv")
            files[-1].write_bytes(table.write_csv(line_terminator="\n").encode())
        files.append(data / "provenance.json")
        text = json.dumps(provenance, indent=2, ensure_ascii=False) + "\n"
        files[-1].write_bytes(text.encode())
    except OSError as error:
        raise FileError(
            f"{error.filename or data}: cannot be written ({error.strerror}); check the folder"
        ) from error
    return files


def _refuse_real_data(data: Path) -> None:
    tables = (
        sorted(p.name for p in data.glob("*") if p.suffix.lower() in (".csv", ".parquet"))
        if data.is_dir()
        else []
    )
    if not tables:
        return
    file = data / "provenance.json"
    try:
        kind = json.loads(file.read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != "simulated":
        raise FileError(
            f"{data}: holds {tables[0]} and no provenance.json that calls it simulated; simulated data never replace "
            "a study's own: choose another folder"
        )
