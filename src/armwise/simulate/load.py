"""assumptions.yaml -> `Assumptions`, or every mistake in it at once, each with its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from armwise.errors import ProtocolError
from armwise.protocol.mistakes import build
from armwise.protocol.model import Protocol
from armwise.simulate.assumptions import Assumptions
from armwise.simulate.check import check
from armwise.yaml_lines import read_text, read_yaml


def load_assumptions(path: Path, protocol: Protocol) -> Assumptions:
    """Reads `assumptions.yaml` and checks it against the protocol that it is to be drawn for.

    Args:
        path: the file, or the study folder that holds `assumptions.yaml`.
        protocol: the study's protocol.

    Returns:
        The assumptions.

    Raises:
        FileError: there is no such file.
        ProtocolError: it holds mistakes; `problems` lists them all, each with its line.
    """
    file = path / "assumptions.yaml" if path.is_dir() else path
    text = read_text(file, "the simulator draws from an assumptions.yaml (see docs/simulate.md)")
    data, lines = read_yaml(text, file.name)
    assumptions, problems = build(Assumptions, data, lines, file.name)
    if assumptions is None and isinstance(data, dict):
        # A slip in one section must not hide those in the others.
        broken = {p.column.split(".")[0] for p in problems}
        stand_in = {name: block for name, block in _stand_ins(protocol).items() if name in broken}
        assumptions, _ = build(Assumptions, {**data, **stand_in}, lines, file.name)
    if assumptions is not None:
        problems = problems + check(assumptions, protocol, data, lines, file)
    if problems or assumptions is None:
        problems.sort(key=lambda p: (p.row or 0, p.column))
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise ProtocolError(f"{path}: {count}", problems)
    return assumptions


def _stand_ins(protocol: Protocol) -> dict[str, Any]:
    """Something correct for each section that the file must have, so that the rest can be checked."""
    said = {"status": "assumed", "source": "?"}
    chosen = {"kind": "chosen", "log_odds": {}}
    return {
        "seed": {"value": 0, "note": "?"},
        "size": {"per_arm": dict.fromkeys(protocol.arms, 1), **said},
        "enrolment": {"first": dt.date(2000, 1, 1), "months": 1, **said},
        "allocation": {**({"kind": "random"} if protocol.randomised else chosen), **said},
        "answers": said,
        "visits": said,
    }
