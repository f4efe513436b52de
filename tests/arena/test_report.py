"""The report: everything on one page, escaped, self-contained, and the same for the same board."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from board_example import broken, example_board, example_cards, hostile_board, hostile_cards, matching_board

from bakeoff.arena import board_words as words
from bakeoff.arena.board import Board, Estimate, Row
from bakeoff.arena.report import board_fragment, report_html, report_page
from bakeoff.arena.report.charts import points, ranking_chart
from bakeoff.arena.report.marks import Axis, heat, histogram, interval_bar
from bakeoff.arena.report.ranking import ranking


class Page(HTMLParser):
    """A page's tags, attributes, ids and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, *names: str) -> list[str]:
        return [held or "" for _, attrs in self.tags for name, held in attrs.items() if name in names]

    def breaches(self) -> list[str]:
        """Whatever could run, or ask for something from outside."""
        found = [f"<{tag}>" for tag, _ in self.tags if tag in {"iframe", "object", "embed", "base", "form"}]
        found += [f"{tag} {name}" for tag, attrs in self.tags for name in attrs if name.startswith("on")]
        addresses = self.attributes("src", "href", "xlink:href", "action", "srcset", "poster")
        found += [held for held in addresses if not held.startswith(("#", "data:image/png;base64,", "data:,"))]
        found += ["second script"] * (sum(tag == "script" for tag, _ in self.tags) - 1)
        return found


@pytest.fixture(scope="module")
def board() -> Board:
    return example_board()


