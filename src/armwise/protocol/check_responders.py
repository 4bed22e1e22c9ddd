"""Checks of thresholds side by side and of anchors: names, directions, and no threshold from the study's own anchor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import Protocol
from armwise.protocol.responders import Anchor, Threshold
from armwise.protocol.scores import Score
from armwise.yaml_lines import KeyPath

#: Words of a source that say that it is this study.
OURS = {"own", "our", "ours", "this", "present", "here"}


def responders(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """What `thresholds` and `anchors` point to exists, and neither tests the arms with what they define themselves."""
    for name, block in protocol.thresholds.items():
        here = ("thresholds", name)
        yield from _score(protocol, known, scores, block.score, (*here, "score"))
        yield from _changes(protocol, known, scores, block.score, (*here, "score"))
        for index, visit in enumerate(block.at):
            yield from _visit(protocol, known, block.score, visit, (*here, "at", index))
        yield from unknown("analysis", block.like, known.names("analyses"), (*here, "like"))
        like = protocol.analyses.get(block.like)
        if like and like.method != "risk-difference":
            what = f"`{block.like}` is of method {like.method}"
            yield (*here, "like"), what, "name an analysis of method risk-difference"
        for index, threshold in enumerate(block.of):
            yield from _threshold(protocol, scores.get(block.score), threshold, (*here, "of", index))
    for name, anchor in protocol.anchors.items():
        yield from _anchor(protocol, known, scores, anchor, ("anchors", name))


def _anchor(
    protocol: Protocol, known: Known, scores: Mapping[str, Score], anchor: Anchor, here: KeyPath
) -> Iterator[Finding]:
    yield from _score(protocol, known, scores, anchor.score, (*here, "score"))
    yield from _changes(protocol, known, scores, anchor.score, (*here, "score"))
    yield from _score(protocol, known, scores, anchor.rating, (*here, "rating"))
    yield from _visit(protocol, known, anchor.rating, anchor.at, (*here, "at"))
    yield from _visit(protocol, known, anchor.score, anchor.at, (*here, "at"))
    rating = scores.get(anchor.rating)
    if rating is None:
        return
    if rating.lo is not None and rating.hi is not None:
        outside = [v for v in anchor.improved if not rating.lo <= v <= rating.hi]
        if outside:
            what = f"`{anchor.rating}` runs from {rating.lo:g} to {rating.hi:g}, found {outside[0]}"
            yield (*here, "improved"), what, "list ratings that can be given"
            return
        best = rating.hi if rating.higher_is_better else rating.lo
        if rating.higher_is_better is not None and best not in anchor.improved:
            what = f"the best rating, {best:g}, does not count as improved"
            yield (*here, "improved"), what, "list the better ratings, the best one among them"


def _score(
    protocol: Protocol, known: Known, scores: Mapping[str, Score], ref: str, path: KeyPath
) -> Iterator[Finding]:
    """The score exists and has a direction."""
    if known.cannot_tell(protocol, ref):
        return
    yield from unknown("score", ref, scores, path)
    if ref in scores and scores[ref].higher_is_better is None:
        todo = "add `direction: lower-better` (or higher-better) to the item"
        yield path, f"the direction of `{ref}` is not known", todo


def _changes(
    protocol: Protocol, known: Known, scores: Mapping[str, Score], ref: str, path: KeyPath
) -> Iterator[Finding]:
    """The score has a baseline, so that there is a change of it."""
    form = protocol.forms.get(ref.split(".")[0])
    if ref in scores and form and isinstance(form.at, tuple) and protocol.baseline not in form.at:
        what = f"`{ref}` has no baseline: its form is filled in at {', '.join(form.at)}"
        yield path, what, f"add {protocol.baseline} to the form's visits"


def _visit(protocol: Protocol, known: Known, ref: str, visit: str, path: KeyPath) -> Iterator[Finding]:
    yield from unknown("visit", visit, known.names("visits"), path)
    if visit not in protocol.visits:
        return
    form = protocol.forms.get(ref.split(".")[0])
    if visit == protocol.baseline:
        yield path, f"`{visit}` is the baseline", "a change is looked at at a later visit"
    elif form and isinstance(form.at, tuple) and visit not in form.at:
        what = f"the form of `{ref}` is not filled in at {visit}, but at {', '.join(form.at)}"
        yield path, what, "use one of these, or add the visit to the form"


def _threshold(
    protocol: Protocol, score: Score | None, threshold: Threshold, here: KeyPath
) -> Iterator[Finding]:
    source = threshold.source.strip().lower()
    words = set(re.findall(r"[a-z][a-z0-9_]*", source))
    near = [name for name in protocol.anchors if name in words]
    ours = words == {*near} or bool(words & OURS)
    own = [name for name in protocol.anchors if (ours and name in near) or f"anchors.{name}" in source]
    if own:
        what = f"a threshold from this study's own anchor `{own[0]}` would test the arms by what they define themselves"
        yield (*here, "source"), what, "take a threshold from another study"
    elif near:  # another study's threshold may come from a rating of the same name
        what = f"the source names `{near[0]}`, as this study's own anchor is called"
        yield (*here, "source"), what, "make sure that the threshold is another study's", "warning"
    if score is None or score.lo is None or score.hi is None:
        return
    bounded = not threshold.percent or (score.higher_is_better is False and score.lo >= 0)
    largest = 1 if threshold.percent else score.hi - score.lo
    if bounded and (threshold.exact > largest or (threshold.strict and threshold.exact == largest)):
        span = f"`{score.ref}` runs from {score.lo:g} to {score.hi:g}"
        what = f"an improvement of {threshold.amount} cannot happen: {span}"
        yield here, what, "check the threshold and its unit"
