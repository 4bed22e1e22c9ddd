"""A protocol and its assumptions -> the tables of a simulated study.

load_assumptions   assumptions.yaml -> Assumptions, or all its mistakes at once
simulate           protocol, assumptions, seed -> tables by form
provenance_of      what a reader must know of simulated data
write_study        tables and provenance -> the study folder's data/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armwise.simulate.assumptions import Assumptions
    from armwise.simulate.draw import simulate
    from armwise.simulate.load import load_assumptions
    from armwise.simulate.write import provenance_of, write_study

__all__ = ["Assumptions", "load_assumptions", "provenance_of", "simulate", "write_study"]

_HOME = {
    "Assumptions": "assumptions",
    "load_assumptions": "load",
    "simulate": "draw",
    "provenance_of": "write",
    "write_study": "write",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, and nothing before it is asked for."""
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
