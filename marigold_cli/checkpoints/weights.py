"""Which weight files of a component are used, and whether they are whole. Reads headers only."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.checkpoints.snapshot import Snapshot

MAX_HEADER_BYTES = 16 << 20  # Stable Diffusion's U-Net needs 0.1 MB; safetensors itself allows 100
PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")


@dataclass(frozen=True)
class Weights:
    """The weight files of one component in one precision.

    Attributes:
        files: Relative to the checkpoint's folder; several where it is sharded.
        variant: "fp16" for the half-precision twin, None for the plain files.
        index: The list of shards, relative to the checkpoint's folder; None: a single file.
    """

    files: tuple[str, ...]
    variant: str | None
    index: str | None = None


def variants(half: bool) -> tuple[str | None, ...]:
    """Which precision to look for first; the other one is better than none."""
    return ("fp16", None) if half else (None, "fp16")


def weight_name(stem: str, variant: str | None) -> str:
    """Name of an unsharded weight file: "model.safetensors" or "model.fp16.safetensors"."""
    return f"{stem}.{variant}.safetensors" if variant else f"{stem}.safetensors"


def index_name(stem: str, variant: str | None) -> str:
    """Name of the list of shards, as diffusers and transformers both spell it."""
    middle = f".{variant}" if variant else ""
    return f"{stem}.safetensors.index{middle}.json"


def find_weights(snapshot: Snapshot, component: str, stem: str) -> tuple[Weights, ...]:
    """Every precision that is there, plain files first, each checked to be whole.

    Raises:
        ModelError: none is there, only pickles are, or one is damaged or unsafe.
    """
    found = [_find(snapshot, component, stem, variant) for variant in variants(half=False)]
    weights = tuple(one for one in found if one)
    if not weights:
        raise snapshot.refuse(_absence(snapshot, component, stem))
    for file in {file for one in weights for file in one.files}:
        _check_whole(snapshot, file)
    return weights


def choose(weights: Sequence[Weights], half: bool) -> Weights:
    """The precision that suits, or the one there is."""
    order = variants(half)
    return min(weights, key=lambda one: order.index(one.variant))


def _find(snapshot: Snapshot, component: str, stem: str, variant: str | None) -> Weights | None:
    single = f"{component}/{weight_name(stem, variant)}"
    if snapshot.find(single):
        return Weights((single,), variant)
    index = f"{component}/{index_name(stem, variant)}"
    if snapshot.find(index) is None:
        return None
    shards = _shards(snapshot, index)
    for shard in shards:
        snapshot.require(f"{component}/{shard}")
    return Weights(tuple(f"{component}/{shard}" for shard in shards), variant, index)


def _shards(snapshot: Snapshot, index: str) -> list[str]:
    places = snapshot.read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise snapshot.refuse(f"{index} lists no shards; {snapshot.advice}")
    shards = {str(name) for name in places.values()}
    for shard in shards:
        if Path(shard).name != shard or "\\" in shard or not shard.endswith(".safetensors"):
            raise snapshot.refuse(f"{index} names the shard {shard!r}; refused as unsafe")
    return sorted(shards)


def _absence(snapshot: Snapshot, component: str, stem: str) -> str:
    if is_pickled(snapshot.names(component)):
        return (
            f"{component}/ holds its weights only as a pickle, which can run code when opened; "
            "get or convert them as .safetensors"
        )
    return f"{component}/{weight_name(stem, None)} is missing; {snapshot.advice}"


def is_pickled(names: Collection[str]) -> bool:
    """Whether files of these names can be opened by unpickling only."""
    return any(name.endswith(PICKLES) for name in names)


def _check_whole(snapshot: Snapshot, file: str) -> None:
    """Compare a safetensors file's length with what its header promises."""
    path = snapshot.require(file)
    with snapshot.reading(file), path.open("rb") as stream:
        size = path.stat().st_size
        length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER_BYTES:
            raise snapshot.refuse(f"{file} has a header of {length} bytes; refused as unsafe")
        header = stream.read(length)
    try:
        promised = 8 + length + _data_bytes(json.loads(header))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        message = f"{file} is damaged or truncated in its header ({size} bytes)"
        raise snapshot.refuse(f"{message}; {snapshot.advice}") from error
    if size != promised:
        state = "truncated" if size < promised else "too long"
        raise snapshot.refuse(f"{file} is {state}: {size} of {promised} bytes; {snapshot.advice}")


def _data_bytes(header: dict[str, dict[str, list[int]]]) -> int:
    """Where the last tensor ends, counted from the end of the header [bytes]."""
    ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    return max(ends, default=0)
