"""A study: its protocol, its tables, and everything that was found wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from armwise.errors import FileError, Problem, ProtocolError
from armwise.protocol.load import read_protocol
from armwise.protocol.model import Protocol
from armwise.study.tables import read_tables
from armwise.study.validate import validate


@dataclass(frozen=True)
class Study:
    """A study as read from its folder.

    Attributes:
        folder: the study folder.
        protocol: its protocol.
        protocol_text: the protocol's own text.
        tables: typed tables by form name.
        problems: of the protocol (warnings) and of the data; an error among them stops an analysis.
        provenance: `data/provenance.json`: simulated or captured, and how; empty when there is none.
        hashes: path within the folder -> SHA-256 of the file.
    """

    folder: Path
    protocol: Protocol
    protocol_text: str
    tables: Mapping[str, pl.DataFrame]
    problems: tuple[Problem, ...]
    provenance: Mapping[str, Any]
    hashes: Mapping[str, str]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop an analysis."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def simulated(self) -> bool:
        """Whether the data were drawn by a computer."""
        return self.provenance.get("kind") == "simulated"


def load_study(path: str | Path) -> Study:
    """Reads and validates a study folder.

    Args:
        path: the folder that holds `protocol.yaml` and `data/`.

    Returns:
        The study with all its problems; an error in the data does not raise here, so that all can be listed.

    Raises:
        FileError: there is no such folder, no protocol or no data.
        ProtocolError: the protocol has mistakes.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder; expected a study folder with protocol.yaml and data/")
    protocol, found = read_protocol(folder)
    if protocol is None:
        errors = [p for p in found if p.severity == "error"]
        raise ProtocolError(
            f"{folder / 'protocol.yaml'}: {len(errors)} mistake{'s' * (len(errors) != 1)}", errors
        )
    tables, problems = read_tables(folder, protocol)
    problems += _untold(problems, validate(protocol, tables, folder))
    return Study(
        folder=folder,
        protocol=protocol,
        protocol_text=(folder / "protocol.yaml").read_text(encoding="utf-8"),
        tables=tables,
        problems=(*found, *problems),
        provenance=_provenance(folder / "data" / "provenance.json"),
        hashes=_hashes(folder),
    )


def _untold(told: Sequence[Problem], found: Iterable[Problem]) -> list[Problem]:
    """What reading has not said already: a column that is missing is not empty in each row as well."""
    columns = {(p.file, p.column) for p in told if p.row == 1 and p.severity == "error"}
    cells = {(p.file, p.row, p.column) for p in told}
    return [p for p in found if (p.file, p.column) not in columns and (p.file, p.row, p.column) not in cells]


def _provenance(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise FileError(f"{file}: not UTF-8 text; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        why = "it says whether the data are simulated, so it cannot be ignored"
        raise FileError(f"{file}:{error.lineno}: not JSON: {error.msg}; {why}") from None
    if not isinstance(found, dict) or found.get("kind") not in ("simulated", "captured"):
        raise FileError(f'{file}: expected "kind": "simulated" or "captured"')
    return found


def _hashes(folder: Path) -> dict[str, str]:
    files = [
        folder / "protocol.yaml",
        *sorted((folder / "data").iterdir()),
        *sorted((folder / "instruments").rglob("*")),
    ]
    return {
        f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in files
        if f.is_file()
    }
