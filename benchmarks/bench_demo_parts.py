"""What `armwise demo` costs by part: processor time of every step, analysis part and section of the report.

    python benchmarks/bench_demo_parts.py [RUNS]

Every run is a fresh process, in turn with the floor of bench_demo.py (libraries and tables); medians are shown,
as a share of the whole demo and as a multiple of the floor. A moment is charged to the innermost part that is at work,
so that the parts add up to the whole.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench_demo import FLOOR, compiled, seconds

#: Sections of the report in the table, and the share of the whole from which an analysis part has a line of its own;
#: the others are one line.
SECTIONS, LEAST = 10, 0.002


class Clock:
    """Processor time by part; what is left over between parts goes to the part around them."""

    def __init__(self, first: str) -> None:
        """Starts with what the process has spent already."""
        self.spent: dict[str, float] = defaultdict(float)
        self._at_work, self._since = [first], 0.0

    def _charge(self) -> None:
        now = time.process_time()
        self.spent[self._at_work[-1]] += now - self._since
        self._since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Charges what happens inside to a part."""
        self._charge()
        self._at_work.append(name)
        try:
            yield
        finally:
            self._charge()
            self._at_work.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose calls are charged to a part; a generator is run to its end."""

        @functools.wraps(function)
        def call(*args: Any, **more: Any) -> Any:
            with self.part(name):
                made = function(*args, **more)
                return list(made) if inspect.isgenerator(made) else made

        return call


def one_demo(folder: Path) -> dict[str, float]:
    """Runs the steps of `armwise demo` in this process: part -> seconds of processor time."""
    clock = Clock("start|libraries")
    exec(FLOOR.split("folder =")[0])  # the floor's libraries, before anything of armwise
    with clock.part("start|modules of armwise"):
        from armwise.analysis import run
        from armwise.report import html, report
        from armwise.simulate.study import simulate_study
        from armwise.study.new import copy_example
        from armwise.study.study import load_study
    for name, value in list(vars(run).items()):
        if inspect.isfunction(value) and value.__module__ != run.__name__:
            kind = "step" if name == "derive" else "analysis"
            setattr(run, name, clock.timed(f"{kind}|{name}", value))
    page: dict[str, Any] = vars(html)
    for groups in ("GROUPS", "SUPPLEMENT"):
        page[groups] = tuple(
            (title, tuple(clock.timed(f"section|{s.__module__.rpartition('.')[2]}", s) for s in group))
            for title, group in page[groups]
        )
    page["answer"] = clock.timed("section|answer", page["answer"])

    study = folder / "bmc-low-back-pain"
    with clock.part("step|simulate"):
        copy_example("bmc-low-back-pain", study, again=True)
        simulate_study(study)
    with clock.part("step|read, check and validate"):
        loaded = load_study(study)
    with clock.part("analysis|between the parts"):
        results = run.analyse(loaded)
    with clock.part("step|write the results"):
        results.write(study / "results")
    with clock.part("section|template, labels, notes, writing"):
        report(results, study / "results")
    with clock.part("end|"):
        pass
    del clock.spent["end|"]
    return dict(clock.spent)


def measured(runs: int) -> tuple[list[dict[str, float]], list[float]]:
    """Demos and floors in turn, after one of each that only compiles and fills the file cache."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        environment = compiled(cache)
        demo = [sys.executable, __file__, "--one", folder]
        floor = [sys.executable, "-c", FLOOR, str(Path(folder) / "bmc-low-back-pain")]
        demos: list[dict[str, float]] = []
        floors: list[float] = []
        for _ in range(runs + 1):
            said = subprocess.run(demo, check=True, capture_output=True, text=True, env=environment).stdout
            demos.append(json.loads(said.splitlines()[-1]))
            floors.append(seconds(floor, environment)[1])
    return demos[1:], floors[1:]


def main(runs: int) -> None:
    """Prints the table of benchmarks/README.md."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f}, medians of {runs} runs\n"
    )
    demos, floors = measured(runs)
    whole, floor = statistics.median(sum(d.values()) for d in demos), statistics.median(floors)
    parts = {name: statistics.median(d.get(name, 0.0) for d in demos) for name in demos[0]}

    def line(what: str, spent: float) -> None:
        print(f"| {what} | {1000 * spent:.0f} | {100 * spent / whole:.1f} % | {spent / floor:.2f} |")

    print("| part | ms of processor time | of the whole | times the floor |\n| --- | --- | --- | --- |")
    line("**the whole demo**", whole)
    for kind, title in (
        ("start", "starting"),
        ("step", "steps"),
        ("analysis", "all of the analysis"),
        ("section", "all of the page"),
    ):
        mine = {n.partition("|")[2]: s for n, s in parts.items() if n.startswith(f"{kind}|")}
        line(f"**{title}**", sum(mine.values()))
        ordered = sorted(mine, key=mine.__getitem__, reverse=True) if kind != "step" else list(mine)
        shown = (
            ordered[: SECTIONS + 1] if kind == "section" else [n for n in ordered if mine[n] > LEAST * whole]
        )
        for name in shown:
            line(name, mine[name])
        if rest := ordered[len(shown) :]:
            line(f"{len(rest)} others", sum(mine[name] for name in rest))
    line("floor: libraries and tables", floor)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_demo(Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
