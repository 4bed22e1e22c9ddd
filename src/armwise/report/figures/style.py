"""How figures look: colours, sizes, and what tells the arms apart.

An arm has a colour, a shape and a line, so that grey print and colour-blind readers lose nothing; every colour
keeps a contrast of 4.5 to 1 against white, as text needs it. The reference arm looks the same in every study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from armwise.protocol.model import Protocol

Shape = Literal["disc", "square", "triangle", "down-triangle", "ring", "diamond"]
Better = Literal["higher", "lower"]

INK: Final = "#1b1f24"
GREY: Final = "#59626d"
RULE: Final = "#d5dade"
BORDER: Final = "#8b95a0"
BLUE: Final = "#0f4c81"
OCHRE: Final = "#a65f12"
WARNING: Final = "#7f3f00"

FONT: Final = "Armwise Sans, Arial, sans-serif"

#: Type sizes in px; nothing is set smaller than SMALL, at any width.
NAME: Final = 14.0
LABEL: Final = 13.0
NOTE: Final = 12.5
SMALL: Final = 12.0
STAMP: Final = 11.0

#: Widths from which there is room for a column beside the plot.
DESKTOP: Final = 560


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """What tells one arm from the others: `dash` is an SVG dash pattern, empty for a solid line."""

    colour: str
    shape: Shape
    dash: str = ""


REFERENCE: Final = ArmStyle(OCHRE, "square", "6 3")
TREATMENTS: Final = (
    ArmStyle(BLUE, "disc"),
    ArmStyle("#00695c", "triangle", "11 3 2 3"),
    ArmStyle("#8c2d5e", "down-triangle", "2 3"),
    ArmStyle("#5b3fa0", "ring", "9 2 2 2 2 2"),
)


def arm_styles(protocol: Protocol) -> dict[str, ArmStyle]:
    """The style of each arm, in the order of the protocol; a sixth arm begins again with the first style."""
    others = [name for name in protocol.arms if name != protocol.reference]
    styles = {name: TREATMENTS[i % len(TREATMENTS)] for i, name in enumerate(others)}
    return {name: styles.get(name, REFERENCE) for name in protocol.arms}
