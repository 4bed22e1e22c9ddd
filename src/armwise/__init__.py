"""armwise: controlled studies of patient-reported outcomes, from protocol to paper.

A run is one walk: protocol.yaml and tables -> validate -> score -> derive -> analyse -> results -> report.

    load_study          a study folder -> protocol, tables, problems
    analyse             a study -> results, one row an estimate
    report              results -> a page
    read_results        a results folder -> results
    load_protocol       protocol.yaml -> Protocol, or all its mistakes at once
    score, check_answers, load_instrument      instruments, on a frame of one's own
    ancova, risk_difference, mann_whitney, table_one, responders      statistics, on data of one's own
    mmrm, lsmeans       the mixed model for repeated measures

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armwise.analysis.results import Results as Results
    from armwise.analysis.results import read_results as read_results
    from armwise.analysis.run import analyse as analyse
    from armwise.instruments import check_answers as check_answers
    from armwise.instruments import load as load_instrument
    from armwise.instruments import score as score
    from armwise.protocol.load import load_protocol as load_protocol
    from armwise.report import report as report
    from armwise.stats import ancova as ancova
    from armwise.stats import lsmeans as lsmeans
    from armwise.stats import mann_whitney as mann_whitney
    from armwise.stats import mmrm as mmrm
    from armwise.stats import responders as responders
    from armwise.stats import risk_difference as risk_difference
    from armwise.stats import table_one as table_one
    from armwise.study.study import Study as Study
    from armwise.study.study import load_study as load_study

__version__ = "0.1.0"

_HOME = {
    "Results": ("analysis.results", "Results"),
    "Study": ("study.study", "Study"),
    "analyse": ("analysis.run", "analyse"),
    "ancova": ("stats", "ancova"),
    "check_answers": ("instruments", "check_answers"),
    "load_instrument": ("instruments", "load"),
    "load_protocol": ("protocol.load", "load_protocol"),
    "load_study": ("study.study", "load_study"),
    "lsmeans": ("stats", "lsmeans"),
    "mann_whitney": ("stats", "mann_whitney"),
    "mmrm": ("stats", "mmrm"),
    "read_results": ("analysis.results", "read_results"),
    "report": ("report", "report"),
    "responders": ("stats", "responders"),
    "risk_difference": ("stats", "risk_difference"),
    "score": ("instruments", "score"),
    "table_one": ("stats", "table_one"),
}

__all__ = [
    "Results",
    "Study",
    "analyse",
    "ancova",
    "check_answers",
    "load_instrument",
    "load_protocol",
    "load_study",
    "lsmeans",
    "mann_whitney",
    "mmrm",
    "read_results",
    "report",
    "responders",
    "risk_difference",
    "score",
    "table_one",
]


def __getattr__(name: str) -> Any:
    """A public name, from its module, when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
