"""Two studies to draw: the reference study of the examples, and a randomised one with three arms."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from armwise.instruments.scoring import score
from armwise.protocol.load import load_protocol
from armwise.protocol.model import Protocol
from armwise.protocol.scores import instrument_of
from armwise.simulate import Assumptions, load_assumptions

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    folder: Path
    protocol: Protocol
    assumptions: Assumptions

    def scored(self, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
        """subject, arm, visit, score, value, change: scored by armwise.instruments, not by the simulator."""
        parts = []
        for ref in self.assumptions.outcomes:
            name, wanted = ref.split(".")
            form, table = self.protocol.forms[name], tables[name]
            instrument = instrument_of(form, self.folder)
            if instrument is not None:
                table = score(table, instrument, prefix="", options=form.options, scores=[wanted])
            parts.append(
                table.select("subject", "visit", score=pl.lit(ref), value=pl.col(wanted).cast(pl.Float64))
            )
        long = pl.concat(parts).join(tables["subjects"].select("subject", "arm"), on="subject")
        first = long.filter(pl.col("visit") == self.protocol.baseline).select(
            "subject", "score", first="value"
        )
        return long.join(first, on=["subject", "score"]).with_columns(
            change=pl.col("value") - pl.col("first")
        )


def case(folder: Path) -> Case:
    protocol = load_protocol(folder)
    return Case(folder, protocol, load_assumptions(folder, protocol))


@pytest.fixture(scope="session")
def reference() -> Case:
    return case(ROOT / "examples" / "bmc-low-back-pain")


@pytest.fixture(scope="session")
def headache() -> Case:
    return case(Path(__file__).with_name("fixtures") / "headache")


@pytest.fixture
def copy_of(tmp_path: Path, headache: Case) -> Path:
    """A copy of the headache study, to be broken."""
    folder = tmp_path / "study"
    shutil.copytree(headache.folder, folder)
    return folder
