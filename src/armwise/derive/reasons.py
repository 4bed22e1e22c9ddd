"""Which reasons are shown: the categories that the protocol declares, because a free text may name a person."""

from __future__ import annotations

from armwise.protocol.model import Protocol

#: What every reason is called that the protocol does not declare; its text stays in the file.
ANOTHER = "another reason"


def known_reason(protocol: Protocol, text: str) -> str:
    """A reason as it may be shown and counted.

    Args:
        protocol: the protocol, whose `reasons` are the categories.
        text: the reason as it stands in a table.

    Returns:
        The text when it is one of the protocol's `reasons`, else `another reason`.
    """
    return text if text in protocol.reasons else ANOTHER
