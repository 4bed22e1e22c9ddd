"""Times scoring 1,000,000 ODI, EQ-5D-3L and PROMIS Global questionnaires, as ratios within one run.

The floor is Narwhals' `sum_horizontal` of the same 23 columns as floats, added to the same frame in the same engine:
about the least that any scoring must do. "by hand" is what one would write in pandas without armwise, with the
same results. Every case is a process of its own; within it each thing is timed several times after a warm-up,
and medians are compared.

    python benchmarks/bench_scoring.py [--rows N] [--processes N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ODI = [f"odi_{i}" for i in range(1, 11)]
EQ5D = [f"eq5d3l_{d}" for d in ("mo", "sc", "ua", "pd", "ad")]
GPH = ["global03", "global06", "global07", "global08"]
GMH = ["global02", "global04", "global05", "global10"]
COLUMNS = [*ODI, *EQ5D, *GPH, *GMH]
RANGES = (
    dict.fromkeys(ODI, (0, 5))
    | dict.fromkeys(EQ5D, (1, 3))
    | dict.fromkeys([*GPH, *GMH], (1, 5))
    | {"global07": (0, 10)}
)
GOALS = {"polars": 2.0, "polars lazy": 2.0, "pandas": 7.0}
RUNS = 7


def answers(rows: int) -> dict[str, np.ndarray]:
    """Random answers as floats, 1 % of them missing and 1 in 10,000 out of range."""
    rng = np.random.default_rng(20260101)
    out = {}
    for name in COLUMNS:
        lo, hi = RANGES[name]
        column = rng.integers(lo, hi + 1, rows).astype(float)
        column[rng.random(rows) < 0.01] = np.nan
        column[rng.random(rows) < 0.0001] = 99
        out[name] = column
    return out


def floor(frame: Any) -> Any:
    """The least work: one sum over the columns."""
    import narwhals as nw

    return nw.from_native(frame).with_columns(floor=nw.sum_horizontal(*COLUMNS)).to_native()


def scored(frame: Any) -> Any:
    """What armwise does."""
    from armwise.instruments import score

    frame = score(frame, "odi")
    frame = score(frame, "eq5d3l", options={"value_set": "uk_tto"}, scores=["index"])
    return score(frame, "promis_global", options={"items_reversed": False})


def by_hand(frame: Any) -> Any:
    """The same scores and status in straightforward pandas."""
    from armwise.instruments import load
    from armwise.instruments.value_sets import values

    index = values("eq5d3l.csv", "eq5d3l.yaml", "uk_tto", None)
    out = frame.copy()

    def wrong(names: list[str]) -> Any:
        lo, hi = (np.array(side) for side in zip(*(RANGES[n] for n in names), strict=True))
        block = frame[names]
        return (block.notna() & ((block < lo) | (block > hi) | (block % 1 != 0))).any(axis=1)

    def status(bad: Any, enough: Any) -> Any:
        return np.where(bad, "out of range", np.where(enough, "ok", "missing items"))

    answered = frame[ODI].notna().sum(axis=1)
    out["odi_total_status"] = status(wrong(ODI), answered >= 8)
    out["odi_total"] = (100 * frame[ODI].sum(axis=1) / (5 * answered)).where(out["odi_total_status"] == "ok")
    state = frame[EQ5D] @ np.array([10000, 1000, 100, 10, 1])
    out["eq5d3l_index_status"] = status(wrong(EQ5D), frame[EQ5D].notna().all(axis=1))
    out["eq5d3l_index"] = state.map(index).where(out["eq5d3l_index_status"] == "ok")
    recoded = frame[[*GPH, *GMH]].copy()
    recoded["global07"] = recoded["global07"].map(
        {0: 5, 1: 4, 2: 4, 3: 4, 4: 3, 5: 3, 6: 3, 7: 2, 8: 2, 9: 2, 10: 1}
    )
    for name in ("global08", "global10"):
        recoded[name] = 6 - recoded[name]
    promis = load("promis_global")
    for scale, names in (("gph", GPH), ("gmh", GMH)):
        enough = frame[names].notna().all(axis=1)
        raw = recoded[names].sum(axis=1)
        for name in (scale, f"{scale}_se"):
            out[f"promis_global_{name}_status"] = status(wrong(names), enough)
            values_ = raw.map(dict(promis.score(name).rule.lookup or {}))
            out[f"promis_global_{name}"] = values_.where(out[f"promis_global_{name}_status"] == "ok")
    return out


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Median wall and CPU seconds of several runs."""
    work()
    wall, cpu = [], []
    for _ in range(RUNS):
        start, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu)}


def case(name: str, rows: int) -> dict[str, dict[str, float]]:
    """One process's times."""
    data = answers(rows)
    if name == "pandas" or name == "by hand":
        import pandas as pd

        table = pd.DataFrame(data)
        if name == "by hand":
            check(table.head(20_000))
            return {"by hand": timed(lambda: by_hand(table))}
        return {"floor": timed(lambda: floor(table)), "score": timed(lambda: scored(table))}
    import polars as pl

    floats = pl.DataFrame(data).fill_nan(None)
    whole = floats.cast(pl.Int64)
    if name == "polars":
        return {"floor": timed(lambda: floor(floats)), "score": timed(lambda: scored(whole))}
    if name == "polars floats":
        return {"floor": timed(lambda: floor(floats)), "score": timed(lambda: scored(floats))}
    return {
        "floor": timed(lambda: floor(floats.lazy()).collect()),
        "score": timed(lambda: scored(whole.lazy()).collect()),
    }


def check(table: Any) -> None:
    """Both ways must give the same scores, or the comparison says nothing."""
    one, other = scored(table), by_hand(table)
    for name in (n for n in one.columns if n not in COLUMNS):
        if name.endswith("_status"):
            assert (one[name] == other[name]).all(), name
        else:
            assert np.allclose(one[name], other[name], equal_nan=True), name


def main() -> int:
    """Run the cases, print the ratios and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=3, help="fresh processes a case")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(case(given.case, given.rows)))
        return 0
    found: dict[str, list[dict[str, dict[str, float]]]] = {}
    cases = ("polars", "polars lazy", "polars floats", "pandas", "by hand")
    for _ in range(given.processes):
        for name in cases:
            command = [sys.executable, __file__, "--case", name, "--rows", str(given.rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.setdefault(name, []).append(json.loads(done.stdout))

    def median(name: str, what: str, clock: str) -> float:
        return statistics.median(run[what][clock] for run in found[name])

    print(f"{given.rows:,} rows; medians of {given.processes} processes; wall (CPU) seconds")
    for name in cases[:-1]:
        ratios = {c: median(name, "score", c) / median(name, "floor", c) for c in ("wall", "cpu")}
        goal = f"goal {GOALS[name]:g}" if name in GOALS else "no goal"
        print(
            f"{name:14} score {median(name, 'score', 'wall'):.3f} ({median(name, 'score', 'cpu'):.3f})"
            f"  floor {median(name, 'floor', 'wall'):.3f} ({median(name, 'floor', 'cpu'):.3f})"
            f"  ratio {ratios['wall']:.2f} ({ratios['cpu']:.2f})  {goal}"
        )
    hand = {clock: median("by hand", "by hand", clock) for clock in ("wall", "cpu")}
    print(f"pandas by hand {hand['wall']:.3f} ({hand['cpu']:.3f})")
    for name in ("polars", "polars lazy"):
        times = {c: hand[c] / median(name, "score", c) for c in ("wall", "cpu")}
        print(
            f"{name} is {times['wall']:.1f} ({times['cpu']:.1f}) times faster than pandas by hand  goal 2.5"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
