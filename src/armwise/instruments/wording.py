"""Licensed wording: a site's own texts for an instrument's items, from its study folder; none ships."""

from __future__ import annotations

from pathlib import Path

from armwise.errors import FileError
from armwise.instruments.library import load
from armwise.instruments.reading import Reading, nearest


def load_wording(folder: Path | str, name: str, lang: str) -> dict[str, str]:
    """The texts that a site is licensed to show: `<folder>/instruments/<name>.wording.<lang>.yaml`.

    Args:
        folder: the study's folder.
        name: the instrument.
        lang: the language, as in the file's name ("en", "de-CH").

    Returns:
        Item code -> text. Items without a text keep their neutral label.

    Raises:
        FileError: there is no such file.
        InstrumentError: it names unknown items, or holds something other than texts.
    """
    instrument = load(name, Path(folder))
    file = Path(folder) / "instruments" / f"{name}.wording.{lang}.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            f"{file}: no wording of {name} in {lang}; armwise ships none, "
            "put there the texts that you are licensed to use"
        ) from error
    reading = Reading(text, str(file))
    codes = [item.code for item in instrument.items]
    for code in reading.root:
        if code not in codes:
            reading.wrong((str(code),), f'unknown item "{code}"', f"an item of {name}", nearest(code, codes))
        else:
            reading.take(reading.root, (), code, "text", "")
    reading.finish()
    return {code: str(value) for code, value in reading.root.items()}
