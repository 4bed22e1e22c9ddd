"""Agreement of readings: which pairs there are, and that each is the coefficient of its own two columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from armwise.analysis.imaging_agreement import agreement_rows
from armwise.analysis.results import table
from armwise.derive.imaging import LONG, Readings
from armwise.protocol.imaging import Imaging
from armwise.protocol.load import parse_protocol
from armwise.stats import agreement_kappa, gwet_agreement, percent_agreement

EXAMPLE = (Path(__file__).parents[2] / "examples" / "bmc-low-back-pain" / "protocol.yaml").read_text(
    encoding="utf-8"
)
PROTOCOL = parse_protocol(EXAMPLE, "protocol.yaml")
SOURCES = ("ann", "ben", "cleo", "consensus")


def found(reading: str | None = "reading") -> tuple[Readings, pl.DataFrame]:
    """Three readers and a consensus, one of whom reads again; SIMULATED grades of 8 subjects at two visits."""
    rng = np.random.default_rng(1)
    rows = []
    for s in range(8):
        for visit in ("baseline", "m12"):
            for place in ("L4", "L5"):
                truth = rng.integers(0, 5)
                for reader, time in (*((r, 1) for r in SOURCES), ("ann", 2)):
                    if (reader, s) == ("cleo", 7):
                        continue
                    seen = float(np.clip(truth + rng.choice([-1, 0, 0, 1]), 0, 4))
                    rows.append((f"s{s}", "bmc", visit, reader, time, place, "pfirrmann", seen))
                    rows.append((f"s{s}", "bmc", visit, reader, time, place, "modic", min(seen, 3.0)))
    long = pl.DataFrame(rows, schema=LONG, orient="row")
    declared = Imaging.model_validate(
        {
            "reader": "reader", "reading": reading, "leading": "ann",
            "grades": {"pfirrmann": {"scheme": "pfirrmann"}, "modic": {"scheme": "modic"}},
        }
    )  # fmt: skip
    return Readings(
        declared, ("baseline", "m12"), ("bmc",), SOURCES, long, pl.DataFrame(), pl.DataFrame()
    ), long


def columns(long: pl.DataFrame, one: tuple[str, int], other: tuple[str, int]) -> tuple[list[str], np.ndarray]:
    """The two readings of each place, looked up one by one."""
    cells = {
        (r["subject"], r["visit"], r["place"], r["reader"], r["reading"]): r["category"]
        for r in long.iter_rows(named=True)
    }
    places = sorted({key[:3] for key in cells if (*key[:3], *one) in cells and (*key[:3], *other) in cells})
    return [p[0] for p in places], np.array([[cells[(*p, *one)], cells[(*p, *other)]] for p in places])


@pytest.mark.parametrize(
    ("item", "one", "other", "n"),
    [
        ("ann and ben", ("ann", 1), ("ben", 1), 8),
        ("ben and cleo", ("ben", 1), ("cleo", 1), 7),
        ("ann, read twice", ("ann", 1), ("ann", 2), 8),
    ],
)
def test_each_pair_has_the_coefficients_of_its_two_readings(
    item: str, one: tuple[str, int], other: tuple[str, int], n: int
) -> None:
    readings, long = found()
    rows = [
        r
        for r in agreement_rows(readings, PROTOCOL)
        if r["item"] == item and r["endpoint"] == "imaging.pfirrmann"
    ]
    who, both = columns(long.filter(pl.col("grade") == "pfirrmann"), one, other)
    expected = {("percent agreement", "unweighted"): percent_agreement(both, who, 5)}
    for w in ("linear", "quadratic"):
        expected["kappa", w] = agreement_kappa(both[:, 0], both[:, 1], who, 5, weights=w)  # type: ignore[arg-type]
        expected["gwet ac2", w] = gwet_agreement(both, who, 5, weights=w)  # type: ignore[arg-type]
    made = {(r["statistic"], r["method"].partition(",")[0]): r for r in rows if r["statistic"] != "places"}
    assert made.keys() == expected.keys()
    for key, e in expected.items():
        assert made[key]["estimate"] == pytest.approx(e.estimate, rel=1e-12)
        assert [made[key]["lower"], made[key]["upper"]] == pytest.approx([e.lower, e.upper], rel=1e-12)
        assert made[key]["n"] == n
    assert next(r for r in rows if r["statistic"] == "places")["estimate"] == len(both)


def test_the_consensus_agrees_with_nobody_and_types_are_not_weighted() -> None:
    readings, _ = found()
    rows = list(agreement_rows(readings, PROTOCOL))
    assert table(rows)["id"].is_unique().all()
    assert {r["item"] for r in rows} == {
        *("ann and ben", "ann and cleo", "ben and cleo"),
        *("ann, read twice", "ben, read twice", "cleo, read twice"),
    }
    modic = [r for r in rows if r["endpoint"] == "imaging.modic" and r["item"] == "ann and ben"]
    assert {r["statistic"] for r in modic} == {"places", "percent agreement", "kappa", "gwet ac1"}
    nobody = [r for r in rows if r["item"] == "ben, read twice" and r["statistic"] == "kappa"]
    assert {r["reason"] for r in nobody} == {"no place was read twice"}


def test_without_a_column_for_it_nobody_is_said_to_read_twice() -> None:
    readings, _ = found(None)
    assert not [r for r in agreement_rows(readings, PROTOCOL) if "twice" in r["item"]]
