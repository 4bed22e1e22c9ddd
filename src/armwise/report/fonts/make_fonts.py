"""Makes the four font files beside it, once: subsets of Source Sans Pro and Source Serif Pro.

"Source" is a Reserved Font Name of the SIL Open Font Licence: a subset is a modified version and takes
another name, here "Armwise Sans" and "Armwise Serif". The licences stand beside the files.

Needs, in an environment of its own: font-source-sans-pro, font-source-serif-pro, fonttools, brotli.

    python make_fonts.py
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

HERE = Path(__file__).parent
#: file -> package, source file, new family, style name.
FACES = {
    "armwise-sans-400": ("font_source_sans_pro", "SourceSansPro-Regular.ttf", "Armwise Sans", "Regular"),
    "armwise-sans-400-italic": ("font_source_sans_pro", "SourceSansPro-It.ttf", "Armwise Sans", "Italic"),
    "armwise-sans-600": ("font_source_sans_pro", "SourceSansPro-Semibold.ttf", "Armwise Sans", "Semibold"),
    "armwise-serif-600": (
        "font_source_serif_pro",
        "SourceSerifPro-Semibold.ttf",
        "Armwise Serif",
        "Semibold",
    ),
}
LICENCES = {
    "font_source_sans_pro": "LICENSE-source-sans.txt",
    "font_source_serif_pro": "LICENSE-source-serif.txt",
}

LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x180)]  # names of people and places in the languages of Europe
SIGNS = [ord(c) for c in "‐‑–—‘’‚“”„†‡•…‰′″€™−×÷±≈≠≤≥√∞∑∂∆←↑→↓○●□■◇◆αβγδεθκλμπρσχω\u202f"]


def make(name: str, package: str, source: str, family: str, style: str) -> int:
    """Subsets one face, renames it, writes NAME.woff2 and returns its size in bytes."""
    from fontTools import subset  # type: ignore[import-not-found, unused-ignore]
    from fontTools.ttLib import TTFont  # type: ignore[import-not-found, unused-ignore]

    font = TTFont(
        str(resources.files(package) / "files" / source), recalcTimestamp=False
    )  # the same bytes each time
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["kern", "lnum", "tnum", "liga", "mark", "mkmk", "ccmp"]
    options.name_IDs = [0, 1, 2, 3, 4, 6, 13, 14]
    characters = [*LATIN, *SIGNS] if "Italic" not in style else list(range(0x20, 0x7F))
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    names = {
        1: family,
        2: style,
        3: f"{family} {style}",
        4: f"{family} {style}",
        6: f"{family} {style}".replace(" ", "-"),
    }
    for record in font["name"].names:
        if record.nameID in names:
            record.string = names[record.nameID]
    target = HERE / f"{name}.woff2"
    font.flavor = "woff2"
    font.save(target)
    return target.stat().st_size


if __name__ == "__main__":
    for name, face in FACES.items():
        print(name, make(name, *face), "bytes")  # noqa: T201
    for package, licence in LICENCES.items():
        text = (
            (resources.files(package) / "files" / "LICENSE.txt")
            .read_bytes()
            .decode("utf-8", errors="replace")
        )
        (HERE / licence).write_text(text.replace("\r\n", "\n"), encoding="utf-8")
