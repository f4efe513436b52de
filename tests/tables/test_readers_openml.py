"""OpenML, as a server on this machine plays it."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from readers_made import gathered

from bakeoff.errors import NotFound, TableError, UsageError
from bakeoff.nouns import ColumnType, Role
from bakeoff.tables import read
from bakeoff.tables.readers.formats import open_table

ARFF = """@relation credit
@attribute id numeric
@attribute age numeric
@attribute status {'<0','0<=X<200'}
@attribute secret numeric
@attribute note string
@attribute class {good,bad}
@data
1,30,'<0',9,'a, b',good
2,?,'0<=X<200',9,?,bad
"""
FEATURES = [
    {"name": "id", "data_type": "numeric", "is_row_identifier": "true", "is_ignore": "false"},
    {"name": "age", "data_type": "numeric"},
    {"name": "status", "data_type": "nominal", "nominal_value": ["<0", "0<=X<200"]},
    {"name": "secret", "data_type": "numeric", "is_ignore": "true"},
    {"name": "note", "data_type": "string"},
    {"name": "class", "data_type": "nominal", "is_target": "true"},
]


class Server:
    """Answers by path; a missing one is answered as OpenML does."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, bytes] = {}

    def describe(self, number: int, **more: Any) -> None:
        about = {
            "id": str(number),
            "name": "credit-g",
            "version": "1",
            "licence": "Public",
            "citation": "Hofmann (1994)\n  Statlog",
            "url": f"{self.url}/data/{number}.arff",
            "default_target_attribute": "class",
            "ignore_attribute": ["secret"],
            **more,
        }
        self.put(f"/api/json/data/{number}", {"data_set_description": about})
        self.put(f"/api/json/data/features/{number}", {"data_features": {"feature": FEATURES}})
        self.answers[f"/data/{number}.arff"] = ARFF.encode()

    def put(self, path: str, answer: Any) -> None:
        self.answers[path] = json.dumps(answer).encode()


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    served = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = served.answers.get(self.path)
            self.send_response(200 if data is not None else 412)
            self.end_headers()
            self.wfile.write(data if data is not None else b'{"error":{"code":"111","message":"Unknown dataset"}}')

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OPENML_SERVER", f"{served.url}/api/")
        yield served
        server.shutdown()
        thread.join()


def test_a_number_gives_the_rows_and_what_openml_says_of_them(openml: Server) -> None:
    openml.describe(31)
    stream = open_table("openml:31")
    rows = gathered(stream)
    assert rows["age"].isna().tolist() == [False, True]
    assert rows["status"].tolist() == ["<0", "0<=X<200"]
    said = stream.settings
    assert said is not None
    assert (said.name, said.target, said.licence) == ("credit-g", "class", "Public")
    assert said.source == "https://www.openml.org/d/31"
    assert said.notes == "OpenML 31, version 1. Cite: Hofmann (1994) Statlog"
    assert said.roles == {"id": Role.ID}
    assert said.leave_out == ("secret",)
    assert said.types["status"] is ColumnType.CATEGORICAL
    assert "note" not in said.types
    raw = read("openml:31")
    assert raw.settings.name == "credit-g"
    assert raw.settings.target == "class"


def test_a_name_gives_its_newest_active_version(openml: Server) -> None:
    sets = [{"did": 31, "version": 1, "status": "active"}, {"did": 44, "version": 2, "status": "active"}]
    openml.put("/api/json/data/list/data_name/credit-g/status/active", {"data": {"dataset": sets}})
    openml.describe(44, version="2")
    stream = open_table("openml:credit-g")
    assert stream.settings is not None
    assert stream.settings.source == "https://www.openml.org/d/44"


def test_parquet_is_taken_where_there_is_one(openml: Server) -> None:
    held = io.BytesIO()
    pd.DataFrame({"age": [1.0, 2.0], "class": pd.Categorical(["good", "bad"])}).to_parquet(held)
    openml.describe(31, parquet_url=f"{openml.url}/data/31.pq")
    assert gathered(open_table("openml:31")).shape == (2, 6)
    openml.answers["/data/31.pq"] = held.getvalue()
    rows = gathered(open_table("openml:31"))
    assert rows["class"].tolist() == ["good", "bad"]


def test_what_openml_does_not_have_or_should_not_give_is_refused(
    openml: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="OpenML has no data set 'openml:99'"):
        open_table("openml:99")
    with pytest.raises(NotFound, match="OpenML has no data set 'openml:nothing like it'"):
        open_table("openml:nothing like it")
    openml.describe(31, url="file:///etc/passwd")
    with pytest.raises(TableError, match="OpenML gives no address for the rows of 'openml:31'"):
        open_table("openml:31")
    openml.answers["/api/json/data/31"] = b"<html>"
    with pytest.raises(UsageError, match="OpenML's answer about 'openml:31' is not JSON"):
        open_table("openml:31")
    openml.answers["/api/json/data/31"] = b'{"other": {}}'
    with pytest.raises(UsageError, match="OpenML's answer about 'openml:31' is not what was expected"):
        open_table("openml:31")
    monkeypatch.setenv("OPENML_SERVER", "file:///tmp")
    with pytest.raises(UsageError, match="OPENML_SERVER is 'file:///tmp'; it must be the URL of an OpenML API"):
        open_table("openml:31")
    monkeypatch.setenv("OPENML_SERVER", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"cannot be read: Connection refused; check the address and the network"):
        open_table("openml:31")
