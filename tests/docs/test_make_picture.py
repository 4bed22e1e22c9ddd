"""The picture of the report: pixels read from a browser's PNG, and written again with few colours."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest


def filtered(kind: int, pixels: np.ndarray) -> bytes:
    """The rows of an RGB picture with one of the five filters of the PNG specification, section 9."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, width * 3).astype(int)
    out = b""
    for y, row in enumerate(rows):
        above = rows[y - 1] if y else np.zeros_like(row)
        left = np.concatenate([[0, 0, 0], row[:-3]])
        corner = np.concatenate([[0, 0, 0], above[:-3]])
        base = left + above - corner
        distances = np.abs(np.stack([base - left, base - above, base - corner]))
        paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
        guess = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        out += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()
    return out


def png(raw: bytes, width: int, height: int, kind: int = 2) -> bytes:
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts
    )


@pytest.mark.parametrize("kind", range(5))
def test_each_filter_of_a_png_is_undone(kind, page_script):
    picture = page_script("make_picture")
    pixels = np.random.default_rng(kind).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    assert (picture.read_png(png(filtered(kind, pixels), 9, 7)) == pixels).all()


def test_a_picture_of_few_colours_keeps_each_of_them(page_script):
    picture = page_script("make_picture")
    colours = np.array([[255, 255, 255], [20, 20, 30], [16, 78, 139], [160, 82, 16]], np.uint8)
    pixels = colours[np.random.default_rng(1).integers(0, 4, (20, 30))]
    made = picture.write_png(pixels)
    chunks = made[8:]
    palette = np.frombuffer(chunks[chunks.index(b"PLTE") + 4 :][:12], np.uint8).reshape(4, 3)
    start = chunks.index(b"IDAT")
    (length,) = struct.unpack(">I", chunks[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(chunks[start + 4 : start + 4 + length]), np.uint8).reshape(20, 31)
    assert (rows[:, 0] == 0).all()
    assert (palette[rows[:, 1:]] == pixels).all()


def test_a_rare_colour_is_kept_when_there_are_too_many(page_script):
    picture = page_script("make_picture")
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    rare = np.array([[200, 20, 20]])
    kept = picture._palette(np.vstack([greys, rare]).astype(np.int64))
    assert [200, 20, 20] in kept.tolist()
    assert len(kept) < 60
