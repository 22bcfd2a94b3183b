from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from marigold_cli.checkpoints.hub import list_models, pull, show
from marigold_cli.checkpoints.manifest import read_manifest
from marigold_cli.checkpoints.needed import needed_files
from marigold_cli.checkpoints.published import EVERY
from marigold_cli.checkpoints.resolve import EMBEDDED, resolve
from marigold_cli.checkpoints.snapshot import Snapshot
from marigold_cli.depth import DepthKind
from marigold_cli.errors import ModelError

V1_1 = "prs-eth/marigold-depth-v1-1"
COMMIT = "c" * 40
WEIGHTS = "diffusion_pytorch_model.safetensors"

PROGRAM = """
import json, sys
from marigold_cli.checkpoints.hub import pull
from marigold_cli.errors import ModelError
try:
    pulled = pull(sys.argv[1], half=sys.argv[2] == "half")
except ModelError as error:
    sys.exit(f"ModelError: {error}")
told = [str(pulled.folder), pulled.commit, pulled.files, pulled.size_bytes, pulled.endpoint]
open("told.json", "w").write(json.dumps(told))
"""


@dataclass
class Hub:
    """A hub of our own on this machine, that knows one repository."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def offer(self, folder: Path) -> None:
        paths = (path for path in folder.rglob("*") if path.is_file())
        self.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class HubHandler(BaseHTTPRequestHandler):
    """Speaks as much of the hub's protocol as a download needs."""

    hub: Hub

    def do_GET(self) -> None:
        self.reply(*self.find(), with_body=True)

    def do_HEAD(self) -> None:
        self.reply(*self.find(), with_body=False)

    def find(self) -> tuple[int, bytes, dict[str, str]]:
        path = unquote(urlsplit(self.path).path)
        name = path.removeprefix(f"/{V1_1}/resolve/{COMMIT}/")
        if path.startswith(f"/api/models/{V1_1}/tree/"):
            return 200, json.dumps(self.tree()).encode(), {}
        if path.startswith(f"/api/models/{V1_1}"):
            return 200, json.dumps(self.info()).encode(), {}
        if name not in self.hub.files:
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        if self.command == "GET":
            self.hub.sent.append(name)
        body = self.hub.files[name]
        return 200, body, {"ETag": f'"{digest(body)}"', "X-Repo-Commit": COMMIT}

    def reply(self, code: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def info(self) -> dict[str, object]:
        siblings = [{"rfilename": name} for name in self.hub.files]
        return {"id": V1_1, "modelId": V1_1, "sha": COMMIT, "siblings": siblings}

    def tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": digest(data)}
            for name, data in self.hub.files.items()
        ]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub_server() -> Iterator[Hub]:
    hub = Hub()
    handler = type("Handler", (HubHandler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def pull_from(
    hub: Hub, tmp_path: Path, name: str = V1_1, precision: str = "full"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, name, precision],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": hub.address, "no_proxy": "*"},
        check=False,
    )


@pytest.mark.program
def test_pulling_gets_what_is_read_and_nothing_else_and_draws_nothing(
    hub_server: Hub, folder: Path, tmp_path: Path
) -> None:
    for unused in (
        "README.md",
        "unet/diffusion_pytorch_model.bin",
        "pipeline.py",
        "a/b.safetensors",
    ):
        (folder / unused).parent.mkdir(exist_ok=True)
        (folder / unused).write_text("not wanted")
    hub_server.offer(folder)

    done = pull_from(hub_server, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    place, commit, files, size, endpoint = json.loads((tmp_path / "told.json").read_text())
    assert (commit, endpoint) == (COMMIT, hub_server.address)
    assert sorted(hub_server.sent) == sorted(files)
    assert not {"README.md", "pipeline.py", "a/b.safetensors"} & set(files)
    assert size == sum(len(hub_server.files[name]) for name in files)
    card = resolve(V1_1)
    assert (str(card.folder), card.identity) == (place, COMMIT)


@pytest.mark.program
def test_a_depth_model_of_transformers_is_pulled_without_its_pickle(
    hub_server: Hub, feedforward: Callable[[str], Path], tmp_path: Path
) -> None:
    source = feedforward("depth-anything")
    hub_server.offer(source)
    hub_server.files |= {"pytorch_model.bin": b"not wanted", "README.md": b"not wanted"}

    done = pull_from(hub_server, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(hub_server.sent) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert resolve(V1_1).kind is DepthKind.AFFINE_DISPARITY


@pytest.mark.program
def test_a_pulled_model_is_asked_for_again_without_being_sent_again(
    hub_server: Hub, whole: Path, tmp_path: Path
) -> None:
    hub_server.offer(whole)
    pull_from(hub_server, tmp_path)
    hub_server.sent.clear()

    done = pull_from(hub_server, tmp_path, "marigold-v1-1")

    assert (done.returncode, hub_server.sent) == (0, [])


@pytest.mark.program
def test_a_repository_with_pickles_alone_is_refused_before_anything_is_sent(
    hub_server: Hub, folder: Path, tmp_path: Path
) -> None:
    (folder / "unet" / WEIGHTS).rename(folder / "unet" / "diffusion_pytorch_model.bin")
    hub_server.offer(folder)

    done = pull_from(hub_server, tmp_path)

    assert "only as a pickle" in done.stderr
    assert hub_server.sent == []


@pytest.mark.program
def test_a_repository_that_does_not_exist_is_told_in_one_line(
    hub_server: Hub, tmp_path: Path
) -> None:
    done = pull_from(hub_server, tmp_path, "nobody/nothing")

    assert done.stderr.startswith("ModelError: nobody/nothing: not pulled: ")
    assert done.stderr.count("\n") == 1


def test_without_a_network_pulling_fails_by_name() -> None:
    with pytest.raises(ModelError, match=f"{V1_1}: not pulled: .*--model FOLDER"):
        pull(V1_1)


@pytest.mark.parametrize("name", ["../..", "not an id", "a"])
def test_only_hub_ids_are_pulled(name: str) -> None:
    with pytest.raises(ModelError, match="no hub id"):
        pull(name)


def test_what_is_pulled_is_what_the_manifest_reads(published: dict[str, Path]) -> None:
    for folder in published.values():
        there = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]

        wanted = needed_files("some/model", there, half=False)

        assert sorted(wanted) == list(read_manifest(Snapshot("x", folder)).files)


@pytest.mark.parametrize(
    ("half", "expected"), [(False, WEIGHTS), (True, "diffusion_pytorch_model.fp16.safetensors")]
)
def test_half_precision_is_pulled_where_it_is_wanted_and_there(
    whole: Path, half: bool, expected: str
) -> None:
    there = [p.relative_to(whole).as_posix() for p in whole.rglob("*") if p.is_file()]
    there.append("unet/diffusion_pytorch_model.fp16.safetensors")

    wanted = needed_files("some/model", there, half)

    assert [file for file in wanted if file.startswith("unet/d")] == [f"unet/{expected}"]
    assert f"vae/{WEIGHTS}" in wanted


def test_all_shards_of_the_wanted_precision_are_pulled(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", max_shard_size="20KB")
    write(tmp_path / "m", max_shard_size="20KB", variant="fp16")
    there = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]

    for half, mark in ((False, False), (True, True)):
        wanted = [file for file in needed_files("some/model", there, half) if "-of-" in file]

        assert len(wanted) > 3
        assert all(("fp16" in file) == mark for file in wanted)


def test_a_vae_alone_can_be_pulled_too(tiny_vae: Path) -> None:
    there = [path.name for path in tiny_vae.iterdir()]

    assert set(needed_files("madebyollin/taesd", [*there, "x.bin"], half=True)) == set(there)


def test_the_list_has_embedded_published_and_other_cached_models(
    cache: Callable[..., Path], published: dict[str, Path], tiny_vae: Path, tmp_path: Path
) -> None:
    cache(V1_1, published["v1-1"])
    cache("me/my-marigold", published["v1-0"])
    cache("madebyollin/taesd", tiny_vae)  # no checkpoint of ours

    listed = {one.name: one for one in list_models()}

    assert set(listed) - set(EMBEDDED) == {*(one.name for one in EVERY), "me/my-marigold"}
    assert len(EVERY) >= 16
    assert (listed[V1_1].state, listed[V1_1].alias) == ("cached", "marigold-v1-1")
    assert listed[V1_1].size_bytes == show(V1_1).size_bytes
    assert listed["me/my-marigold"].state == "cached"
    assert listed["prs-eth/marigold-depth-v1-0"].state == "absent"


def test_a_broken_download_is_listed_with_what_is_wrong(
    cache: Callable[..., Path], whole: Path
) -> None:
    snapshot = cache(V1_1, whole)
    (snapshot / "vae" / WEIGHTS).unlink()

    [listed] = [one for one in list_models() if one.name == V1_1]

    assert listed.state == "unusable"
    assert f"vae/{WEIGHTS} is missing" in listed.about


def test_without_a_cache_the_list_is_there_all_the_same() -> None:
    assert {one.state for one in list_models()} <= {"embedded", "absent"}


def test_a_model_is_shown_with_its_files_and_their_size(whole: Path) -> None:
    shown = show(str(whole))

    assert shown.card == resolve(str(whole))
    assert not shown.is_of_hub
    assert shown.size_bytes == sum((whole / file).stat().st_size for file in shown.files)
    assert f"unet/{WEIGHTS}" in shown.files


def test_what_is_known_by_the_hubs_word_alone_is_shown_as_such(
    cache: Callable[..., Path], whole: Path
) -> None:
    cache(V1_1, whole)

    assert show(V1_1).is_of_hub
