"""The command line: one thin verb each, over the same functions that Python has.

Exit codes: 0 done (an estimate that failed is a row with its status), 1 problems stop the run, 2 wrong usage,
3 a file or the machine failed. argparse, because `armwise --help` must not cost more than importing numpy does;
every verb imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import armwise
from armwise.errors import ArmwiseError, FileError, InstrumentError, Problem, ProblemsError, UsageError

if TYPE_CHECKING:
    from armwise.analysis.results import Results

DONE, PROBLEMS, USAGE, FAILED = 0, 1, 2, 3
#: Problems of one kind that are printed; `check --all` prints every one, and problems.csv has them.
EACH = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not speak UTF-8: a minus sign must not stop a run. A file or a pipe gets UTF-8 anywhere.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ProblemsError as error:
        _say(error.headline)
        _list(error.problems)
        return PROBLEMS
    except FileError as error:
        _say(str(error))
        return FAILED
    except UsageError as error:
        _say(str(error))
        return USAGE
    except ArmwiseError as error:
        _say(str(error))
        return PROBLEMS
    except BrokenPipeError:  # `armwise schema | head`
        sys.stderr.close()
        return DONE
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return FAILED
    except KeyboardInterrupt:
        _say("stopped")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="armwise",
        description="Controlled studies of patient-reported outcomes, from protocol to paper.",
        epilog="Begin with `armwise demo`, or with `armwise init my-study`.",
    )
    parser.add_argument("--version", action="version", version=f"armwise {armwise.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(
        run: Callable[[argparse.Namespace], int], name: str, words: str, **more: Any
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=words, description=words, **more)
        made.set_defaults(run=run)
        return made

    def study(made: argparse.ArgumentParser) -> None:
        made.add_argument("study", type=Path, help="the study folder, with protocol.yaml and data/")

    def out(made: argparse.ArgumentParser, words: str) -> None:
        made.add_argument("--out", type=Path, metavar="DIR", help=words)

    made = verb(
        _demo, "demo", "simulate, analyse and report the reference study: what armwise does, in a minute"
    )
    made.add_argument(
        "--out", type=Path, default=Path("armwise-demo"), metavar="DIR", help="where to (armwise-demo)"
    )
    made = verb(_init, "init", "begin a study: asks a few questions and writes its folder")
    made.add_argument("folder", type=Path, help="the folder to make")
    made.add_argument(
        "--like", default="bmc-low-back-pain", metavar="EXAMPLE", help="the example to begin from"
    )
    made.add_argument("--yes", action="store_true", help="ask nothing: take every default")
    made = verb(_check, "check", "list every mistake in the protocol, and every problem in the data")
    study(made)
    made.add_argument("--all", action="store_true", help="every problem, not the first three of a kind")
    made = verb(_lock, "lock", "fix the protocol with a date: what is collected, and the plan")
    study(made)
    made.add_argument(
        "--amend", metavar="REASON", help="why the locked protocol changes; the history is kept"
    )
    made = verb(_simulate, "simulate", "draw a study's data from its protocol and assumptions.yaml")
    study(made)
    made.add_argument("--seed", type=int, help="another seed than that of the assumptions")
    made.add_argument("--assumptions", type=Path, metavar="FILE", help="another file than assumptions.yaml")
    out(made, "another folder than the study's own: its protocol and assumptions are copied there")
    made = verb(
        _analyse,
        "analyse",
        "run every analysis of the protocol and write results and report",
        aliases=["analyze"],
    )
    study(made)
    out(made, "where to (results/ in the study folder)")
    made = verb(_report, "report", "write the report again from a results folder")
    made.add_argument("results", type=Path, help="the folder that `analyse` wrote")
    out(made, "where to (the results folder)")
    made = verb(_instruments, "instruments", "list the questionnaires that armwise scores, or describe one")
    made.add_argument("name", nargs="?", help="an instrument to describe")
    made = verb(_score, "score", "score a file of one questionnaire's answers")
    made.add_argument(
        "instrument", help="a name from `armwise instruments`, or the path of a definition file"
    )
    made.add_argument("answers", type=Path, help="a CSV or Parquet file, one row a questionnaire")
    made.add_argument("--out", type=Path, metavar="FILE", help="where to (standard output)")
    made.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value_set=TTO_UK, version=1.2 ...",
    )
    made = verb(
        _schema, "schema", "print the JSON Schema of protocol.yaml, for editors that complete and check"
    )
    made.add_argument("--out", type=Path, metavar="FILE", help="where to (standard output)")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _tell(text: str) -> None:
    print(text)


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{what:<70}\r", end="", file=sys.stderr, flush=True
        )  # no escape codes: old consoles print them


def _list(problems: Sequence[Problem], each: int = EACH) -> None:
    """Problems that differ only in row and value are one kind: the first few stand for the rest."""
    kinds: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        what = re.sub(r"`[^`]*`|[\d.,−-]*\d", "", problem.what)
        kinds.setdefault((problem.severity, problem.file, problem.column, what), []).append(problem)
    for alike in sorted(kinds.values(), key=lambda found: found[0].severity != "error"):
        for problem in alike[:each]:
            _say(f"  {problem.severity}: {problem}")
        if len(alike) > each:
            rows = [str(p.row) for p in alike[each : each + 10] if p.row is not None]
            where = f", in rows {', '.join(rows)}" if rows else ""
            _say(
                f"    and {len(alike) - each} more like this{where}{', ...' if len(alike) > each + 10 else ''}"
            )


def _counted(problems: Sequence[Problem]) -> str:
    errors = sum(p.severity == "error" for p in problems)
    return f"{errors} error{'s' * (errors != 1)}, {len(problems) - errors} other{'s' * (len(problems) - errors != 1)}"


def _write_all(results: Results, folder: Path) -> None:
    from armwise.report import report

    results.write(folder)
    report(results, folder)
    _progress("")
    _tell(f"results  {folder / 'results.csv'} ({results.table.height} rows)")
    _tell_pages(results, folder)


def _tell_pages(results: Results, folder: Path) -> None:
    from armwise.report.html import REPORT_FILE, SUPPLEMENT_FILE

    said = " (SIMULATED data)" if results.simulated else ""
    beside = f" and {SUPPLEMENT_FILE}" if (folder / SUPPLEMENT_FILE).exists() else ""
    _tell(f"report   {folder / REPORT_FILE}{beside}{said}")


def _demo(arguments: argparse.Namespace) -> int:
    from armwise.simulate.study import simulate_study
    from armwise.study.new import copy_example

    folder = arguments.out / "bmc-low-back-pain"
    copy_example("bmc-low-back-pain", folder, again=True)
    _progress("drawing a study")
    simulate_study(folder)
    results = armwise.analyse(armwise.load_study(folder), progress=_progress)
    _tell(f"study    {folder / 'protocol.yaml'}")
    _write_all(results, folder / "results")
    return DONE


def _init(arguments: argparse.Namespace) -> int:
    from armwise.study.new import new_study

    ask = None if arguments.yes else _ask
    protocol = new_study(arguments.folder, like=arguments.like, ask=ask)
    _tell(f"wrote    {protocol}")
    _tell(f"next     edit it, then: armwise check {arguments.folder}")
    return DONE


def _ask(question: str, default: str) -> str:
    try:
        answer = input(f"{question} [{default}] ").strip() or default
        return answer.encode("utf-8", "replace").decode(
            "utf-8"
        )  # a terminal may hand on bytes that are no text
    except (EOFError, UnicodeDecodeError):  # nobody there, or bytes that are no text
        _say("")
        return default


def _check(arguments: argparse.Namespace) -> int:
    from armwise.derive.derived import derive
    from armwise.protocol.load import read_protocol

    protocol, problems = read_protocol(arguments.study)
    where = "protocol.yaml"
    if protocol is not None and any((arguments.study / "data").glob("*.*")):
        study = armwise.load_study(arguments.study)
        derived = () if study.errors else derive(study).problems
        problems = list(dict.fromkeys((*study.problems, *derived)))
        where = "protocol.yaml and data/"
    _list(problems, each=len(problems) if arguments.all else EACH)
    _tell(f"{arguments.study}: {where} checked: {_counted(problems)}")
    return PROBLEMS if any(p.severity == "error" for p in problems) else DONE


def _lock(arguments: argparse.Namespace) -> int:
    from armwise.protocol.lock import FILE, lock

    entry = lock(arguments.study, amend=arguments.amend)
    _tell(f"locked   {arguments.study / FILE} ({entry.date}, version {entry.version})")
    _tell(f"plan     {entry.plan_hash[:12]}")
    _tell(f"collects {entry.collection_hash[:12]}")
    return DONE


def _simulate(arguments: argparse.Namespace) -> int:
    from armwise.simulate.study import simulate_study
    from armwise.study.new import copy_study

    folder = arguments.study
    if arguments.out:
        copy_study(folder, arguments.out)
        folder = arguments.out
    files = simulate_study(folder, assumptions=arguments.assumptions, seed=arguments.seed)
    _tell(f"wrote    {len(files)} SIMULATED tables into {folder / 'data'}")
    return DONE


def _analyse(arguments: argparse.Namespace) -> int:
    study = armwise.load_study(arguments.study)
    results = armwise.analyse(study, progress=_progress)
    _progress("")
    if results.problems:
        _say(f"problems {_counted(results.problems)}; in the report and in problems.csv")
    _write_all(results, arguments.out or arguments.study / "results")
    return DONE


def _report(arguments: argparse.Namespace) -> int:
    from armwise.report import report

    folder = arguments.out or arguments.results
    results = armwise.read_results(arguments.results)
    report(results, folder)
    _tell_pages(results, folder)
    return DONE


def _instruments(arguments: argparse.Namespace) -> int:
    from armwise.instruments import load, names

    if arguments.name is None:
        for name in names():
            found = load(name)
            _tell(f"{name:<15}{found.title}: {', '.join(s.name for s in found.scores)}")
        return DONE
    try:
        found = load(arguments.name)
    except InstrumentError as error:
        raise UsageError(str(error)) from error
    _tell(f"{found.title} ({found.version})\n{found.notice}\nLicence: {' '.join(found.licence.split())}\n")
    for item in found.items:
        _tell(f"  {item.code:<16}{item.label}: {item.answers}")
    for score in found.scores:
        better = "higher is better" if score.higher_is_better else "lower is better"
        _tell(f"\n{score.name}: {score.label}, {score.lo:g} to {score.hi:g}, {better}")
        _tell(f"  {' '.join(score.missing.split())}")
    for name, option in found.options.items():
        chosen = "must be chosen" if option.required else f"default {option.default}"
        _tell(f"\noption {name} ({chosen}): {', '.join(map(str, option.choices))}")
    return DONE


def _score(arguments: argparse.Namespace) -> int:
    from armwise.study.score_file import score_file

    options = {}
    for pair in arguments.option:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--option {pair}: expected NAME=VALUE, like --option value_set=TTO_UK")
        options[name] = value
    try:
        text = score_file(arguments.instrument, arguments.answers, options)
    except InstrumentError as error:
        raise UsageError(str(error)) from error
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
        _tell(f"wrote    {arguments.out}")
    else:
        sys.stdout.write(text)
    return DONE


def _schema(arguments: argparse.Namespace) -> int:
    from armwise.protocol.schema import schema_text

    if arguments.out:
        arguments.out.write_text(schema_text(), encoding="utf-8")
    else:
        sys.stdout.write(schema_text())
    return DONE


if __name__ == "__main__":
    sys.exit(main())
