"""What README.md and docs/ say is there, and nothing is said that should not be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = sorted((ROOT / "docs").glob("*.*"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Words that sell. The pages say what is so.
SELLING = (
    r"\b(powerful|seamless|blazing|cutting.edge|state.of.the.art|effortless|world.class|easy to use|simply)\b"
)
named = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@named
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{page.name}: {target}"


@named
def test_no_page_sells(page):
    assert re.findall(SELLING, prose(page.read_text(encoding="utf-8")), re.IGNORECASE) == []


@named
def test_no_line_is_longer_than_a_reader_of_the_source_can_bear(page):
    # what a program writes stands between comments: <!-- errors --> ... <!-- / -->, or ... begin --> ... end -->
    made = r"<!-- (?:(?!/ )[^>]*)-->.*?<!-- (?:/|[^>]*end) -->"
    lines = re.sub(made, "", prose(page.read_text(encoding="utf-8")), flags=re.DOTALL).splitlines()
    assert [line for line in lines if len(line) > 170 and not line.startswith(("|", "!"))] == []


def test_the_first_screen_names_the_study_the_commands_and_what_is_simulated():
    first = "\n".join(README.splitlines()[:45])
    for words in (
        "35322978",
        "make demo",
        "make test",
        "SIMULATED",
        "not public",
        "MCID",
        "10 points",
        "our assumption",
        "CDISC pilot",
        "docs/report.png",
    ):
        assert words in first, words


def test_every_instrument_has_its_heading_in_the_page_of_instruments():
    from armwise.instruments import load, names

    page = (ROOT / "docs" / "instruments.md").read_text(encoding="utf-8")
    for name in names():
        assert f"`{name}`" in page or load(name).title in page


def test_every_public_name_is_in_the_docs():
    import armwise

    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in armwise.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8"))
        waiting += [(page.parent / link).resolve() for link in links if not link.startswith("http")]
    assert [page.name for page in PAGES if page not in reached] == []


def test_the_readmes_figures_of_the_real_trial_are_those_of_the_analysis():
    import armwise

    results = armwise.analyse(armwise.load_study(ROOT / "examples" / "cdisc-pilot"))
    for arm in ("low", "high"):
        row = results.one(analysis="primary", arm=arm, statistic="mean difference")
        said = f"{row['estimate']:.3f} (SE {row['se']:.3f}), p = {row['p']:.3f}".replace("-", "−")
        assert said in README
    assert results.one(analysis="flow", category="enrolled")["estimate"] == 254


def test_the_houses_floors_are_those_of_the_page():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        p.name for p in (ROOT / "src" / "armwise").iterdir() if p.is_dir() and not p.name.startswith("_")
    }
    house = page[page.index("    8  cli") : page.index("    protocol.yaml ─┐")]
    for room in sorted(rooms - {"examples"}):
        assert re.search(rf"^ +\d? +{room} ", house, re.MULTILINE), room


def test_every_file_that_the_architecture_names_exists():
    page = prose((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    named = set(re.findall(r"`([a-z_]+/[\w/]+\.py)`", page))
    assert len(named) > 15
    assert [n for n in sorted(named) if not (ROOT / "src" / "armwise" / n).is_file()] == []


def test_the_picture_is_there_and_small():
    picture = (ROOT / "docs" / "report.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) < 200_000
    assert int.from_bytes(picture[16:20]) == 1280
