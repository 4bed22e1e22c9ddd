"""Instruments: definitions that are data files, and scoring as dataframe expressions.

names          the instruments that ship
load           an instrument by name, from a study's folder or a file
score          a frame of answers -> the same frame with its scores and their status
check_answers  the answers that are out of range, not whole or not numbers
choose         an instrument's options, checked and completed
load_wording   a site's licensed texts for the items
daily_mme      an opioid's dose as milligrams of morphine a day; morphine_factors: the table behind it
Instrument, Item, ScoreDef, Option, MCID, Source, Finding: what these return
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from armwise.instruments.answers import Finding, check_answers
    from armwise.instruments.definition import MCID, Instrument, Item, Option, ScoreDef, Source
    from armwise.instruments.library import load, names
    from armwise.instruments.morphine_equivalents import daily_mme, morphine_factors
    from armwise.instruments.options import choose
    from armwise.instruments.scoring import score
    from armwise.instruments.wording import load_wording

_HOME = {
    "Finding": "answers",
    "check_answers": "answers",
    "MCID": "definition",
    "Instrument": "definition",
    "Item": "definition",
    "Option": "definition",
    "ScoreDef": "definition",
    "Source": "definition",
    "load": "library",
    "names": "library",
    "choose": "options",
    "daily_mme": "morphine_equivalents",
    "morphine_factors": "morphine_equivalents",
    "score": "scoring",
    "load_wording": "wording",
}

__all__ = [
    "MCID",
    "Finding",
    "Instrument",
    "Item",
    "Option",
    "ScoreDef",
    "Source",
    "check_answers",
    "choose",
    "daily_mme",
    "load",
    "load_wording",
    "morphine_factors",
    "names",
    "score",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
