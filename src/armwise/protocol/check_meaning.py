"""Checks of what the plan's numbers would mean: tests that share alpha, margins, strategies, planned sizes.

Each name of such a plan is known and each analysis could run; what came out would not be what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from armwise.protocol.check_repeated import repeated
from armwise.protocol.known import Finding
from armwise.protocol.model import METHODS, Protocol
from armwise.protocol.scores import Score


def meaning(protocol: Protocol, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """Every number that the protocol's words do not support."""
    yield from _allocation(protocol)
    yield from _one_visit(protocol)
    yield from _covariate_names(protocol)
    yield from _shared_alpha(protocol)
    yield from _interval_and_test(protocol)
    yield from _one_alpha(protocol)
    yield from _covariates_of_composites(protocol)
    yield from _strategies(protocol)
    yield from _made_missing(protocol)
    yield from _margins(protocol, scores)
    yield from _size(protocol)
    yield from _published_twice(protocol)
    yield from repeated(protocol)


def _allocation(protocol: Protocol) -> Iterator[Finding]:
    if protocol.randomised and protocol.study.allocated_by != "unstated":
        what = f"found `{protocol.study.allocated_by}`, but the arms are randomised: chance decided"
        yield ("study", "allocated_by"), what, "leave it out, or write `allocation: nonrandomised`"
    for name, analysis in protocol.analyses.items():
        here = ("analyses", name, "adjust")
        if protocol.randomised and analysis.adjust == "overlap-weights":
            what = "overlap weights, although the arms are randomised: chance has balanced them already"
            yield here, what, "use `adjust: none`, or ancova with the baseline", "warning"
        if not protocol.randomised and analysis.role == "primary" and analysis.adjust == "none":
            what = "the primary analysis is not adjusted, although the arms were not randomised"
            yield (
                here,
                what,
                "use overlap-weights or ancova: what differs between the arms is in the estimate",
                "warning",
            )


def _one_visit(protocol: Protocol) -> Iterator[Finding]:
    if len(protocol.visits) == 1:
        what = f"only the visit `{protocol.baseline}`: the first one is the baseline, and arms are compared later"
        yield ("visits",), what, "add the visit at which the outcome is recorded"


#: What a row of an analysis's data has beside its covariates.
TAKEN = ("subject", "arm", "outcome", "missing", "baseline", "filled", "left_out", "excluded")


def _covariate_names(protocol: Protocol) -> Iterator[Finding]:
    for name in protocol.covariates:
        if name in TAKEN:
            means = "the endpoint's own baseline" if name == "baseline" else "a column of every analysis"
            todo = f"give it another name, like `{name}_0`"
            yield ("covariates", name), f"a covariate cannot be called `{name}`: that is {means}", todo


def _shared_alpha(protocol: Protocol) -> Iterator[Finding]:
    """An analysis of several arms is several tests."""
    tests = len(protocol.arms) - 1
    for name, family in protocol.families.items():
        if family.order == "single" and tests > 1:
            what = f"one analysis, but {tests} tests: each arm is compared with the reference"
            todo = "say how they share alpha: `order: holm`, `fixed-sequence` (in the order of the arms) or `none`"
            yield ("families", name), what, todo


def _interval_and_test(protocol: Protocol) -> Iterator[Finding]:
    """The interval beside a planned test is the test's own: what one excludes, the other rejects."""
    for name, family in protocol.families.items():
        level = 1 - family.alpha
        for analysis in (protocol.analyses.get(member) for member in family.of):
            if analysis is not None and abs(analysis.conf_level - level) > 1e-9:
                member = next(m for m in family.of if protocol.analyses.get(m) is analysis)
                what = (
                    f"found {analysis.conf_level:g}, but the family `{name}` tests at alpha {family.alpha:g}: "
                    f"the interval and the test would disagree"
                )
                todo = f"write `conf_level: {level:g}`, or `alpha: {1 - analysis.conf_level:g}` in the family"
                if analysis.margin and analysis.margin.kind == "equivalence":
                    todo += " (two one-sided tests at 5 % each: a 90 % interval and alpha 0.1)"
                yield ("analyses", member, "conf_level"), what, todo


