"""From a matplotlib figure to SVG that lives inside a page: own ids, the page's colours and font, hover titles."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

# Drawn as these stand-ins and exchanged for the page's variables, so that one drawing suits light and dark.
COLOURS: Mapping[str, str] = {
    "ink": "#000001",
    "muted": "#000002",
    "faint": "#000003",
    "accent": "#000004",
    "lead": "#000005",
    "paper": "#000006",
}
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
Figure = Any


def inline_svg(figure: Figure, name: str, label: str, titles: Mapping[str, str]) -> str:
    """The figure as an `<svg>` element for HTML; the same figure gives the same text.

    Every id begins with `name`, which must be the page's only chart of that name; `label` is read out in its place, and
    `titles` are hover texts by the gid of an artist.
    """
    root = ElementTree.fromstring(_drawn(figure))
    for tag in ("metadata", "defs/style"):
        _remove(root, tag)
    for element in root.iter():
        _own(element, name, titles)
    width, height = (root.attrib.pop(side).removesuffix("pt") for side in ("width", "height"))
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", label)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _drawn(figure: Figure) -> bytes:
    import matplotlib as mpl

    out = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bakeoff"}), warnings.catch_warnings():
        # Text stays text and the reader's browser has the letters; that matplotlib's own font lacks some is no matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _remove(root: ElementTree.Element, path: str) -> None:
    parents, _, tag = path.rpartition("/")
    for parent in [root] if not parents else root.iter(f"{{{SVG}}}{parents}"):
        for child in parent.findall(f"{{{SVG}}}{tag}"):
            parent.remove(child)


def _own(element: ElementTree.Element, name: str, titles: Mapping[str, str]) -> None:
    own_id = element.attrib.pop("id", None)
    if own_id is not None and own_id in titles:
        title = ElementTree.Element(f"{{{SVG}}}title")
        title.text = titles[own_id]
        element.insert(0, title)
    if own_id is not None:
        element.set("id", f"{name}-{own_id}")
    for key, value in element.attrib.items():
        if key == f"{{{XLINK}}}href" and value.startswith("#"):
            element.set(key, f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))
    if "style" in element.attrib:
        element.set("style", _style(element.attrib["style"]))


def _style(style: str) -> str:
    for variable, stand_in in COLOURS.items():
        style = style.replace(stand_in, f"var(--{variable})")
    # The page's font is used; only the size is the drawing's.
    style = re.sub(r"font:[^;]*?([\d.]+px)[^;]*", r"font-size: \1", style)
    return re.sub(r"font-family:[^;]*;?\s*", "", style)
