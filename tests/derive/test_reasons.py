"""A reason is shown when the protocol declares it: a free text may name a person."""

from __future__ import annotations

from typing import Any

import pytest

from armwise.derive.reasons import ANOTHER, known_reason
from armwise.protocol.model import Protocol


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("moved away", "moved away"),
        ("Moved away", ANOTHER),
        ("moved away, Mr John Smith, tel 555 0199", ANOTHER),
        ("", ANOTHER),
    ],
)
def test_only_what_the_protocol_declares_is_shown(small: Any, text: str, shown: str) -> None:
    protocol = Protocol.model_validate({**small.protocol, "reasons": ["moved away", "refused"]})
    assert known_reason(protocol, text) == shown


def test_without_declared_reasons_none_is_shown(small: Any) -> None:
    assert known_reason(Protocol.model_validate(small.protocol), "moved away") == "another reason"
