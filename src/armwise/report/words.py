"""What things are called in a sentence: arms, visits, scores, endpoints with their operators, small numbers.

Everything is read from the protocol (and the scores that the manifest carries); nothing here looks at a result.
The words for a protocol's choices (target, strategy, adjustment, method) are in `phrases.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from armwise.analysis.results import Results
from armwise.protocol.model import Analysis, Endpoint, Improvement, Protocol
from armwise.protocol.plan import DRAWN, WEIGHTED
from armwise.report.numbers import MINUS, POINT_UNITS, number
from armwise.report.phrases import ADJUSTED, ALLOCATED, METHODS, WEIGHTING

SMALL: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def joined(parts: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    items = [p for p in parts if p]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def counted(n: int) -> str:
    """A small whole number as a word, a larger one in digits."""
    return SMALL[n] if 0 <= n < len(SMALL) else number(n)


def plural(n: int, one: str, many: str = "") -> str:
    """The noun that goes with a count."""
    return one if n == 1 else many or f"{one}s"


def opening(text: str) -> str:
    """A text with its first letter as a capital, so that it can open a sentence."""
    return text[:1].upper() + text[1:]


def inside(label: str) -> str:
    """A label as it stands inside a sentence: `Conventional care` -> `conventional care`; names stay as they are."""
    first, _, rest = label.partition(" ")
    is_word = first[1:2].isalpha() and first[1:].replace("-", "").isalpha() and first[1:].islower()
    return label[:1].lower() + label[1:] if is_word and rest == rest.lower() else label


def spoken(label: str) -> str:
    """A label's main part inside a sentence: `Pain, numeric rating` -> `pain`."""
    return inside(label.partition(",")[0])


def hyphenless(name: str) -> str:
    """A name of the protocol as words: `overlap-weights` -> `overlap weights`."""
    return name.replace("_", " ").replace("-", " ")


@dataclass(frozen=True, slots=True)
class ScoreWords:
    """What a reader must know of a score: its name, direction (None: not declared), unit and range."""

    label: str
    higher_is_better: bool | None
    unit: str
    lo: float | None
    hi: float | None

    @property
    def direction(self) -> str:
        """`lower is better`, or nothing where it is not declared."""
        return (
            ""
            if self.higher_is_better is None
            else f"{'higher' if self.higher_is_better else 'lower'} is better"
        )

    @property
    def scale(self) -> str:
        """`0 to 100, lower is better`."""
        span = "" if self.lo is None or self.hi is None else f"{_bare(self.lo)} to {_bare(self.hi)}"
        return ", ".join(part for part in (span, self.direction) if part)


