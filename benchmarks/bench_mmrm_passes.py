"""Times the pass over long rows that a mixed model for repeated measures needs, and measures its memory.

The floor is reading the columns from the same Parquet file with the same reader, making the long model matrix (four
visits, three covariates by visit: 16 columns) and forming X'X: about the least that any least squares does. Floor and
pass take turns in one process on one thread; medians of ratios of CPU seconds are compared.

Memory is the peak resident size of a process that does nothing else. All data are SIMULATED.

    python benchmarks/bench_mmrm_passes.py [--subjects N] [--memory-rows N] [--runs N]
    python benchmarks/bench_mmrm_passes.py --subjects 100000 --memory-rows 1000000   # a quick look
"""

from __future__ import annotations

import os

# One thread: it must be said before NumPy and Polars are loaded.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

VISITS = ("m1", "m3", "m6", "m12")
COVARIATES = ("arm", "baseline", "age")
MODEL: dict[str, Any] = {
    "subject": "subject", "visit": "visit", "outcome": "odi", "visits": VISITS, "covariates": COVARIATES,
}  # fmt: skip
KEPT = 0.85  # of the rows; the other visits were missed
BLOCK = 1 << 20  # rows that are made and written at once
BATCH = 1 << 16
GOAL, MEMORY_GOAL = 1.5, 2.0