@pytest.fixture(scope="module")
def html(board) -> str:
    return report_page(board, example_cards(board))


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_the_first_screen_says_who_leads_and_what_was_compared(board, page):
    text = page.text
    order = [words.compared(board), words.headline(board).lead, words.headline(board).detail, "Mean score"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_every_entry_task_and_figure_is_on_the_page(board, page):
    for row in board.rows:
        assert row.entry in page.text
        if row.mean:
            assert words.interval(row.mean, 3) in page.text
    for column in board.columns:
        assert column.task.name in page.text
    square = board.squares["forest", "digits"]
    for estimate in (square.raw, square.figures["log_loss"], square.figures["memorisation: gap"]):
        assert words.figure(estimate.value) in page.text
        if estimate.low is not None:
            assert words.range_of(estimate) in page.text
    assert "under 1,000 training rows" in page.text
    assert "ValueError: Unknown label type: continuous; counts as the constant" in page.text
    assert "L0 prediction file" in page.text and "No algorithm can exceed 0.93" in page.text


def test_hover_text_tells_the_interval_and_lost_cells_their_reason(board, page):
    titles = page.attributes("title")
    square = board.squares["forest", "digits"]
    assert f"forest on digits: {words.score(square.score, 3)}; Accuracy {words.ranged(square.raw)}" in titles
    assert "image on wine: declined: it has no image column; counts as the constant" in titles
    assert "half-finished on wine: " + words.score(board.squares["half-finished", "wine"].score, 3) in " ".join(titles)


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = page.attributes("id")
    assert len(ids) == len(set(ids)) > 40
    assert {link[1:] for link in page.attributes("href") if link.startswith("#")} <= set(ids)


def test_the_same_board_gives_the_same_page(board, html):
    assert report_page(example_board(), example_cards(board)) == html


def test_charts_are_text_and_take_their_colours_from_the_page(board):
    svg = ranking_chart(board)
    assert ">=1  boosted</text>" in svg and "var(--lead)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg) and "font-family" not in svg and "<style" not in svg
    assert f"<title>boosted: {words.score(board.rows[0].mean, 3)}</title>" in svg


def test_the_front_holds_whom_nobody_beats_on_both(board):
    found = points(board)
    for point in found:
        beaten = any(o.cost <= point.cost and o.score >= point.score and o is not point for o in found)
        assert point.on_front is not beaten
    assert 0 < sum(point.on_front for point in found) < len(found)


def test_strangers_text_stays_text():
    board = hostile_board()
    page = Page(report_page(board, hostile_cards(board)))
    assert page.breaches() == []
    assert "<script>alert(1)</script>" in page.text and "http://evil.example/x.png" in page.text
    assert "{{ 7 * 7 }} {% raw %}" in page.text
    assert "\x1b" not in page.text and "\u202e" not in page.text
    assert not [held for held in page.attributes("src") if not held.startswith("data:image/png")]
    fragment = board_fragment(board)
    assert Page(fragment + "<script></script>").breaches() == []


@pytest.mark.parametrize(
    "planted",
    ["<script>1</script>", "<img src=http://evil.example>", "<p onclick=1>", "<iframe>", '<a href="javascript:1">'],
)
def test_the_search_for_breaches_finds_them(html, planted):
    assert Page(html).breaches() == []
    assert Page(html + planted).breaches()


def test_the_content_policy_allows_only_the_pages_own_script(html):
    import base64
    import hashlib

    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in html and "default-src 'none'" in html


def test_pictures_are_shown_only_from_inside_the_page(board):
    name = board.columns[0].task.table
    card = example_cards(board)[name]
    good = card["examples"][0]["photo"]
    for bad in (
        "http://evil.example/x.png",
        "data:text/html,hello",
        "data:image/svg+xml;base64,PHN2Zy8+",
        f'{good}" x="',
    ):
        card["examples"] = [{"photo": bad}]
        assert not [tag for tag, _ in Page(report_page(board, {name: card})).tags if tag == "img"]
    card["examples"] = [{"photo": good}]
    assert [attrs["src"] for tag, attrs in Page(report_page(board, {name: card})).tags if tag == "img"] == [good]


@pytest.mark.parametrize(
    "card",
    [{}, {"columns": None, "rows": "?", "target": 3}, {"columns": [{}], "examples": [{}], "about": {"licence": None}}],
)
def test_parts_of_a_card_may_be_missing(board, card):
    name = board.columns[0].task.table
    assert name in Page(report_page(board, {name: card})).text


def test_boards_without_rows_costs_or_ranks_are_drawn(board):
    bare = tuple(replace(row, rank=None, mean=None, cost=None) for row in board.rows)
    assert "No entry is ranked yet." in Page(report_page(replace(board, rows=bare, beyond={}, better={}), {})).text
    empty = replace(board, rows=(), columns=(), squares={}, prizes=())
    assert "No entry is ranked yet." in Page(report_page(empty, {})).text
    assert "no task has been added" in Page(report_page([], {})).text
    one = replace(board, rows=(Row("only", "", False, 1, Estimate(float("nan"), reason="one table")),), squares={})
    assert "[one table]" in Page(report_page(one, {})).text
    assert "No entry is ranked yet." in board_fragment(empty)


def test_all_tracks_fit_on_one_page(board):
    two = [replace(board, track="first"), replace(example_board(5, 3, seed=2), track="second")]
    page = Page(report_page(two, {}))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert all(words.headline(each).lead in page.text for each in two)
    assert words.compared(*two) in page.text


def test_the_file_is_written_where_asked(board, html, tmp_path):
    path = report_html(board, example_cards(board), tmp_path / "report.html")
    assert path == tmp_path / "report.html" and path.read_text(encoding="utf-8") == html


def test_a_large_board_stays_small_enough_to_send():
    board = example_board(60, 40)
    assert len(report_page(board, example_cards(board)).encode()) < 6 * 2**20


def test_a_fragment_brings_table_and_plot_and_shares_no_ids(board):
    page, other = Page(board_fragment(board)), Page(board_fragment(example_board(5, 3)))
    assert sum(tag == "table" for tag, _ in page.tags) == sum(tag == "svg" for tag, _ in page.tags) == 1
    assert not set(page.attributes("id")) & set(other.attributes("id"))
    assert words.headline(board).lead in page.text
    assert board_fragment(board) == board_fragment(example_board())


def test_importing_the_report_loads_nothing_heavy():
    code = "import sys, bakeoff.arena.report; print([m for m in {} if m in sys.modules])"
    heavy = ("jinja2", "matplotlib", "pandas", "rich", "numpy")
    out = subprocess.run([sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    code = "import sys, jinja2; print([m for m in {} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['jinja2']"


@pytest.mark.parametrize(
    ("value", "shade"),
    [(0.0, "h0"), (1.0, "h10"), (0.449, "h4"), (-0.001, "h0"), (-0.2, "c1"), (-1.0, "c3"), (None, "none")],
)
def test_heat(value, shade):
    assert heat(value) == shade


def test_bars_lie_within_their_axis():
    axis = Axis.over([Estimate(0.3, -0.13, 0.61), None])
    assert axis.low <= -0.13 and axis.high >= 0.61 and axis.share(axis.low) == 0 and axis.share(axis.high) == 100
    assert "0" in [label for _, label in axis.ticks]
    lefts = [float(left) for left in re.findall(r"left:([\d.]+)%", interval_bar(Estimate(5.0, -5.0, 9.0), axis))]
    assert all(0 <= left <= 100 for left in lefts)


def test_histogram_has_one_bar_for_each_count():
    assert histogram([1, 0, 4]).count("<rect") == 3
    assert histogram([]) == histogram([0, 0]) == ""


def test_baselines_and_tasks_not_averaged_are_dimmed_in_the_matrix(board, page):
    classes = [attrs.get("class") for tag, attrs in page.tags if tag == "tr"]
    baselines = sum(row.baseline for row in board.rows)
    assert classes.count("house") >= 2 * baselines
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "th"].count("apart") == 1


def test_links_and_pairs_have_a_block_of_their_own(page):
    board = matching_board()
    html = report_page(board, {})
    told = Page(html)
    block = html[html.index('id="matching-0"') : html.index('id="cost-0"')]
    records = block[block.index("Links between all records") : block.index(">shops<")]
    entries = [row.entry for row in board.rows]
    found = [entry for entry in re.findall(r'scope="row"><a href="#entry-0-\d" title="([^"]*)"', records)]
    assert found == entries[:3][::-1]
    figures = ("0.600", "0.710", "0.720", "0.988", "12.3", "0.830", "0.740")
    first = records[records.index("<tbody>") : records.index("</tr>", records.index("<tbody>"))]
    assert [float(value) for value in re.findall(r'<td class="num[^>]*>([\d.]+)', first)] == list(map(float, figures))
    assert "[0.580, 0.620]" in first and 'title="counted"' in first
    pairs = block[: block.index("Links between all records")]
    assert "Average precision" in pairs and "0.630" in pairs and "0.640" in pairs
    assert "#matching-0" in told.attributes("href")
    assert {link[1:] for link in told.attributes("href") if link.startswith("#")} <= set(told.attributes("id"))
    assert "matching-0" not in page.attributes("id") and "#matching-0" not in page.attributes("href")


def test_links_of_strangers_stay_text():
    board = matching_board()
    bad = "<script>alert(1)</script>"
    rows = (replace(board.rows[0], entry=bad), *board.rows[1:])
    squares = {(bad if e == board.rows[0].entry else e, t): square for (e, t), square in board.squares.items()}
    page = Page(report_page(replace(board, rows=rows, squares=squares, beyond={}, better={}), {}))
    assert page.breaches() == [] and page.text.count(bad) > 3


def test_text_that_cannot_be_encoded_is_replaced(board, tmp_path):
    strange, cards = broken(board), broken(example_cards(board))
    page = Page(report_html(strange, cards, tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "late fusion\ufffd\ufffd" in page.text and "\0" not in page.text
    assert "late fusion\ufffd\ufffd" in Page(board_fragment(strange).encode().decode()).text


def test_a_teams_row_never_borrows_the_wins_of_an_entry_of_its_name(board):
    first = board.rows[0]
    assert board.beyond.get(first.entry)
    same = replace(board, prizes=(replace(first, team=first.entry, kind="prize"),))
    (line,) = ranking(same).prizes
    assert (line.wins, line.rank) == ("", str(first.rank))
