"""Downloads from a server of our own: all or nothing, checked ever after, a sentence without a network."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from xviz.corpora.download import corpora_folder, download
from xviz.corpora.folder import choose
from xviz.corpora.reader import read_treebank
from xviz.errors import Cancelled, InputError, NotHere, XvizError
from xviz.journal import Journal

SENTENCE = b"# sent_id = 1\n1\tJa\t_\tINTJ\t_\t_\t0\troot\t_\t_\n\n"
PUD = "/files/UD_German-PUD/r2.18"


class Server:
    """What it serves (``pages``: path -> content, or a status), what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.cut: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 (self is the server)
                self.asked.append(handler.path)
                page = self.pages.get(handler.path, 404)
                content = page if isinstance(page, bytes) else b""
                handler.send_response(200 if isinstance(page, bytes) else page)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                half = handler.path in self.cut
                handler.wfile.write(content[: len(content) // 2] if half else content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def serve_pud(self) -> None:
        self.pages |= {
            f"{PUD}/de_pud-ud-test.conllu": SENTENCE,
            f"{PUD}/LICENSE.txt": b"CC BY-SA 3.0",
            f"{PUD}/README.md": b"License: CC BY-SA 3.0\n",
            "/list/UD_German-PUD/contents?ref=r2.18": b"[]",
        }


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Server()
    thread = threading.Thread(target=served.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    served.http.shutdown()
    served.http.server_close()


def fetch(server: Server, name: str = "German-PUD", **options):
    return download(name, files_url=f"{server.url}/files", listing_url=f"{server.url}/list", **options)


def test_a_treebank_arrives_with_its_licence_and_can_be_read(server) -> None:
    server.serve_pud()
    treebank = fetch(server)
    assert (treebank.name, treebank.splits, treebank.licence) == ("UD_German-PUD", ("test",), "CC BY-SA 3.0")
    folder = corpora_folder() / "ud-2.18" / "UD_German-PUD"
    assert treebank.folder == folder
    assert sorted(p.name for p in folder.iterdir()) == ["LICENSE.txt", "README.md", "de_pud-ud-test.conllu"]
    (spec,) = choose(corpora_folder(), ["German-PUD"])
    assert read_treebank(spec).words["form"].tolist() == ["Ja"]
    recorded = json.loads((corpora_folder() / "checksums.json").read_text())
    digest = hashlib.sha256(SENTENCE).hexdigest()
    assert recorded == {"ud-2.18/UD_German-PUD/de_pud-ud-test.conllu": digest}


def test_what_is_there_is_not_fetched_again(server) -> None:
    server.serve_pud()
    fetch(server)
    server.asked.clear()
    fetch(server)
    assert not any(path.endswith(("test.conllu", ".txt", ".md")) for path in server.asked)


def test_a_changed_file_is_noticed(server) -> None:
    server.serve_pud()
    file = fetch(server).files["test"][0]
    file.write_bytes(SENTENCE * 2)
    with pytest.raises(XvizError, match="not the one first downloaded") as caught:
        fetch(server)
    assert caught.value.file == str(file)
    file.unlink()
    assert fetch(server).files["test"][0].read_bytes() == SENTENCE


def test_a_server_that_gives_something_else_later_is_noticed(server) -> None:
    server.serve_pud()
    file = fetch(server).files["test"][0]
    file.unlink()
    server.pages[f"{PUD}/de_pud-ud-test.conllu"] = SENTENCE * 2
    with pytest.raises(XvizError, match="not what was first downloaded"):
        fetch(server)
    assert not file.exists()


def test_a_broken_download_leaves_nothing(server) -> None:
    server.serve_pud()
    server.pages[f"{PUD}/de_pud-ud-dev.conllu"] = SENTENCE
    server.cut.add(f"{PUD}/de_pud-ud-test.conllu")
    with pytest.raises(XvizError):
        fetch(server)
    folder = corpora_folder() / "ud-2.18" / "UD_German-PUD"
    assert list(folder.iterdir()) == []
    assert not (corpora_folder() / "checksums.json").exists()
    server.cut.clear()
    assert fetch(server).splits == ("dev", "test")


def test_a_killed_download_is_swept_away(server) -> None:
    server.serve_pud()
    abandoned = corpora_folder() / "ud-2.18" / "UD_German-PUD" / ".partial-dead"
    abandoned.mkdir(parents=True)
    (abandoned / "de_pud-ud-test.conllu").write_bytes(b"# ha")
    fetch(server)
    assert not abandoned.exists()


def test_without_a_network_the_files_and_the_folder_are_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(NotHere) as caught:
        download("German-PUD", files_url=f"http://127.0.0.1:{port}")
    folder = corpora_folder() / "ud-2.18" / "UD_German-PUD"
    assert str(folder) in caught.value.message
    for split in ("train", "dev", "test"):
        assert f"de_pud-ud-{split}.conllu" in caught.value.message
    assert list(folder.iterdir()) == []
    assert "\n" not in str(caught.value)


def test_files_put_there_by_hand_are_found_and_recorded(server) -> None:
    folder = corpora_folder() / "ud-2.18" / "UD_German-PUD"
    folder.mkdir(parents=True)
    (folder / "de_pud-ud-test.conllu").write_bytes(SENTENCE)
    server.serve_pud()
    del server.pages[f"{PUD}/de_pud-ud-test.conllu"]
    assert fetch(server).splits == ("test",)
    (folder / "de_pud-ud-test.conllu").write_bytes(SENTENCE * 2)
    with pytest.raises(XvizError, match="not the one first downloaded"):
        fetch(server)


def test_a_train_set_in_several_files(server) -> None:
    hdt = "/files/UD_German-HDT/r2.18"
    names = [f"de_hdt-ud-train-{part}.conllu" for part in ("a-1", "a-2", "b-1")]
    server.pages = {f"{hdt}/{name}": SENTENCE for name in (*names, "de_hdt-ud-dev.conllu")}
    listed = [*names, "de_hdt-ud-dev.conllu", "README.md", "stats.xml"]
    listing = json.dumps([{"name": name} for name in listed]).encode()
    server.pages["/list/UD_German-HDT/contents?ref=r2.18"] = listing
    treebank = fetch(server, "UD_German-HDT")
    assert treebank.splits == ("train", "dev")
    assert [file.name for file in treebank.files["train"]] == names


def test_a_listing_that_cannot_be_asked_is_said(server) -> None:
    class Listener(Journal):
        said: list[str] = []

        def log(self, message: str) -> None:
            self.said.append(message)

    server.serve_pud()
    server.pages["/list/UD_German-PUD/contents?ref=r2.18"] = 403
    assert fetch(server, journal=Listener()).splits == ("test",)
    assert any("could not be asked" in message for message in Listener.said)


def test_names_releases_and_splits_that_do_not_exist(server) -> None:
    server.serve_pud()
    with pytest.raises(InputError, match="German-PUD"):
        fetch(server, "German-PDU")
    with pytest.raises(InputError, match=r"not in release 2\.10"):
        fetch(server, "Galician-PUD", release="2.10")
    with pytest.raises(InputError, match=r"no file de_pud-ud-dev\.conllu"):
        fetch(server, splits=["dev"])
    with pytest.raises(InputError, match="train, dev or test"):
        fetch(server, splits=["validation"])
    with pytest.raises(InputError, match=r"no files in release 9\.9"):
        fetch(server, release="9.9")


def test_a_server_in_trouble_and_a_sign_in_page(server) -> None:
    server.serve_pud()
    server.pages[f"{PUD}/de_pud-ud-test.conllu"] = 503
    with pytest.raises(XvizError, match="answered 503"):
        fetch(server)
    server.pages[f"{PUD}/de_pud-ud-test.conllu"] = b"<html>Please sign in</html>"
    with pytest.raises(XvizError, match="sign-in page"):
        fetch(server)
    assert list((corpora_folder() / "ud-2.18" / "UD_German-PUD").iterdir()) == []


def test_stopping_keeps_nothing(server) -> None:
    class Stopper(Journal):
        def stop_requested(self) -> bool:
            return True

    server.serve_pud()
    with pytest.raises(Cancelled):
        fetch(server, journal=Stopper())
    assert not list(Path(corpora_folder()).rglob("*.conllu"))
