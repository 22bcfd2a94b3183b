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
    name: str | None, revision: str | None = None, fast: bool = False, half: bool = False
) -> AnyCard:
    """Find a checkpoint on this machine and say what is known of it. Never downloads.

    Args:
        name: A folder, an embedded or short name, or a hub id; None: the best at hand.
        revision: Branch, tag or commit of a hub id.
        fast: Whether one step will be asked of it; matters only where no name is given.
        half: Whether it will compute in float16, so that such files are read where there are any.

    Raises:
        ModelError: Not on this machine, incomplete, or refused as unsafe.
        UsageError: A revision of something that has none.
    """
    if name is not None:
        return card_at(locate_any(name, revision), half)
    if revision is not None:
        raise UsageError("--revision belongs to a --model on the hub; name it too")
    return _best(Modality.DEPTH, fast, half)


def resolve_vae(name: str, revision: str | None = None, half: bool = False) -> Vae:
    """Find a VAE in a folder of its own or in the hub's cache. Never downloads.

    Raises:
        ModelError: Not on this machine, incomplete, not a VAE, or refused as unsafe.
    """
    place = locate(name, revision, index="config.json")
    component = read_vae(place.snapshot)
    return Vae(place.snapshot, component, _identity(place, [component], component.files, half))


def resolve_for(
    modality: Modality | None,
    name: str | None,
    revision: str | None = None,
    fast: bool = False,
    half: bool = False,
) -> AnyCard:
    """Find a checkpoint as `resolve` does, for what is to be estimated; None: whatever it does.

    Raises:
        ModelError: As `resolve`, or a checkpoint that estimates something else.
    """
    if name is None and modality not in (None, Modality.DEPTH):
        if revision is not None:
            raise UsageError("--revision belongs to a --model on the hub; name it too")
        return _best(modality, fast, half)
    card = resolve(name, revision, fast, half)
    if modality is not None and card.kind.modality is not modality:
        raise ModelError(f"{card.name}: it estimates {card.kind.modality}, not {modality}")
    return card


def better_model_advice(card: AnyCard) -> str | None:
    """What to tell the user of an embedded model that was chosen for want of a better one."""
    if card.folder != EMBEDDED.get(card.name):
        return None
    return (
        f"using the small embedded model ({card.name}); for full Marigold quality: "
        f"marigold models pull {V1_1.name} ({FULL_SIZE})"
    )


def locate(name: str, revision: str | None = None, index: str = INDEX) -> Place:
    """Find a checkpoint's folder without reading it.

    Args:
        name: A folder, an embedded or short name, or a hub id.
        revision: Branch, tag or commit of a hub id.
        index: The file that makes a folder a checkpoint.
    """
    folder = Path(name).expanduser()
    is_short = name in EMBEDDED or name in ALIASES
    if (folder / index).is_file() or (folder.is_dir() and not is_short):
        return _folder(name, folder, revision, index)
    if name in EMBEDDED:
        return _folder(name, EMBEDDED[name], revision, index)
    return _cached(ALIASES.get(name, name), revision, index)


def locate_any(name: str, revision: str | None = None) -> Place:
    """Find a checkpoint's folder, be it a Marigold or a depth model of transformers."""
    try:
        return locate(name, revision)
    except ModelError:
        if (place := _feedforward_at(name, revision)) is None:
            raise
        return place


def place_of(name: str) -> Place:
    """Find an embedded or cached checkpoint by its full name, which no folder can shadow."""
    if name in EMBEDDED:
        return Place(Snapshot(name, EMBEDDED[name]))
    return _cached(name, None, INDEX)


def card_at(place: Place, half: bool = False) -> AnyCard:
    """Read, judge and describe the checkpoint at a place."""
    found = read_any(place.snapshot)
    identity = identity_of(place, found, half)
    if isinstance(found, FeedForward):
        return found.make_card(identity)
    return make_card(found, identity)


def read_any(snapshot: Snapshot) -> Manifest | FeedForward:
    """Read and judge a checkpoint of either format.

    Raises:
        ModelError: Not a checkpoint for this program, incomplete, damaged, or unsafe.
    """
    if snapshot.find(INDEX) is None:
        return read_feedforward(snapshot)
    return read_manifest(snapshot)


def identity_of(place: Place, found: Manifest | FeedForward, half: bool = False) -> str:
    """What a checkpoint is the same as: the hub's commit and which of its files, or its content."""
    return _identity(place, found.components.values(), found.files, half)


def _identity(
    place: Place, components: Iterable[Component], files: Sequence[str], half: bool
) -> str:
    if place.commit is None:
        return identify(place.snapshot.folder, files)
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
        return card_at(place_of(DEFAULT), half)
    first, *_ = preferred(modality, fast=False)
    raise ModelError(
        f"no model for {modality} is on this machine; get one with: "
        f"marigold models pull {first.name}"
    )


def _at_hand(name: str, half: bool) -> AnyCard | None:
    """The card of a checkpoint that is here and whole; None where a download broke off."""
    try:
        return card_at(place_of(name), half)
    except ModelError:
        return None


def _folder(name: str, folder: Path, revision: str | None, index: str) -> Place:
    if revision is not None:
        raise UsageError(f"--revision belongs to a model on the hub; {name} is a folder")
    if not (folder / index).is_file():
        raise ModelError(f"{name}: this folder has no {index}, so it is no checkpoint of diffusers")
    return Place(Snapshot(name, folder))


def _feedforward_at(name: str, revision: str | None) -> Place | None:
    """The folder or the hub's snapshot of this name, where it has the other format's file."""
    folder = Path(name).expanduser()
    if (folder / CONFIG).is_file():
        return _folder(name, folder, revision, CONFIG)
    repository = ALIASES.get(name, name)
    if not is_hub_id(repository):
        return None
    snapshot = find_snapshot(repository, revision, CONFIG)
    return None if snapshot is None else Place(Snapshot(repository, snapshot), snapshot.name)


def _cached(name: str, revision: str | None, index: str) -> Place:
    if not is_hub_id(name):
        short = ", ".join([*EMBEDDED, *ALIASES])
        raise ModelError(
            f"no model {name!r}: neither a folder, nor a short name ({short}), "
            f"nor a hub id such as {V1_1.name}"
        )
    folder = find_snapshot(name, revision, index)
    if folder is None:
        at = f" --revision {revision}" if revision else ""
        raise ModelError(
            f"{name}{at} is not on this machine; get it with: marigold models pull {name}{at}"
        )
    return Place(Snapshot(name, folder), commit=folder.name)
