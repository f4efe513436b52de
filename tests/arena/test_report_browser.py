"""The report in a real browser: silent, self-contained, no sideways scrolling on a phone, readable in both themes."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from board_example import example_board, example_cards, hostile_board, hostile_cards, matching_board

from bakeoff.arena import board_words as words
from bakeoff.arena.report import report_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MAIN_TEXT = (
    ".lead, .detail, .compared, .note, .ranking th a, .ranking td, .ranking small, .chip, .heat td, .team, nav a, "
    ".facts dd, .facts dt, .words dd, .figures td, summary .title, .balance span, .remark span"
)
# WCAG 2.2 contrast of an element's text against what lies behind it, read back through a canvas.
CONTRAST = """selector => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255); };
  const light = c => { const l = c.slice(0, 3).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
    if (c[3] > 0.99) return c; } return [1, 1, 1, 1]; };
  return [...document.querySelectorAll(selector)].filter(e => e.textContent.trim()).map(e => {
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.className + ' ' + e.textContent.trim().slice(0, 30)]; });
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def board():
    return example_board()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    board, hostile = example_board(), hostile_board()
    two = [replace(board, track="first"), replace(example_board(5, 3, seed=2), track="second")]
    return {
        "plain": report_html(board, example_cards(board), folder / "plain.html"),
        "hostile": report_html(hostile, hostile_cards(hostile), folder / "hostile.html"),
        "matching": report_html(matching_board(), {}, folder / "matching.html"),
        "tracks": report_html(two, example_cards(board), folder / "tracks.html"),
    }


class Visit:
    """One page opened in a fresh context, with all that it said and asked for."""

    def __init__(self, browser, path, width=1400, scheme="light", scripts=True):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def unfold(self):
        self.page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")

    def outside(self):
        return [url for url in self.asked if url != self.address and not url.startswith("data:")]


@pytest.mark.parametrize("name", ["plain", "hostile", "tracks"])
def test_it_says_nothing_to_the_console_and_asks_nobody(browser, reports, name):
    with Visit(browser, reports[name]) as visit:
        visit.unfold()
        visit.page.wait_for_timeout(200)
        assert visit.said == [] and visit.outside() == []


def test_a_request_to_the_outside_would_be_seen_and_stopped(browser, reports, tmp_path):
    planted = tmp_path / "planted.html"
    html = reports["plain"].read_text(encoding="utf-8")
    planted.write_text(html.replace("</main>", "<img src='http://127.0.0.1:9/x.png'><script>1</script></main>"))
    with Visit(browser, planted) as visit:
        visit.page.wait_for_timeout(200)
        assert any("Content Security Policy" in text for text in visit.said)
        loaded = visit.page.evaluate(
            "[...document.images].filter(i => i.src.startsWith('http') && i.naturalWidth).length"
        )
        assert loaded == 0


@pytest.mark.parametrize(
    ("name", "width"),
    [("plain", 390), ("hostile", 390), ("tracks", 390), ("plain", 768), ("hostile", 1400), ("matching", 390)],
)
def test_nothing_overflows_sideways(browser, reports, name, width):
    with Visit(browser, reports[name], width) as visit:
        visit.unfold()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        visit.page.evaluate("document.querySelector('h1').innerHTML = '<div style=\"width:2000px\">wide</div>'")
        assert visit.page.evaluate("document.documentElement.scrollWidth") > width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("dark", 390)])
def test_main_text_is_readable(browser, reports, scheme, width):
    with Visit(browser, reports["plain"], width, scheme) as visit:
        visit.unfold()
        seen = visit.page.evaluate(CONTRAST, MAIN_TEXT)
        assert len(seen) > 200
        assert [pair for pair in seen if pair[0] < 4.5] == []
        visit.page.add_style_tag(content=".lead { color: #888 !important; background: #999 !important; }")
        assert visit.page.evaluate(CONTRAST, ".lead")[0][0] < 4.5


