"""The code of the README and of the documentation runs."""

from __future__ import annotations

import pytest
from pages import DOCS, README, REPOSITORY, Block, blocks, play

TUTORIAL = DOCS / "tutorial.md"
OTHERS = sorted(page for page in DOCS.rglob("*.md") if page != TUTORIAL)


@pytest.mark.timeout(900)
def test_the_tutorial_runs(tmp_path):
    said = {block.line: play(block, tmp_path, TUTORIAL) for block in blocks(TUTORIAL)}
    words = " ".join(said.values())
    assert "wrapped by skrub" in words
    assert "0 cells run" in words
    assert "'no', 'yes'" in words
    for name in ("orders.html", "board.html", "board.csv"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.timeout(900)
def test_the_readme_runs(tmp_path):
    shown = blocks(README)
    setups = [block for block in shown if block.language == "sh"][:2]
    play(blocks(TUTORIAL)[0], tmp_path, TUTORIAL)  # makes the orders.csv of the README's challenge
    for block in shown:
        if block not in setups:
            play(block, tmp_path, README)
    assert (tmp_path / "wine.html").stat().st_size > 10_000
    assert (tmp_path / "board.html").stat().st_size > 10_000


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", OTHERS, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_python_of_other_pages_runs(page, tmp_path, require):
    if page.name in ("train-a-network.md", "private-training.md", "private-text.md", "audit-privacy.md", "fairness.md"):
        require("torch")
    if page.name in ("private-training.md", "private-text.md"):
        require("dp-accounting")
    for block in blocks(page):
        if block.language == "python":
            play(block, tmp_path, page)


def test_a_block_that_fails_is_caught(tmp_path):
    with pytest.raises(AssertionError, match=r"tutorial\.md, the block on line 7 left with 3"):
        play(Block("sh", "exit 3\n", 7), tmp_path, TUTORIAL)
    with pytest.raises(AssertionError, match="left with 1"):
        play(Block("python", "raise ValueError\n", 1), tmp_path, TUTORIAL)
