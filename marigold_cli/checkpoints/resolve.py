"""A model's name -> its card. Knows the disk and the hub's cache; never the network, nor torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.checkpoints.cache import find_snapshot, is_hub_id
from marigold_cli.checkpoints.card import AnyCard
from marigold_cli.checkpoints.describe import make_card
from marigold_cli.checkpoints.feedforward import CONFIG, FeedForward, read_feedforward
from marigold_cli.checkpoints.identity import identify
from marigold_cli.checkpoints.manifest import (
    CONFIGS,
    INDEX,
    Component,
    Manifest,
    read_manifest,
    read_vae,
)
from marigold_cli.checkpoints.published import ALIASES, FULL_SIZE, V1_1, preferred
from marigold_cli.checkpoints.snapshot import Snapshot
from marigold_cli.depth import Modality
from marigold_cli.errors import ModelError, UsageError

_EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
EMBEDDED = {
    index.parent.name: index.parent for index in sorted(_EMBEDDED_FOLDER.glob(f"*/{INDEX}"))
}
MODEL_FILES = INDEX, CONFIG  # of a Marigold, and of a depth model of transformers
DEFAULT = "tiny"  # always at hand; the end-to-end fine-tuned one of its family, where there is one:
DEFAULT_E2E = "tiny-e2e"


@dataclass(frozen=True)
class Place:
    """Where a named checkpoint lies on this machine.

    Attributes:
        snapshot: Its folder.
        commit: The hub's commit; None for a folder that is not in the hub's cache.
    """

    snapshot: Snapshot
    commit: str | None = None


@dataclass(frozen=True)
class Vae:
    """A VAE that takes the place of a checkpoint's own.

    Attributes:
        snapshot: Its folder.
        component: Its class and files.
        identity: As in `Card`.
    """

    snapshot: Snapshot
    component: Component
    identity: str


def resolve(
    name: str | None,
    revision: str | None = None,
    fast: bool = False,
    half: bool = False,
    modality: Modality | None = None,
) -> AnyCard:
    """Find a checkpoint on this machine and say what is known of it. Never downloads.

    Args:
        name: A folder, an embedded or short name, or a hub id; None: the best at hand.
        revision: Branch, tag or commit of a hub id.
        fast: Whether one step will be asked of it; matters only where no name is given.
        half: Whether it will compute in float16, so that such files are read where there are any.
        modality: What it shall estimate; None: whatever it does, and depth where it has no name.

    Raises:
        ModelError: not on this machine, incomplete, refused as unsafe, or for something else.
        UsageError: a revision of something that has none.
    """
    if name is not None:
        card = card_at(locate(name, revision, MODEL_FILES), half)
    elif revision is None:
        card = _best(modality or Modality.DEPTH, fast, half)
    else:
        raise UsageError("--revision belongs to a --model on the hub; name it too")
    if modality is not None and card.kind.modality is not modality:
        raise ModelError(f"{card.name}: it estimates {card.kind.modality}, not {modality}")
    return card


def find_vae(name: str) -> tuple[Place, Component]:
    """Find a VAE in a folder of its own or in the hub's cache. Never downloads.

    Raises:
        ModelError: not on this machine, incomplete, not a VAE, or refused as unsafe.
    """
    place = locate(name, files=(CONFIGS["vae"],))
    return place, read_vae(place.snapshot)


def resolve_vae(name: str, half: bool = False) -> Vae:
    """Find a VAE and read all of it, for its identity.

    Raises:
        ModelError: as `find_vae`.
    """
    place, component = find_vae(name)
    return Vae(place.snapshot, component, _identity(place, [component], component.files, half))


def better_model_advice(card: AnyCard) -> str | None:
    """What to tell the user of an embedded model that was chosen for want of a better one."""
    if card.folder != EMBEDDED.get(card.name):
        return None
    return (
        f"using the small embedded model ({card.name}); for full Marigold quality: "
        f"marigold models pull {V1_1.name} ({FULL_SIZE})"
    )


def locate(name: str, revision: str | None = None, files: Sequence[str] = (INDEX,)) -> Place:
    """Find a checkpoint's folder without reading it.

    Args:
        name: A folder, an embedded or short name, or a hub id.
        revision: Branch, tag or commit of a hub id.
        files: Any of them makes a folder a checkpoint; the first of them to be found counts.

    Raises:
        ModelError: not on this machine, or in a folder that cannot be read.
        UsageError: a revision of something that has none.
    """
    for file in files:
        own = _own_folder(name, file)
        if own and revision is not None:
            raise UsageError(f"--revision belongs to a model on the hub; {name} is a folder")
        if own and Snapshot(name, own).find(file):
            return Place(Snapshot(name, own))
        if not own and (place := find_cached(ALIASES.get(name, name), revision, (file,))):
            return place
    raise ModelError(_absence(name, revision, files[0]))


def find_cached(
    name: str, revision: str | None = None, files: Sequence[str] = MODEL_FILES
) -> Place | None:
    """Find the snapshot of a repository in the hub's cache that has one of these files."""
    if not is_hub_id(name):
        return None
    found = (find_snapshot(name, revision, file) for file in files)
    folder = next((folder for folder in found if folder), None)
    return None if folder is None else Place(Snapshot(name, folder), commit=folder.name)


