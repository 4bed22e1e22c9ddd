"""The page in a real browser: accessible, silent, never scrolled sideways, readable on a phone and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.protocol.model import Protocol
from armwise.report import report

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1280, 390)

#: The size in px of every visible piece of text, that of figures as drawn.
SIZES = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || !e.checkVisibility() || ['TITLE', 'DESC', 'STYLE'].includes(e.tagName.toUpperCase())) continue;
    const svg = e.closest('svg');
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    found.push([parseFloat(getComputedStyle(e).fontSize) * scale, words.slice(0, 40)]);
  }
  return found;
}"""


#: Opens the sections that are folded on a phone.
OPEN = "document.querySelectorAll('details.part').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: NOT tested in a browser"
    )
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["two_arms", "trial"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results: Results = request.getfixturevalue(request.param)
    return Path(report(results, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module", params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Any, page_file: Path) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": request.param, "height": 844})
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:")) else opened.said.append(r.url)
    )
    opened.goto(page_file.as_uri())
    yield opened
    opened.close()


def test_axe_finds_no_violation(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_supplement_fits_opens_on_its_sections_and_passes_axe(
    browser: Any, two_arms: Results, tmp_path: Path, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    file = Path(report(two_arms, tmp_path))
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.goto(file.as_uri())
    opened.locator("#supplement a").first.click()
    opened.wait_for_url("**/supplement.html#*")
    name = opened.url.rpartition("#")[2]
    assert opened.locator(f"section#{name} h2").first.is_visible()
    closed = axe.run(opened)
    opened.evaluate(OPEN)
    found = axe.run(opened)
    wide = opened.evaluate("document.documentElement.scrollWidth")
    opened.locator("button.n").locator("visible=true").first.click()
    assert opened.locator("[popover]").locator("visible=true").count() == 1
    opened.close()
    assert (closed.violations_count, found.violations_count) == (0, 0), found.generate_report()
    assert wide <= width


def test_the_console_is_silent_and_nothing_is_asked_of_the_network(page: Any) -> None:
    page.wait_for_timeout(100)
    assert page.said == []


def test_there_is_no_sideways_scroll(page: Any) -> None:
    inner, content = page.evaluate("[window.innerWidth, document.documentElement.scrollWidth]")
    assert content <= inner
    wider = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() && !e.closest('svg') &&"
        " e.getBoundingClientRect().right > window.innerWidth + 1).map(e => e.tagName + ' ' + e.textContent.slice(0,"
        " 40))"
    )
    assert wider == []


def test_no_text_is_smaller_than_eleven_pixels(page: Any) -> None:
    sizes = page.evaluate(SIZES)
    assert len(sizes) > 200
    assert [found for found in sizes if found[0] < 11] == []


def test_one_drawing_of_each_figure_is_seen(page: Any) -> None:
    seen = page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => [...f.querySelectorAll('svg')].filter(s =>"
        " s.checkVisibility()).length)"
    )
    assert seen
    assert set(seen) == {1}


def test_the_fonts_of_the_page_are_its_own(page: Any) -> None:
    page.evaluate("document.fonts.ready")
    loaded = page.evaluate(
        "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family + ' ' + f.weight)"
    )
    assert {'"Armwise Sans" 400', '"Armwise Serif" 600'} <= {
        n if n.startswith('"') else f'"{n.rsplit(" ", 1)[0]}" {n.rsplit(" ", 1)[1]}' for n in loaded
    }


def test_a_number_opens_the_note_on_its_row(page: Any) -> None:
    button = page.locator(".lead button.n").first
    row = button.get_attribute("data-row")
    button.click()
    note = page.locator(f"#n-{row}")
    assert note.is_visible()
    assert str(row) in note.inner_text()
    page.keyboard.press("Escape")
    assert not note.is_visible()


@pytest.mark.parametrize("width", [1280, 768, 320])
def test_five_arms_with_long_names_fit_every_screen(
    browser: Any, make: Callable[..., Results], trial: Results, tmp_path: Path, width: int
) -> None:
    text = trial.protocol.model_dump(mode="json", exclude_none=True)
    names = ("Low", "Middle", "High", "Highest")
    text["arms"] = {n.lower(): {"label": f"{n} dose with structured rehabilitation"} for n in names}
    text["arms"]["placebo"] = {"label": "Placebo with structured rehabilitation", "reference": True}
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.goto(Path(report(make(Protocol.model_validate(text)), tmp_path)).as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_the_first_screen_holds_the_answer_and_the_doubts(browser: Any, page_file: Path) -> None:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(page_file.as_uri())
    for part in ("h1", ".lead", "figure svg", ".key", ".doubts"):
        box = opened.locator(part).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 920, part
    opened.close()


def test_on_paper_nothing_is_torn_from_its_heading_and_the_page_is_a4(browser: Any, page_file: Path) -> None:
    opened = browser.new_page()
    opened.goto(page_file.as_uri())
    opened.emulate_media(media="print")
    style = "e => getComputedStyle(e)"
    for part, rule, expected in (
        ("h2", "breakAfter", "avoid"),
        ("section .head", "breakAfter", "avoid"),
        ("caption", "breakAfter", "avoid"),
        ("figcaption", "breakAfter", "avoid"),
        ("figure", "breakInside", "avoid"),
        ("tbody tr", "breakInside", "avoid"),
        ("table.keep", "breakInside", "avoid"),
        (".bar", "display", "none"),
        ("nav", "display", "none"),
        ("thead", "display", "table-header-group"),
    ):
        found = opened.evaluate(f"[...document.querySelectorAll('{part}')].map({style}).map(s => s.{rule})")
        assert found and set(found) == {expected}, (part, rule, found)
    pdf = opened.pdf(prefer_css_page_size=True)
    opened.close()
    assert re.search(rb"/MediaBox \[0 0 59[4-6]\S* 84[1-3]", pdf)


def page_of_two_models(small: Any, folder: Path) -> Path:
    from armwise.analysis.run import analyse

    other = {
        **small.model,
        "role": "sensitivity",
        "supports": "model",
        "label": "Simple",
        "covariance": "ar1",
    }
    return Path(report(analyse(small.repeated(small.drawn(), analyses={"other": other})), folder))


@pytest.mark.parametrize("medium", ["screen", "print"])
def test_what_is_folded_on_a_screen_is_open_on_paper_the_covariances_of_several_models_too(
    small: Any, browser: Any, tmp_path: Path, medium: str
) -> None:
    file = page_of_two_models(small, tmp_path)
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.emulate_media(media=medium)
    opened.goto(file.as_uri())
    if medium == "screen":
        opened.evaluate(OPEN)
    heights = opened.evaluate(
        "[...document.querySelectorAll('details:not(.part)')].map(d => d.querySelector('.row')).map(r =>"
        " r.getBoundingClientRect().height * r.checkVisibility({contentVisibilityAuto: true}))"
    )
    said = opened.evaluate("[...document.querySelectorAll('summary')].map(s => s.textContent)")
    summaries = opened.evaluate(
        "[...document.querySelectorAll('summary:not(.head)')].map(s => s.checkVisibility())"
    )
    opened.close()
    assert sum("fitted covariance" in s for s in said) == 2
    assert {h > 40 for h in heights} == {medium == "print"}
    assert set(summaries) == {medium == "screen"}


@pytest.mark.parametrize(
    ("width", "medium", "seen"),
    [(390, "screen", False), (1280, "screen", True), (390, "print", True)],
)
def test_how_it_was_done_is_folded_on_a_phone_alone_and_its_heading_is_not(
    browser: Any, two_arms: Results, tmp_path: Path, width: int, medium: str, seen: bool
) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.emulate_media(media=medium)
    opened.goto(Path(report(two_arms, tmp_path)).as_uri())
    look = "e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 20"
    heading, first = (
        opened.evaluate(f"(e => {look})(document.querySelector('#methods {s}'))") for s in ("h2", ".row")
    )
    answer = opened.evaluate(f"(e => {look})(document.querySelector('#participants .row'))")
    opened.close()
    assert (heading, first, answer) == (True, seen, True)


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_violation_in_a_page_of_several_models(
    small: Any, browser: Any, tmp_path: Path, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    file = page_of_two_models(small, tmp_path)
    opened = browser.new_page(viewport={"width": width, "height": 844})
    opened.goto(file.as_uri())
    found = axe.run(opened)
    wide = opened.evaluate("document.documentElement.scrollWidth")
    opened.close()
    assert found.violations_count == 0, found.generate_report()
    assert wide <= width
