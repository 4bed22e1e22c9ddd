"""What an instrument is, as values: items, options, scores with their rules, MCIDs, licence, sources.

The files in `definitions/` (and in a study's `instruments/` folder) are read into these by
`armwise.instruments.parse`; `armwise.instruments.scoring` turns the rules into dataframe expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RuleName = Literal["sum", "mean", "percent_of_maximum", "single", "value_set"]
Prorate = Literal["none", "zero", "mean", "attainable"]
Status = Literal["confirmed", "unconfirmed"]
OptionValue = bool | int | str

RULES: tuple[RuleName, ...] = ("sum", "mean", "percent_of_maximum", "single", "value_set")
PRORATE: tuple[Prorate, ...] = ("none", "zero", "mean", "attainable")


@dataclass(frozen=True, slots=True)
class Item:
    """One question, named by a code and a neutral label (never the questionnaire's wording).

    Attributes:
        code: the answers' column.
        lo, hi: the smallest and the largest answer.
        integer: only whole numbers are answers.
        recall: the time that the question asks about ("today", "past 7 days").
        optional: its column may be absent; a score that needs it is then null, "not collected".
        if_applicable: the respondent may leave it out on purpose.
    """

    code: str
    label: str
    lo: float
    hi: float
    integer: bool = True
    recall: str | None = None
    optional: bool = False
    if_applicable: bool = False

    @property
    def answers(self) -> str:
        """What is expected, in words: "a whole number from 0 to 5"."""
        kind = "a whole number" if self.integer else "a number"
        return f"{kind} from {self.lo:g} to {self.hi:g}"


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that the instrument leaves to its user. Without a default it must be made."""

    name: str
    choices: tuple[OptionValue, ...]
    default: OptionValue | None
    meaning: str = ""
    status: Status = "confirmed"

    @property
    def required(self) -> bool:
        """True when there is no default: the choice changes the numbers and is never guessed."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A part of a rule that follows an option: its value, or what `cases` gives for that value."""

    option: str
    cases: Mapping[OptionValue, object] | None = None

    def resolve(self, options: Mapping[str, OptionValue]) -> object:
        """The value under these (complete) options."""
        value = options[self.option]
        return value if self.cases is None else self.cases[value]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a score comes from its items.

    The answers are recoded (where `recode` says so), combined by `name`, then looked up or rounded.

    Attributes:
        name: sum | mean | percent_of_maximum | single | value_set.
        items: codes of the items that enter.
        recode: item -> "reverse", "keep", or answer -> value; or what an option chooses among these.
        max_missing: how many of the items may be unanswered.
        prorate: what an unanswered item does to a sum: `zero` counts it as 0, `mean` as the mean of the
            answered items, `attainable` rescales by the maximum of the answered items.
        lookup: raw score -> score; a raw score that is not there gives no score.
        value_set: file of `value_sets/` and the column (an option) for the rule `value_set`.
        round: decimals to which the score itself is rounded, half away from zero; None = as it comes.
    """

    name: RuleName
    items: tuple[str, ...]
    recode: Mapping[str, object] = field(default_factory=dict)
    max_missing: object = 0
    prorate: object = "none"
    lookup: Mapping[float, float] | None = None
    value_set: str | None = None
    column: object = None
    round: object = None


@dataclass(frozen=True, slots=True)
class ScoreDef:
    """A score: its name (`odi.total` is score `total` of `odi`), range, direction, unit and rule.

    Attributes:
        lo, hi: smallest and largest score, over every choice of options.
        decimals: decimals to show; the score itself is not rounded to them.
        missing: the missing-item rule in words.
    """

    name: str
    label: str
    lo: float
    hi: float
    higher_is_better: bool
    decimals: int
    unit: str
    missing: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class MCID:
    """A published minimal clinically important difference (or a responder cut) with its source.

    Attributes:
        value: points of the score, or per cent of baseline (`kind`).
        status: `unconfirmed` means that the source itself was not read; such a value may be chosen in
            a protocol but is never presented as established.
    """

    score: str
    value: float
    kind: Literal["points", "percent"]
    population: str
    citation: str
    status: Status
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A source, and whether the fact taken from it was read there."""

    citation: str
    status: Status = "confirmed"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A form with a scoring rule, as its definition file declares it."""

    id: str
    title: str
    version: str
    items: tuple[Item, ...]
    scores: tuple[ScoreDef, ...]
    options: Mapping[str, Option]
    mcids: tuple[MCID, ...]
    recall: str
    licence: str
    notice: str
    sources: tuple[Source, ...]
    description: str = ""
    file: str = ""

    def item(self, code: str) -> Item:
        """The item of that code (KeyError when there is none)."""
        return {item.code: item for item in self.items}[code]

    def score(self, name: str) -> ScoreDef:
        """The score of that name (KeyError when there is none)."""
        return {score.name: score for score in self.scores}[name]
