"""What `armwise demo` costs over its libraries, and what starting armwise costs over NumPy: ratios of fresh processes.

    python benchmarks/bench_demo.py [RUNS]

Runs alternate, so that a busy machine disturbs both sides of a ratio alike; medians are compared.
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


def seconds(*command: str) -> float:
    """How long a fresh process takes."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def ratio(one: list[str], other: list[str], runs: int) -> tuple[float, float, float]:
    """Medians of two commands, run in turn, and their ratio."""
    for command in (one, other):  # the first run of each reads files that later ones find in memory
        seconds(*command)
    times = [(seconds(*one), seconds(*other)) for _ in range(runs)]
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    return a, b, a / b


def main(runs: int) -> None:
    """Prints the table of docs/benchmarks.md."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        demo = [python, "-m", "armwise", "demo", "--out", folder]
        seconds(*demo)
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
        print(
            f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} at the start, medians of {runs} runs in turn\n"
        )
        print("| | seconds | seconds | ratio | goal |\n| --- | --- | --- | --- | --- |")
        for what, one, other, goal in pairs:
            a, b, found = ratio(one, other, runs)
            print(f"| {what} | {a:.2f} | {b:.2f} | {found:.2f} | at most {goal} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
