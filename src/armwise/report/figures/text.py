"""How wide text is, where it breaks, and how labels keep clear of each other.

Widths are the advance widths of Source Sans Pro (SIL Open Font Licence), in thousandths of the type size; a
letter that is not listed counts as wide, so that a label with it wraps early and is never clipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: Advance widths of the characters from space to tilde.
REGULAR: Final = (
    *(200, 289, 425, 497, 497, 824, 609, 249, 303, 303, 418, 497, 249, 311, 249, 350, 497, 497, 497, 497),
    *(497, 497, 497, 497, 497, 497, 249, 249, 497, 497, 497, 425, 847, 544, 588, 571, 615, 527, 494, 617),
    *(652, 263, 480, 579, 486, 727, 647, 664, 566, 664, 569, 534, 536, 645, 515, 786, 513, 476, 539, 303),
    *(350, 303, 497, 500, 542, 504, 553, 456, 555, 496, 292, 504, 544, 246, 247, 495, 255, 829, 547, 542),
    *(555, 555, 347, 419, 338, 544, 467, 718, 446, 467, 425, 303, 241, 303, 497),
)
SEMIBOLD: Final = (
    *(200, 315, 482, 513, 513, 841, 639, 275, 324, 324, 438, 513, 275, 322, 275, 344, 513, 513, 513, 513),
    *(513, 513, 513, 513, 513, 513, 275, 275, 513, 513, 513, 444, 875, 558, 597, 576, 625, 538, 510, 628),
    *(663, 282, 494, 597, 502, 745, 656, 674, 582, 674, 592, 545, 546, 655, 536, 800, 541, 501, 540, 324),
    *(344, 324, 513, 500, 549, 516, 563, 462, 564, 507, 317, 520, 558, 262, 263, 522, 271, 843, 560, 549),
    *(564, 564, 373, 431, 361, 556, 495, 748, 481, 495, 443, 324, 255, 324, 513),
)
#: Other characters that the figures use; the same in both weights, the wider one.
OTHERS: Final = {
    "\u00a0": 205,
    "\u202f": 125,
    "–": 480,
    "—": 800,
    "−": 513,
    "←": 619,
    "→": 619,
    "·": 275,
    "≥": 513,
    "≤": 513,
    "×": 513,
    "±": 513,
    "²": 372,
    "’": 275,
    "‘": 275,
    "∞": 750,
}
LATIN: Final = 620
"""A letter of an alphabet that is not listed, accents included."""
WIDE: Final = 1000
"""A character of the wide scripts (Chinese, Japanese, Korean) and of emoji."""


def width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text, in px at a type size in px.

    Example:
        >>> round(width("43 (18 to 63)", 14), 1)
        71.0
    """
    table = SEMIBOLD if bold else REGULAR
    total = 0
    for character in text:
        code = ord(character)
        if 32 <= code < 127:
            total += table[code - 32]
        else:
            total += OTHERS.get(character, WIDE if code >= 0x1100 else LATIN)
    return total * size / 1000


def wrap(text: str, room: float, size: float, bold: bool = False) -> list[str]:
    """Text as lines that are no wider than `room`: broken at spaces, after hyphens and slashes, then anywhere.

    A no-break space (U+00A0) keeps its neighbours together.

    Example:
        >>> wrap("minimal important difference", 110, 12.5)
        ['minimal important', 'difference']
    """
    lines: list[str] = [""]
    for piece in _pieces(text, room, size, bold):
        longer = lines[-1] + piece
        if width(longer.rstrip(" "), size, bold) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines[-1] = lines[-1].rstrip(" ")
            lines.append(piece)
    lines[-1] = lines[-1].rstrip(" ")
    return lines


def _pieces(text: str, room: float, size: float, bold: bool) -> list[str]:
    """The parts between which a line may break, none wider than `room` (but a single character)."""
    pieces: list[str] = []
    for word in re.findall(r"[^ /-]*[/-]? *", re.sub(r"[ \t\r\n]+", " ", text).strip(" ")):
        start = 0
        for end in range(1, len(word) + 1):
            if end - start > 1 and width(word[start:end].rstrip(" "), size, bold) > room:
                pieces.append(word[start : end - 1])
                start = end - 1
        if word[start:]:
            pieces.append(word[start:])
    return pieces


def spread(centres: Sequence[float], heights: Sequence[float], lowest: float, highest: float) -> list[float]:
    """Centres moved apart as little as needed, so that intervals of the given heights do not overlap.

    The order of the wanted centres is kept (ties: the order given). When all of them together need more room
    than there is, they run over `highest`; the caller makes room.

    Example:
        >>> spread([10, 12, 50], [10, 10, 10], 0, 100)
        [6.0, 16.0, 50.0]
    """
    order = sorted(range(len(centres)), key=lambda i: (centres[i], i))
    blocks: list[tuple[list[int], float, float]] = []  # members, top, height
    for i in order:
        members, height = [i], heights[i]
        top = _within(centres[i] - height / 2, height, lowest, highest)
        while blocks and blocks[-1][1] + blocks[-1][2] > top:
            members = blocks.pop()[0] + members
            height = sum(heights[j] for j in members)
            offsets, run = [], 0.0
            for j in members:
                offsets.append(centres[j] - (run + heights[j] / 2))
                run += heights[j]
            top = _within(sum(offsets) / len(offsets), height, lowest, highest)
        blocks.append((members, top, height))
    found = [0.0] * len(centres)
    for members, top, _ in blocks:
        for j in members:
            found[j] = top + heights[j] / 2
            top += heights[j]
    return found


def _within(top: float, height: float, lowest: float, highest: float) -> float:
    return max(lowest, min(top, highest - height))