def _one_alpha(protocol: Protocol) -> Iterator[Finding]:
    """Families that are tested one after the other hand on the same alpha; `order: none` hands on nothing."""
    gated = {name: family.alpha for name, family in protocol.families.items() if family.order != "none"}
    first = next(iter(gated), "")
    for name, alpha in gated.items():
        if alpha != gated[first]:
            what = f"found {alpha:g}, but `{first}`, which is tested before it, has alpha {gated[first]:g}"
            yield (
                ("families", name, "alpha"),
                what,
                "families tested in order share one alpha: write the same",
            )


def _covariates_of_composites(protocol: Protocol) -> Iterator[Finding]:
    for name, analysis in protocol.analyses.items():
        endpoint = protocol.endpoints.get(analysis.endpoint)
        if endpoint and endpoint.of and "baseline" in analysis.covariates:
            what = f"`{analysis.endpoint}` is made of several scores: it has no baseline of its own"
            todo = "name the baseline scores as covariates: `odi_baseline: {score: odi.total}`"
            yield ("analyses", name, "covariates", analysis.covariates.index("baseline")), what, todo


def _strategies(protocol: Protocol) -> Iterator[Finding]:
    """A number is not 0 because something happened, and nobody has one after a death."""
    for name, declared in protocol.estimands.items():
        if declared.events.get("death") == "treatment-policy":
            what = "`death: treatment-policy`: nobody answers after a death, so the outcome would be missing or imputed"
            todo = "use `non-response` for responders, `while-on-treatment` for numbers, or `hypothetical`"
            yield ("estimands", name, "events", "death"), what, todo, "warning"
    for name, analysis in protocol.analyses.items():
        estimand = protocol.estimands.get(analysis.estimand or "")
        fails = [e for e, s in (estimand.events if estimand else {}).items() if s == "non-response"]
        if fails and METHODS.get(analysis.method) == "number":
            what = f"`{fails[0]}: non-response` is a strategy for responders, and {analysis.method} compares numbers"
            todo = "use an estimand with `hypothetical`, `while-on-treatment` or `treatment-policy`"
            yield ("analyses", name, "estimand"), what, todo


def _made_missing(protocol: Protocol) -> Iterator[Finding]:
    """`hypothetical` asks what would have been; a rule that then puts a failure there answers something else."""
    for name, analysis in protocol.analyses.items():
        estimand = protocol.estimands.get(analysis.estimand or "")
        asked = [e for e, s in (estimand.events if estimand else {}).items() if s == "hypothetical"]
        if asked and analysis.missing in ("non-response", "worst-case"):
            what = (
                f"`{asked[0]}: hypothetical` makes an outcome missing, and {analysis.missing} would decide it "
                f"because of the event"
            )
            todo = "use `complete-cases`, or an estimand with `non-response` or `treatment-policy`"
            yield ("analyses", name, "missing"), what, todo


def _margins(protocol: Protocol, scores: Mapping[str, Score]) -> Iterator[Finding]:
    for name, analysis in protocol.analyses.items():
        endpoint = protocol.endpoints.get(analysis.endpoint)
        score = scores.get(endpoint.score or "") if endpoint else None
        if (
            analysis.margin
            and analysis.margin.kind == "non-inferiority"
            and score
            and score.higher_is_better is None
        ):
            what = f"the direction of `{score.ref}` is not known: no side of the margin is the worse one"
            todo = "add `direction: lower-better` (or higher-better) to the item"
            yield ("analyses", name, "margin"), what, todo
        if analysis.margin and analysis.method == "risk-difference" and analysis.margin.value >= 1:
            what = f"found {analysis.margin.value:g}, but risks run from 0 to 1"
            yield ("analyses", name, "margin", "value"), what, "write 10 percentage points as 0.1"


def _size(protocol: Protocol) -> Iterator[Finding]:
    endpoint = protocol.endpoints.get(protocol.size.endpoint) if protocol.size else None
    if protocol.size and endpoint and endpoint.is_response == (protocol.size.sd is not None):
        kind, key = ("yes or no", "risk") if endpoint.is_response else ("a number", "sd")
        yield ("size",), f"`{protocol.size.endpoint}` is {kind}", f"give its `{key}`"


def _published_twice(protocol: Protocol) -> Iterator[Finding]:
    seen: set[tuple[str, ...]] = set()
    for index, figure in enumerate(protocol.published):
        about = (figure.endpoint, figure.visit, figure.arm, figure.statistic, figure.source)
        if about in seen:
            what = f"the {figure.statistic} of `{figure.endpoint}` from this source stands above"
            yield ("published", index), what, "keep one of them"
        seen.add(about)
