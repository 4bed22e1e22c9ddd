"""The section `imaging` as a value: scales, what leads, and what a grade may be."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from armwise.protocol.imaging import SCHEMES, Grade, Imaging, categories_of
from armwise.protocol.model import Item


def test_the_scales_have_the_published_steps() -> None:
    steps = {
        name: (s.kind, s.categories[0], s.categories[-1], len(s.categories)) for name, s in SCHEMES.items()
    }
    assert steps == {
        "pfirrmann": ("ordinal", "1", "5", 5),
        "modified-pfirrmann": ("ordinal", "1", "8", 8),
        "modic": ("nominal", "0", "3", 4),
        "high-intensity-zone": ("binary", "no", "yes", 2),
        "weishaupt": ("ordinal", "0", "3", 4),
    }


def test_a_scheme_brings_its_kind_its_label_and_its_item() -> None:
    grade = Grade(scheme="modic")
    assert (grade.scale, grade.called("modic"), grade.held_in("modic")) == (
        "nominal",
        "Modic type",
        ("modic",),
    )
    sides = Grade(scheme="weishaupt", items=("left", "right"), label="Facets")
    assert (sides.called("facets"), sides.held_in("facets")) == ("Facets", ("left", "right"))
    own = Grade(kind="ordinal")
    items = {"own": Item(type="integer", range=(2, 4))}
    assert categories_of(own, "own", items) == ("2", "3", "4")
    assert categories_of(
        own, "own", {"own": Item.model_validate({"type": "choice", "choices": ["a", "b"]})}
    ) == (
        "a",
        "b",
    )


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"grades": {"a": {}}}, "a grade needs its scheme"),
        ({"grades": {"a": {"scheme": "modic", "kind": "ordinal"}}}, "the scheme modic is nominal"),
        ({"reader": "reader", "grades": {"a": {"kind": "ordinal"}}}, "several readers need `leading`"),
        ({"leading": "r1", "grades": {"a": {"kind": "ordinal"}}}, "belong to several readers"),
        ({"grades": {}}, "at least 1 item"),
    ],
)
def test_what_cannot_be_meant_is_said(declared: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        Imaging.model_validate(declared)
    assert said in str(error.value)