@dataclass(frozen=True)
class Words:
    """The words of one study.

    Attributes:
        protocol: the protocol, as analysed.
        score_facts: label, direction, unit and range by score, as the manifest carries them.
    """

    protocol: Protocol
    score_facts: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, results: Results) -> Words:
        """The words of the study behind these results."""
        facts = dict(results.manifest.get("scores") or {})
        if not facts:
            from armwise.protocol.scores import scores_of

            facts = {ref: score.as_dict() for ref, score in scores_of(results.protocol).items()}
        return cls(results.protocol, facts)

    @cached_property
    def treatments(self) -> tuple[str, ...]:
        """The arms that are compared with the reference, in the protocol's order."""
        return tuple(name for name, arm in self.protocol.arms.items() if not arm.reference)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """All arms, the reference last."""
        return (*self.treatments, self.protocol.reference)

    def arm(self, name: str) -> str:
        """An arm's label as it stands inside a sentence."""
        return inside(self.protocol.arms[name].label)

    def short(self, name: str) -> str:
        """An arm's short name, for a table's head."""
        arm = self.protocol.arms[name]
        return arm.short or arm.label

    def brief(self, name: str) -> str:
        """The shortest name that is still said in a sentence: a treatment's short name, the reference's label."""
        arm = self.protocol.arms[name]
        return inside(arm.label if arm.reference or not arm.short else arm.short)

    def visit(self, name: str) -> str:
        """A visit's label as it stands inside a sentence."""
        return inside(self.protocol.visit_label(name))

    def at(self, visit: str) -> str:
        """`at 12 months`, `at week 24`, `in 1982`."""
        said = self.visit(visit)
        return f"{'in' if len(said) == 4 and said.isdigit() else 'at'} {said}"

    @property
    def last_visit(self) -> str:
        """The last planned visit."""
        return list(self.protocol.visits)[-1]

    @property
    def nonrandomised(self) -> bool:
        """Whether the arms were not allocated by chance."""
        return not self.protocol.randomised

    @property
    def allocated(self) -> str:
        """How a patient came to an arm, as a clause: what the protocol says of it, and no more."""
        return ALLOCATED["random" if self.protocol.randomised else self.protocol.study.allocated_by]

    @property
    def allocation_note(self) -> str:
        """What every between-arm number carries when arms were not randomised; else nothing."""
        return f"{opening(self.chosen)}." if self.nonrandomised else ""

    @property
    def chosen(self) -> str:
        """That arms were not randomised, in three or four words; else nothing."""
        if not self.nonrandomised:
            return ""
        return "arms chosen, not randomised" if self.by_choice else "arms not randomised"

    @property
    def by_choice(self) -> bool:
        """Whether the protocol says that somebody chose each patient's treatment."""
        return self.nonrandomised and self.protocol.study.allocated_by in ("patient-choice", "clinician")

    def score(self, ref: str) -> ScoreWords:
        """The facts of a score; an unknown one is called by its own name."""
        facts = self.score_facts.get(ref, {})
        unit = facts.get("unit") or "points"
        better = facts.get("higher_is_better")
        return ScoreWords(
            facts.get("label") or hyphenless(ref.rpartition(".")[2]),
            better,
            "points" if unit in POINT_UNITS else unit,
            facts.get("lo"),
            facts.get("hi"),
        )

    def score_of(self, endpoint: str) -> str:
        """The score behind an endpoint (the first one, for any and all); a score is its own."""
        declared = self.protocol.endpoints.get(endpoint)
        if declared is None:
            return endpoint
        return declared.score or self.score_of(declared.of[0])

    def scores_of(self, endpoint: str) -> tuple[str, ...]:
        """Every score behind an endpoint."""
        declared = self.protocol.endpoints.get(endpoint)
        if declared is None or declared.score:
            return (declared.score if declared and declared.score else endpoint,)
        return tuple(dict.fromkeys(s for part in declared.of for s in self.scores_of(part)))

    def higher_is_better(self, endpoint: str) -> bool | None:
        """Whether more of an endpoint is better: always for a response, else by its score."""
        declared = self.protocol.endpoints.get(endpoint)
        if declared is not None and declared.is_response:
            return True
        return self.score(self.score_of(endpoint)).higher_is_better

    def more_is_better(self, analysis: str, endpoint: str) -> bool | None:
        """Whether a larger value of a comparison favours the arm: an odds ratio of a better category always does."""
        declared = self.protocol.analyses.get(analysis)
        ordered = declared is not None and declared.method == "proportional-odds"
        return True if ordered else self.higher_is_better(endpoint)

    def endpoint(self, name: str) -> str:
        """What an endpoint is called in a table: its label, or its score's."""
        declared = self.protocol.endpoints.get(name)
        if declared is None:
            return self.score(name).label
        return declared.label or self.score(self.score_of(name)).label

    def unit(self, endpoint: str) -> str:
        """The unit of an endpoint: points of a score, a dose, percentage points of a response."""
        declared = self.protocol.endpoints.get(endpoint)
        if declared is not None and declared.is_response:
            return "percentage points"
        return (
            "per cent"
            if declared and declared.kind == "percent-change"
            else self.score(self.score_of(endpoint)).unit
        )

    def threshold(self, score: str) -> float | None:
        """The improvement in points on a score that the protocol declares for responders, to be marked in figures."""
        for endpoint in self.protocol.endpoints.values():
            if endpoint.score == score and endpoint.improvement and not endpoint.improvement.percent:
                return float(endpoint.improvement.exact)
        return None

    def criterion(self, name: str) -> str:
        """An endpoint with its operator: `Oswestry Disability Index fell by 10 points or more, or ...`."""
        endpoint = self.protocol.endpoints[name]
        if endpoint.kind in ("any", "all"):
            word = "or" if endpoint.kind == "any" else "and"
            return f", {word} ".join(self.criterion(part) for part in endpoint.of)
        return self._simple_criterion(endpoint)

    def _simple_criterion(self, endpoint: Endpoint) -> str:
        score = self.score(endpoint.score or "")
        if endpoint.kind == "responder" and endpoint.improvement:
            verb = {True: "rose", False: "fell", None: "improved"}[score.higher_is_better]
            return f"{spoken(score.label)} {verb} {amount(endpoint.improvement, score.unit)}"
        if endpoint.kind == "state":
            lowest = endpoint.at_least is not None
            side, limit = ("at least", endpoint.at_least) if lowest else ("at most", endpoint.at_most)
            return f"{spoken(score.label)} {side} {_bare(limit or 0.0)} at the visit"
        kinds = {
            "value": "value of",
            "change": "change from baseline in",
            "percent-change": "per cent change in",
        }
        return f"{kinds[endpoint.kind]} {spoken(score.label)}"

    def operators(self, name: str) -> Sequence[tuple[str, str]]:
        """Each responder definition behind an endpoint: label and criterion."""
        endpoint = self.protocol.endpoints[name]
        parts = endpoint.of if endpoint.of else (name,)
        return [(self.endpoint(part), self.criterion(part)) for part in parts]

    def covariate(self, name: str) -> str:
        """A covariate's label as it stands in a table."""
        if name == "baseline":
            return "the outcome at baseline"
        declared = self.protocol.covariates.get(name)
        if declared is None:
            return self.score(name).label if "." in name else hyphenless(name)
        if declared.label:
            return declared.label
        if declared.score:
            return self.score(declared.score).label
        form, _, item = (declared.item or "").partition(".")
        found = self.protocol.forms.get(form)
        if found and item in found.items:
            return found.items[item].text(self.protocol.study.language) or hyphenless(item)
        return hyphenless(name)

    def covariate_unit(self, name: str) -> str:
        """A covariate's unit, or nothing."""
        declared = self.protocol.covariates.get(name)
        form, _, item = ((declared.item if declared else None) or "").partition(".")
        found = self.protocol.forms.get(form)
        return (
            re.sub(r"(?<=[a-z])2$", "\N{SUPERSCRIPT TWO}", found.items[item].unit)
            if found and item in found.items
            else ""
        )

    def reason(self, why: str) -> str:
        """Why something could not be estimated, its arms by their labels: `nobody in low dose is analysed`."""
        found = re.fullmatch(r"nobody in (.+) (is analysed|was observed)(.*)", why, flags=re.DOTALL)
        if found is None:
            return why
        names = found[1].split(" and ")
        if not all(name in self.protocol.arms for name in names):
            return why
        return f"nobody in {joined(self.arm(name) for name in names)} {found[2]}{found[3]}"

    def category(self, covariate: str, category: str) -> str:
        """A category's label."""
        declared = self.protocol.covariates.get(covariate)
        form, _, item = ((declared.item if declared else None) or "").partition(".")
        found = self.protocol.forms.get(form)
        choices = found.items[item].choices if found and item in found.items else None
        return (choices or {}).get(category, category)

    def form(self, name: str) -> str:
        """A form's label."""
        form = self.protocol.forms.get(name)
        return (form.label if form else "") or hyphenless(name)

    def adjustment(self, analysis: Analysis) -> str:
        """How an analysis adjusts, to open a sentence: `After overlap weighting on six baseline characteristics`."""
        n = len(analysis.covariates)
        of = f"{counted(n)} baseline {plural(n, 'characteristic')}"
        imputed = " and imputing missing answers" if analysis.missing in DRAWN else ""
        if analysis.adjust in WEIGHTED:
            return f"{WEIGHTING[analysis.adjust].format(of)}{imputed}"
        if analysis.adjust == "covariates" and n:
            return f"Adjusted for {joined(spoken(self.covariate(c)) for c in analysis.covariates)}{imputed}"
        return "Without adjustment"

    def method(self, analysis: Analysis) -> str:
        """An analysis's method in words."""
        how = METHODS.get(analysis.method, hyphenless(analysis.method))
        models = ", one model an arm" if analysis.models == "per-arm" else ""
        return (
            f"{how}{models}, {ADJUSTED[analysis.adjust]}" if analysis.adjust in WEIGHTED else f"{how}{models}"
        )

    def allocation(self) -> str:
        """`open-label, non-randomised, parallel-group study`."""
        study = self.protocol.study
        kind = "randomised" if self.protocol.randomised else "non-randomised"
        n = len(self.protocol.arms)
        return f"{study.masking}, {kind}, parallel-group study with {counted(n)} arms"


def amount(improvement: Improvement, unit: str) -> str:
    """An improvement with its operator: `by 10 points or more`, `by more than 2 points`."""
    value = f"{improvement.amount} of its baseline" if improvement.percent else f"{improvement.amount} {unit}"
    return f"by more than {value}" if improvement.strict else f"by {value} or more"


def _bare(value: float) -> str:
    text = f"{value:g}"
    return text.replace("-", MINUS)