def test_no_figure_of_links_needs_scrolling_on_a_phone(browser, reports):
    inside = (
        "[...document.querySelectorAll('.matching td')].every(td => td.getBoundingClientRect().right <= innerWidth)"
    )
    with Visit(browser, reports["matching"], 390) as visit:
        assert visit.page.locator(".matching td").count() > 40
        assert visit.page.evaluate(inside)
        visit.page.add_style_tag(content=".matching tr { display: table-row !important; white-space: nowrap; }")
        assert not visit.page.evaluate(inside)


def test_the_theme_follows_the_reader_and_the_button(browser, reports):
    ground = "getComputedStyle(document.body).backgroundColor"
    with Visit(browser, reports["plain"]) as light, Visit(browser, reports["plain"], scheme="dark") as dark:
        before, night = light.page.evaluate(ground), dark.page.evaluate(ground)
        assert before != night
        light.page.click("#theme")
        dark.page.click("#theme")
        assert light.page.evaluate(ground) == night and dark.page.evaluate(ground) == before


def test_links_unfold_the_scorecard_they_lead_to(browser, reports):
    with Visit(browser, reports["plain"]) as visit:
        assert not visit.page.is_visible("#entry-0-2")
        visit.page.click("a[href='#entry-0-2'] >> nth=0")
        visit.page.wait_for_timeout(100)
        assert visit.page.is_visible("#entry-0-2")


FIRST_COLUMN = "table => [...table.querySelectorAll('tbody tr:not(.divider) .name a')].map(a => a.textContent)"


def test_a_click_on_a_heading_sorts_and_the_rank_brings_the_order_back(browser, reports, board):
    ranked = [row.entry for row in board.rows]
    by_cost = [row.entry for row in sorted(words.ranked(board), key=lambda row: row.cost)]
    rest = [row.entry for row in words.unranked(board)]
    with Visit(browser, reports["plain"]) as visit:
        table = visit.page.locator(".ranking >> nth=0")
        assert table.evaluate(FIRST_COLUMN) == ranked
        table.locator("thead th", has_text="Cost").click()
        assert table.evaluate(FIRST_COLUMN) == [*by_cost, *rest] != ranked
        assert table.locator("[aria-sort=ascending]").inner_text() == "Cost"
        table.locator("thead th", has_text="Cost").press("Enter")
        assert table.evaluate(FIRST_COLUMN) == [*by_cost[::-1], *rest]
        table.locator("thead th", has_text="Entry").click()
        assert table.evaluate(FIRST_COLUMN)[:2] == ["boosted", "catalogue_matcher"]
        table.locator("thead th", has_text="Rank").first.click()
        assert table.evaluate(FIRST_COLUMN) == ranked
        assert table.locator("tbody.tied").first.locator("tr").count() == len(words.tie_groups(board)[0])


def test_a_remark_stays_below_its_row_when_a_scorecard_is_sorted(browser, reports):
    rows = "table => [...table.tBodies[0].rows].map(row => [row.className === 'remark', row.textContent])"
    with Visit(browser, reports["plain"]) as visit:
        visit.unfold()
        table = visit.page.locator(".figures:has(tr.remark) >> nth=0")
        before = table.evaluate(rows)
        at = next(i for i, (remark, _) in enumerate(before) if remark)
        table.locator("thead th >> nth=0").click()
        table.locator("thead th >> nth=0").click()
        after = table.evaluate(rows)
        assert sorted(after) == sorted(before) != after != before
        assert after[after.index(before[at]) - 1] == before[at - 1]


def test_the_navigation_is_whole_on_a_phone(browser, reports):
    inside = "[...document.querySelectorAll('nav a')].every(a => a.getBoundingClientRect().right <= innerWidth)"
    for name in ("plain", "tracks"):
        with Visit(browser, reports[name], 390) as visit:
            assert visit.page.evaluate(inside)
            visit.page.add_style_tag(content="nav div { flex-wrap: nowrap !important; }")
            assert name == "tracks" or not visit.page.evaluate(inside)


def test_it_works_without_scripts(browser, reports):
    with Visit(browser, reports["plain"], scripts=False) as visit:
        assert visit.page.is_visible(".lead") and not visit.page.is_visible("#theme")
        visit.page.click("summary >> nth=1")
        assert visit.page.is_visible("#entry-0-1")