def uniform(key: np.ndarray, what: int) -> np.ndarray:
    """A number in [0, 1) that belongs to a key (splitmix64), so that rows can be made in any order."""
    z = (key.astype(np.uint64) * np.uint64(16) + np.uint64(what + 1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


def simulated(row: np.ndarray, text: bool) -> Any:
    """Some rows of the long table, by their numbers."""
    import polars as pl

    row = row[uniform(row, 9) < KEPT]
    subject, visit = row // len(VISITS), row % len(VISITS)
    arm = (uniform(subject, 1) < 0.5).astype(np.float64)
    baseline = (20 + 50 * uniform(subject, 2)).round(1)
    noise = 15 * (uniform(subject, 4) - 0.5) + 30 * (uniform(row, 5) - 0.5)
    frame = pl.DataFrame(
        {
            "subject": subject,
            "visit": np.array(VISITS)[visit],
            "odi": (0.6 * baseline - 3 * arm * visit + noise).round(2),
            "arm": arm,
            "baseline": baseline,
            "age": np.floor(18 + 70 * uniform(subject, 3)),
        }
    )
    label = "S" + pl.col("subject").cast(pl.String).str.zfill(9)
    return frame.with_columns(subject=label) if text else frame


def write(path: Path, subjects: int, text: bool = False, shuffled: bool = False) -> None:
    """The table as a Parquet file, sorted by subject, or each row somewhere."""
    import pyarrow.parquet as pq

    rows = subjects * len(VISITS)
    step = next(k for k in range(int(rows * 0.618), rows + 2) if np.gcd(k, rows) == 1)
    writer = None
    for start in range(0, rows, BLOCK):
        row = np.arange(start, min(start + BLOCK, rows), dtype=np.int64)
        table = simulated(row * step % rows if shuffled else row, text).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def batches(path: Path) -> Iterator[Any]:
    """The columns that the model needs, read as armwise reads them."""
    import pyarrow.parquet as pq

    names = ["subject", "visit", "odi", *COVARIATES]
    file = pq.ParquetFile(path, read_dictionary=["visit"], pre_buffer=False)
    return file.iter_batches(batch_size=BATCH, columns=names)


def floor(path: Path) -> np.ndarray:
    """X'X of the long model matrix, a batch at a time."""
    m, q = len(VISITS), len(VISITS) * (1 + len(COVARIATES))
    total = np.zeros((q, q))
    for batch in batches(path):
        column = batch.column("visit")
        place = np.array([VISITS.index(v) for v in column.dictionary.to_pylist()])
        visit = place[column.indices.to_numpy()]
        X = np.zeros((len(visit), q))
        at = np.arange(len(visit)) * q + visit
        X.ravel()[at] = 1.0
        for k, name in enumerate(COVARIATES, start=1):
            X.ravel()[at + k * m] = batch.column(name).to_numpy()
        total += X.T @ X
    return total


def floor_in_memory(frame: Any) -> np.ndarray:
    """The same without reading: what is timed is forming X and X'X."""
    import polars as pl

    m, q = len(VISITS), len(VISITS) * (1 + len(COVARIATES))
    total = np.zeros((q, q))
    for batch in frame.iter_slices(BATCH):
        visit = batch["visit"].cast(pl.Enum(VISITS)).to_physical().to_numpy().astype(np.intp)
        X = np.zeros((len(visit), q))
        at = np.arange(len(visit)) * q + visit
        X.ravel()[at] = 1.0
        for k, name in enumerate(COVARIATES, start=1):
            X.ravel()[at + k * m] = batch[name].to_numpy()
        total += X.T @ X
    return total


def paired(one: Callable[[], Any], other: Callable[[], Any], runs: int) -> dict[str, float]:
    """Two things in turns: median CPU seconds of each, and the median of the ratios."""
    seconds: list[list[float]] = [[], []]
    for run in range(runs + 1):  # the first one warms up
        for k, work in enumerate((one, other)):
            start = time.process_time()
            work()
            if run:
                seconds[k].append(time.process_time() - start)
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    floor_, pass_ = map(statistics.median, seconds)
    return {"floor": floor_, "pass": pass_, "ratio": statistics.median(ratios)}


def one_thread() -> None:
    """Arrow reads on one thread too."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def check(path: Path) -> None:
    """The pass must hold the floor's sums, or the comparison says nothing."""
    from armwise.stats.repeated.cross_products import moved
    from armwise.stats.repeated.engines.streams import products_from

    made = products_from(path, **MODEL).products
    d, m = len(made.covariates), len(made.visits)
    sums = moved(made, np.zeros(d), np.zeros(m))
    X = np.einsum("pj,pab->jab", sums.observed.astype(float), sums.uu)
    whole = floor(path)
    for j in range(m):
        assert np.allclose(whole[j::m, j::m], X[j], rtol=1e-11), VISITS[j]


def speed(case: str, path: Path, runs: int) -> dict[str, float]:
    """One process's times."""
    import polars as pl

    from armwise.stats.repeated.engines.streams import products_from

    one_thread()
    if case == "frame":
        frame = pl.read_parquet(path)
        return paired(lambda: floor_in_memory(frame), lambda: products_from(frame, **MODEL), runs)
    if case == "duckdb":
        return paired(lambda: floor(path), lambda: products_from(path, **MODEL, engine="duckdb"), runs)
    check(path)
    return paired(lambda: floor(path), lambda: products_from(path, **MODEL), runs)


def memory(engine: str | None, path: Path) -> dict[str, float]:
    """Peak resident GB of one pass, and before it."""
    from armwise.stats.repeated.engines.streams import products_from

    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = products_from(path, **MODEL, engine=engine)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "GB": peak / 2**20, "before": before / 2**20, "rows": found.rows,
        "subjects": found.products.n_subjects + found.products.n_empty, "seconds": time.perf_counter() - start,
    }  # fmt: skip


def child(case: str, path: Path, number: int) -> dict[str, float]:
    """A case in a process of its own. Its peak begins at what this one holds, so files are made in others, too."""
    command = [sys.executable, __file__, "--case", case, "--path", str(path), "--number", str(number)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def run_case(case: str, path: Path, number: int) -> dict[str, float]:
    """What a child does: `speed parquet`, `memory duckdb`, `write text shuffled`."""
    kind, *words = case.split()
    if kind == "speed":
        return speed(words[0], path, number)
    if kind == "memory":
        return memory(words[0] if words else None, path)
    write(path, number, text="text" in words, shuffled="shuffled" in words)
    return {}


def main() -> int:
    """Make the files, run the cases, print the ratios and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--subjects", type=int, default=1_000_000, help="for the times; 0 leaves them out")
    parser.add_argument("--memory-rows", type=int, default=20_000_000, help="for the memory; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(run_case(given.case, given.path, given.number)))
        return 0
    with tempfile.TemporaryDirectory(prefix="armwise-bench-") as folder:
        if given.subjects:
            times(Path(folder), given.subjects, given.runs)
        if given.memory_rows:
            peaks(Path(folder), given.memory_rows)
    return 0


def times(folder: Path, subjects: int, runs: int) -> None:
    """The cases that are timed."""
    print(
        f"{subjects:,} subjects x {len(VISITS)} visits, {KEPT:.0%} of the rows; medians of {runs}; CPU seconds"
    )
    cases = (
        ("parquet, sorted, numbers as labels", "parquet", "", f"goal {GOAL:g}"),
        ("parquet, sorted, text as labels", "parquet", "text", f"goal {GOAL:g}"),
        ("parquet, shuffled, sorted by DuckDB", "duckdb", "shuffled", "no goal"),
        ("Polars frame, text as labels", "frame", "text", "no goal"),
    )
    for name, case, how, goal in cases:
        child(f"write {how}", folder / "rows.parquet", subjects)
        found = child(f"speed {case}", folder / "rows.parquet", runs)
        print(
            f"{name:36} floor {found['floor']:.3f}  pass {found['pass']:.3f}  ratio {found['ratio']:.2f}  {goal}"
        )


def peaks(folder: Path, rows: int) -> None:
    """The cases whose memory is measured."""
    path = folder / "many.parquet"
    for name, engine, how in (("sorted", "", ""), ("shuffled, DuckDB", "duckdb", "shuffled")):
        child(f"write {how}", path, int(rows / KEPT / len(VISITS)))
        found = child(f"memory {engine}", path, 1)
        print(
            f"{found['rows']:,} rows of Parquet ({path.stat().st_size / 2**30:.2f} GB), {name:16} "
            f"peak {found['GB']:.2f} GB (imports {found['before']:.2f})  {found['seconds']:.0f} s  goal {MEMORY_GOAL:g}"
        )


if __name__ == "__main__":
    sys.exit(main())
