"""The models on this machine, and getting more: a thin view over huggingface_hub's cache."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.utils import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from marigold_cli.checkpoints.cache import (
    cache_folder,
    cached_repositories,
    check_names,
)
from marigold_cli.checkpoints.card import AnyCard
from marigold_cli.checkpoints.feedforward import is_feedforward, read_feedforward
from marigold_cli.checkpoints.manifest import INDEX, read_manifest, read_vae
from marigold_cli.checkpoints.needed import needed_files
from marigold_cli.checkpoints.pipelines import PIPELINES
from marigold_cli.checkpoints.published import ALIASES, EVERY
from marigold_cli.checkpoints.resolve import (
    DEFAULT,
    DEFAULT_E2E,
    EMBEDDED,
    MODEL_FILES,
    card_at,
    embedded_place,
    find_cached,
    locate,
    read_checkpoint,
)
from marigold_cli.checkpoints.snapshot import Snapshot
from marigold_cli.errors import MarigoldError, ModelError, first_line

_ABOUT = {
    DEFAULT: "small, part of this program; to see how things work",
    DEFAULT_E2E: "likewise, made for one step; what --fast takes",
}

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class Listed:
    """One line of `marigold models list`.

    Attributes:
        name: What `--model` takes.
        alias: A shorter name for it; "" where there is none.
        about: One line about it; where it is damaged, what is wrong.
        state: "embedded", "cached", "unusable" (in the cache, but damaged or unsafe) or "absent".
        size_bytes: What the files that are used take on disk [bytes]; 0 unless usable.
    """

    name: str
    alias: str
    about: str
    state: str
    size_bytes: int


@dataclass(frozen=True)
class Shown:
    """What `marigold models show` tells.

    Attributes:
        card: How the checkpoint is used.
        files: What is read of it, relative to its folder.
        size_bytes: What these files take on disk [bytes].
        is_of_hub: Whether its identity is the hub's commit and not a hash of its bytes: no hashes
            of the published checkpoints are known to this version.
    """

    card: AnyCard
    files: tuple[str, ...]
    size_bytes: int
    is_of_hub: bool = False


@dataclass(frozen=True)
class Pulled:
    """What `marigold models pull` did.

    Attributes:
        name: The hub id.
        folder: Where it lies now.
        commit: The hub's commit.
        files: What was asked for, relative to the folder.
        size_bytes: What these files take on disk [bytes].
        endpoint: The hub's address where it is not the usual one (HF_ENDPOINT), else None.
    """

    name: str
    folder: Path
    commit: str
    files: tuple[str, ...]
    size_bytes: int
    endpoint: str | None


def list_models() -> list[Listed]:
    """Embedded and published models and whatever else of their kind is in the hub's cache."""
    published = {one.name: one for one in EVERY}
    others = [name for name in cached_repositories() if name not in published and _is_ours(name)]
    names = [*EMBEDDED, *published, *others]
    listed = []
    for name in names:
        known = published.get(name)
        alias, about = (known.alias, known.about) if known else ("", _ABOUT.get(name, ""))
        listed.append(_list(name, alias, about))
    return listed


def show(name: str, revision: str | None = None) -> Shown:
    """Say all that is known of a checkpoint on this machine.

    Raises:
        ModelError: not on this machine, incomplete, or refused as unsafe.
    """
    place = locate(name, revision, MODEL_FILES)
    found = read_checkpoint(place.snapshot)
    return Shown(card_at(place), found.files, found.size_bytes, place.commit is not None)


def pull(
    name: str, revision: str | None = None, half: bool = False, bar: type[object] | None = None
) -> Pulled:
    """Download the files that this program reads of a model or a VAE, and nothing else.

    Args:
        name: A hub id or a short name for one.
        revision: Branch, tag or commit; None: the main branch.
        half: Whether float16 files will do, where there are any.
        bar: Class of tqdm's kind that draws the progress; None: nothing is drawn.

    Raises:
        ModelError: unknown, out of reach, without safetensors, or refused as unsafe.
    """
    name = ALIASES.get(name, name)
    if name in EMBEDDED:
        raise ModelError(f"{name} is part of this program; there is nothing to pull")
    check_names(name, revision)
    with _silence(bar is None):
        folder, wanted = _download(name, revision, half, bar)
    _judge(Snapshot(name, folder))
    endpoint = str(constants.ENDPOINT)
    return Pulled(
        name=name,
        folder=folder,
        commit=folder.name,
        files=wanted,
        size_bytes=sum((folder / file).stat().st_size for file in wanted),
        endpoint=None if endpoint == DEFAULT_ENDPOINT else endpoint,
    )


def _download(
    name: str, revision: str | None, half: bool, bar: type[object] | None
) -> tuple[Path, tuple[str, ...]]:
    try:
        siblings = HfApi().model_info(name, revision=revision).siblings
        wanted = needed_files(name, [str(one.rfilename) for one in siblings], half)
        folder = snapshot_download(
            name,
            revision=revision,
            cache_dir=cache_folder(),
            allow_patterns=[glob.escape(file) for file in wanted],
            tqdm_class=bar,
        )
    except MarigoldError:
        raise
    except Exception as error:  # whatever the network, the hub or the disk has to say
        # What the disk or the hub refuses is an OSError; everything else never got there.
        elsewhere = "pull it on a machine with a network, copy the folder, use --model FOLDER"
        advice = "" if isinstance(error, OSError) else f"; {elsewhere}"
        raise ModelError(f"{name}: not pulled: {first_line(error)}{advice}") from error
    return Path(folder), wanted


def _judge(snapshot: Snapshot) -> None:
    """Refuse right after the download what would be refused when it is used."""
    if snapshot.find(INDEX):
        read_manifest(snapshot)
    elif is_feedforward(snapshot):
        read_feedforward(snapshot)
    else:
        read_vae(snapshot)


@contextmanager
def _silence(is_wanted: bool) -> Iterator[None]:
    """Keep huggingface_hub from drawing bars of its own."""
    if not is_wanted or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _list(name: str, alias: str, about: str) -> Listed:
    try:
        place = embedded_place(name) if name in EMBEDDED else find_cached(name)
        if place is None:
            return Listed(name, alias, about, "absent", 0)
        size = read_checkpoint(place.snapshot).size_bytes
    except ModelError as error:
        return Listed(name, alias, str(error), "unusable", 0)
    return Listed(name, alias, about, "embedded" if name in EMBEDDED else "cached", size)


def _is_ours(name: str) -> bool:
    """Whether a cached repository is a Marigold or another depth model, sound or not."""
    try:
        place = find_cached(name)
        if place is None:
            return False
        if place.snapshot.find(INDEX) is None:
            return is_feedforward(place.snapshot)
        pipeline = place.snapshot.read_json(INDEX).get("_class_name")
    except ModelError:
        return False
    return isinstance(pipeline, str) and pipeline in PIPELINES
