"""docs/report.png: the first screen of the demo's report, 1280 pixels wide, as headless Chromium shows it.

python docs/make_picture.py
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "report.png"
WIDTH, HEIGHT = 1280, 890
#: Largest size in bytes: the picture stands in the repository.
LARGEST = 200_000
#: Two colours nearer than this (of 255 a channel) are one in the picture.
NEAR = 10

Pixels = NDArray[np.uint8]


def screenshot(page: Path, picture: Path) -> None:
    """What a browser shows of a page before anybody scrolls."""
    browser = next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )
    if browser is None:
        sys.exit("no Chromium found: Debian has it as `chromium`")
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        browser,
        "--headless",
        *sandbox,
        "--disable-gpu",
        "--hide-scrollbars",
        f"--window-size={WIDTH},{HEIGHT}",
    ]
    subprocess.run(  # noqa: S603 (our own page)
        [*command, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True, timeout=120
    )


def read_png(data: bytes) -> Pixels:
    """The pixels of a PNG of 8-bit RGB or RGBA, shape (height, width, 3)."""
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8, "8 bits a channel"
    assert kind in (2, 6), "RGB or RGBA"
    channels, at, packed = {2: 3, 6: 4}[kind], 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    out = np.zeros((height, width * channels), np.uint8)
    before = np.zeros(width * channels, np.uint8)
    for y in range(height):
        out[y] = before = _unfiltered(int(rows[y, 0]), rows[y, 1:], before, channels)
    return out.reshape(height, width, channels)[:, :, :3]


def _unfiltered(kind: int, row: Pixels, above: Pixels, step: int) -> Pixels:
    """One row of a PNG without its filter (PNG specification, section 9)."""
    if kind == 0:
        return row
    if kind == 2:
        return row + above
    line, up = [int(v) for v in row], [int(v) for v in above]
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        corner = up[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up[i]) // 2
        else:
            base = left + up[i] - corner
            guess = min((left, up[i], corner), key=lambda v: abs(base - v))
        line[i] = (line[i] + guess) & 255
    return np.array(line, np.uint8)


def write_png(pixels: Pixels) -> bytes:
    """A PNG with a palette: each pixel takes the nearest of at most 256 colours."""
    height, width, _ = pixels.shape
    colours, inverse, counts = np.unique(
        pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    palette = _palette(colours[np.argsort(-counts, kind="stable")].astype(np.int64))
    distance = ((colours.astype(np.int64)[:, None, :] - palette[None]) ** 2).sum(axis=2)
    indexed = distance.argmin(axis=1).astype(np.uint8)[inverse].reshape(height, width)
    raw = np.hstack([np.zeros((height, 1), np.uint8), indexed]).tobytes()
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _palette(colours: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of colours, the most frequent first, those that are near none chosen before: a rare accent keeps its own."""
    chosen = colours[:1]
    for colour in colours[1:]:
        if ((chosen - colour) ** 2).sum(axis=1).min() > NEAR**2 and len(chosen) < 256:
            chosen = np.vstack([chosen, colour])
    return chosen


def main() -> None:
    """Runs the demo, takes the picture, and keeps it when it is small enough."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(  # noqa: S603 (armwise itself)
            [sys.executable, "-m", "armwise", "demo", "--out", str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        page = folder / "bmc-low-back-pain" / "results" / "report.html"
        screenshot(page, folder / "screen.png")
        made = write_png(read_png((folder / "screen.png").read_bytes()))
    if len(made) >= LARGEST:
        sys.exit(f"the picture has {len(made)} bytes, at most {LARGEST} may be kept: make it less high")
    PICTURE.write_bytes(made)
    print(f"wrote {PICTURE.relative_to(ROOT)}: {len(made)} bytes")


if __name__ == "__main__":
    main()
