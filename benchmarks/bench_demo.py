"""What `armwise demo` costs over its libraries, and what starting armwise costs over NumPy: ratios of fresh processes.

    python benchmarks/bench_demo.py [RUNS]

Runs alternate, so that a busy machine disturbs both sides of a ratio alike; medians are compared. Every process finds
its modules compiled, as an installed package is, also where the environment says that Python shall not keep bytecode.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: The same libraries, and the same tables read from the demo's folder.
FLOOR = """
import sys, pathlib
import numpy, scipy.linalg, scipy.optimize, scipy.special, polars, narwhals, pydantic, yaml, jinja2
folder = pathlib.Path(sys.argv[1])
tables = [polars.read_csv(f, infer_schema_length=None) for f in sorted((folder / "data").glob("*.csv"))]
"""


def compiled(folder: str) -> dict[str, str]:
    """An environment in which modules are compiled once, into a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def seconds(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """How long a fresh process takes, and how much processor time: the latter minds other work on the machine less."""
    before, begun = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    wall, after = time.perf_counter() - begun, os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, spent


def medians(
    one: list[str], other: list[str], runs: int, environment: dict[str, str]
) -> tuple[list[float], list[float]]:
    """Median wall and processor seconds of two commands, run in turn."""
    for command in (
        one,
        other,
    ):  # the first run of each compiles, and reads files that later ones find in memory
        seconds(command, environment)
    times = [(seconds(one, environment), seconds(other, environment)) for _ in range(runs)]
    first, second = (
        [statistics.median(values) for values in zip(*side, strict=True)] for side in zip(*times, strict=True)
    )
    return first, second


def main(runs: int) -> None:
    """Prints the table of benchmarks/README.md."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        environment = compiled(cache)
        demo = [python, "-m", "armwise", "demo", "--out", folder]
        seconds(demo, environment)
        study = str(Path(folder) / "bmc-low-back-pain")
        pairs = [
            ("`armwise demo` / libraries and tables", demo, [python, "-c", FLOOR, study], 3),
            (
                "`import armwise` / `import numpy`",
                [python, "-c", "import armwise"],
                [python, "-c", "import numpy"],
                2,
            ),
            (
                "`armwise --help` / `import numpy`",
                [python, "-m", "armwise", "--help"],
                [python, "-c", "import numpy"],
                2,
            ),
        ]
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        machine = (
            f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} at the start"
        )
        print(f"{machine}, medians of {runs} runs in turn\n")
        print(
            "| | seconds | against | ratio | ratio of processor time | goal |\n| --- | --- | --- | --- | --- | --- |"
        )
        for what, one, other, goal in pairs:
            (wall, spent), (wall_other, spent_other) = medians(one, other, runs, environment)
            ratios = f"{wall / wall_other:.2f} | {spent / spent_other:.2f}"
            print(f"| {what} | {wall:.2f} | {wall_other:.2f} | {ratios} | at most {goal} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
