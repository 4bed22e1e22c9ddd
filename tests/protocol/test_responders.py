from __future__ import annotations

from fractions import Fraction

from armwise.protocol.responders import Threshold, Thresholds


def test_a_threshold_is_an_exact_improvement_with_words_for_its_key() -> None:
    share = Threshold(more_than="12.8%", source="x", status="unconfirmed")
    assert (share.exact, share.percent, share.strict, share.words) == (
        Fraction(16, 125), True, True, "more than 12.8%",
    )  # fmt: skip
    assert Threshold(at_least=10, source="x", status="confirmed").words == "at least 10"  # type: ignore[arg-type]


def test_one_visit_may_be_a_word() -> None:
    made = Thresholds.model_validate(
        {
            "score": "odi.total",
            "at": "m12",
            "like": "a",
            "of": [{"at_least": 10, "source": "x", "status": "confirmed"}],
        }
    )
    assert made.at == ("m12",)
