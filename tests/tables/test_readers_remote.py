"""Files and folders elsewhere: S3 on a local server, web addresses, and fsspec's memory."""

from __future__ import annotations

import gzip
import http.server
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest
from readers_made import ROWS, arrow, digest, gathered, opened, texts

from bakeoff.errors import MissingExtra, NotFound, TableError, UsageError
from bakeoff.tables import read
from bakeoff.tables.readers.formats import open_folder, open_table

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("s3fs") is None:
        pytest.skip("moto and s3fs are needed; install them with: pip install 'moto[server,s3]' s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    fsspec.filesystem("s3").mkdir("shop")
    yield "s3://shop"
    server.stop()
    patch.undo()
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


class _Handler(http.server.BaseHTTPRequestHandler):
    url = ""
    files: ClassVar[dict[str, bytes]]
    asked: ClassVar[list[tuple[str, str]]]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        data = self.files.get(path)
        self.send_response(200 if data is not None else 500 if path == "/broken.csv" else 404)
        self.send_header("Content-Length", str(len(data or b"") + (path == "/short.csv")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Any]:
    class Handler(_Handler):
        files: ClassVar[dict[str, bytes]] = {}
        asked: ClassVar[list[tuple[str, str]]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Handler.url = f"http://127.0.0.1:{server.server_port}"
        yield Handler
        server.shutdown()
        thread.join()


def test_s3_gives_the_digest_of_the_same_parquet(bucket: str, tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "t.parquet", row_group_size=7)
    wanted = digest(tmp_path / "t.parquet")
    with fsspec.open(f"{bucket}/one/t.parquet", "wb") as file:
        file.write((tmp_path / "t.parquet").read_bytes())
    with fsspec.open(f"{bucket}/one/t.csv.gz", "wb") as file:
        file.write(gzip.compress(texts().to_csv(index=False).encode()))
    assert digest(f"{bucket}/one/t.parquet") == wanted
    assert digest(f"{bucket}/one/t.csv.gz") == wanted
    with pytest.raises(NotFound, match=r"There is nothing at 's3://shop/one/none.parquet'"):
        open_table(f"{bucket}/one/none.parquet")


def test_s3_files_are_read_in_pieces(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a,b\n" + b"1,some words\n" * 2_000_000
    with fsspec.open(f"{bucket}/large.csv", "wb") as file:
        file.write(data)
    sizes = []
    system = fsspec.filesystem("s3")
    fetch = type(system)._cat_file

    async def counted(self: Any, path: str, start: int | None = None, end: int | None = None, **more: Any) -> bytes:
        sizes.append((end or len(data)) - (start or 0))
        return bytes(await fetch(self, path, start=start, end=end, **more))

    monkeypatch.setattr(type(system), "_cat_file", counted)
    assert sum(batch.num_rows for batch in open_table(f"{bucket}/large.csv").batches) == 2_000_000
    assert len(sizes) != 1 or sizes[0] < len(data)


def test_a_folder_at_s3_gives_its_parts(bucket: str, tmp_path: Path) -> None:
    for part, rows in {"train": slice(0, 30), "test": slice(30, 40)}.items():
        pq.write_table(arrow()[rows], tmp_path / f"{part}.parquet")
        with fsspec.open(f"{bucket}/wine/{part}.parquet", "wb") as file:
            file.write((tmp_path / f"{part}.parquet").read_bytes())
    fsspec.filesystem("s3").invalidate_cache()
    parts = open_folder(f"{bucket}/wine/")
    assert parts is not None
    assert {part: len(gathered(stream)) for part, stream in parts.items()} == {"train": 30, "test": 10}
    assert open_folder(f"{bucket}/wine/train.parquet") is None
    raw = read(f"{bucket}/wine/")
    assert raw.settings.name == "wine"
    assert raw.parts.tolist() == ["train"] * 30 + ["test"] * 10


def test_folders_in_memory(memory: Any) -> None:
    memory.pipe({"/one/t.csv": b"a\n1\n", "/one/readme.md": b"words", "/two/a.csv": b"a\n1\n", "/two/b.csv": b"a\n1\n"})
    memory.pipe({"/none/readme.md": b"words", "/file.csv": b"a\n1\n2\n"})
    (only,) = (open_folder("memory://one") or {}).values()
    assert gathered(only)["a"].tolist() == ["1"]
    with pytest.raises(TableError, match=r"The folder 'memory://two' holds several tables \('a' and 'b'\)"):
        open_folder("memory://two")
    with pytest.raises(NotFound, match=r"The folder 'memory://none' holds no \.parquet, \.csv"):
        open_folder("memory://none")
    assert opened("memory://file.csv")["a"].tolist() == ["1", "2"]
    with pytest.raises(NotFound, match=r"There is nothing at 'memory://nothing.csv'"):
        open_table("memory://nothing.csv")
    with pytest.raises(UsageError, match=r"'nowhere://x/t.csv' cannot be read: Protocol not known: nowhere; check the"):
        open_table("nowhere://x/t.csv")


def test_web_addresses_stream_and_parquet_is_copied_first(web: Any, tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "t.parquet")
    web.files |= {"/t.csv": texts().to_csv(index=False).encode(), "/t.parquet": (tmp_path / "t.parquet").read_bytes()}
    wanted = digest(tmp_path / "t.parquet")
    assert digest(f"{web.url}/t.csv") == digest(f"{web.url}/t.parquet?version=2") == wanted
    web.files["/short.csv"] = b"a\n1\n"
    for path, says in {
        "none.csv": "There is nothing at 'http://127.*none.csv' \\(the server answered 404\\)",
        "broken.csv": r"cannot be read: the server answered 500 [^;]*; try again later\.",
        "short.csv": "broke off after 4 of 5 bytes; try again",
    }.items():
        with pytest.raises(UsageError, match=says):
            opened(f"{web.url}/{path}")
    with pytest.raises(UsageError, match=r"cannot be read: Connection refused; check the address and the network"):
        open_table("http://127.0.0.1:9/t.csv")


def test_a_password_for_the_web_is_sent_and_not_shown(web: Any) -> None:
    web.files["/t.csv"] = b"a\n1\n"
    url = web.url.replace("http://", "http://me:s3cret%40@")
    assert opened(f"{url}/t.csv?token=hidden")["a"].tolist() == ["1"]
    assert web.asked[-1] == ("/t.csv?token=hidden", "Basic bWU6czNjcmV0QA==")
    with pytest.raises(NotFound) as raised:
        open_table(f"{url}/none.csv?token=hidden")
    assert "me:***@127.0.0.1" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("s3cret", "hidden"))


def test_file_urls_are_paths(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text("a\n1\n")
    url = (tmp_path / "a b.csv").as_uri()
    assert opened(url)["a"].tolist() == ["1"]
    assert open_table(url).folder == tmp_path
    assert ROWS == 40


def test_fsspec_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    for opener in (open_table, open_folder):
        with pytest.raises(MissingExtra, match=r"pip install 'bakeoff\[cloud\]'"):
            opener("memory://t.csv")