def embedded_place(name: str) -> Place:
    """The place of an embedded checkpoint, which no folder of its name can shadow."""
    return Place(Snapshot(name, EMBEDDED[name]))


def card_at(place: Place, half: bool = False) -> AnyCard:
    """Read, judge and describe the checkpoint at a place.

    Raises:
        ModelError: as `read_checkpoint`, or nothing that this program can follow.
    """
    found = read_checkpoint(place.snapshot)
    identity = _identity(place, found.components.values(), found.files, half)
    if isinstance(found, FeedForward):
        return found.make_card(identity)
    return make_card(found, identity)


def read_checkpoint(snapshot: Snapshot) -> Manifest | FeedForward:
    """Read and judge a checkpoint of either format.

    Raises:
        ModelError: not a checkpoint for this program, incomplete, damaged, or unsafe.
    """
    if snapshot.find(INDEX) is None:
        return read_feedforward(snapshot)
    return read_manifest(snapshot)


def _identity(
    place: Place, components: Iterable[Component], files: Sequence[str], half: bool
) -> str:
    if place.commit is None:
        return identify(place.snapshot, files)
    halves = sorted(one.name for one in components if one.is_read_in_half(half))
    return f"{place.commit}+fp16:{','.join(halves)}" if halves else place.commit


def _best(modality: Modality, fast: bool, half: bool) -> AnyCard:
    """The best at hand; of depth, an embedded one where there is no other."""
    names = [published.name for published in preferred(modality, fast)]
    if modality is Modality.DEPTH and fast and DEFAULT_E2E in EMBEDDED:
        names.append(DEFAULT_E2E)
    for name in names:
        card = _at_hand(name, half)
        if card:
            return card
    if modality is Modality.DEPTH:
        return card_at(embedded_place(DEFAULT), half)
    first, *_ = preferred(modality, fast=False)
    raise ModelError(
        f"no model for {modality} is on this machine; get one with: "
        f"marigold models pull {first.name}"
    )


def _at_hand(name: str, half: bool) -> AnyCard | None:
    """The card of a checkpoint that is here and sound; None where a download broke off."""
    try:
        place = embedded_place(name) if name in EMBEDDED else find_cached(name, files=(INDEX,))
        return card_at(place, half) if place else None
    except ModelError:
        return None


def _own_folder(name: str, file: str) -> Path | None:
    """The folder of this name, or the embedded one; None: it is on the hub, if anywhere."""
    folder = Path(name).expanduser()
    is_short = name in EMBEDDED or name in ALIASES
    if Snapshot(name, folder).find(file) or (folder.is_dir() and not is_short):
        return folder
    return EMBEDDED.get(name)


def _absence(name: str, revision: str | None, file: str) -> str:
    """Why nothing was found, and what to do."""
    if _own_folder(name, file):
        return f"{name}: this folder has no {file}, so it is no checkpoint of diffusers"
    repository = ALIASES.get(name, name)
    if not is_hub_id(repository):
        short = ", ".join([*EMBEDDED, *ALIASES])
        return (
            f"no model {name!r}: neither a folder, nor a short name ({short}), "
            f"nor a hub id such as {V1_1.name}"
        )
    named = f"{repository} --revision {revision}" if revision else repository
    return f"{named} is not on this machine; get it with: marigold models pull {named}"
