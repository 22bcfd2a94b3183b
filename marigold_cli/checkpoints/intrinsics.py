"""What a checkpoint says of its intrinsic images: how many, which, and how to read them."""

from __future__ import annotations

import re

from marigold_cli.checkpoints.snapshot import Config, Snapshot
from marigold_cli.depth import Intrinsic, Space

_KEY = "target_properties"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")  # it becomes part of file names
_MOST = 16  # the published ones have two and three
_CHANNELS = 3


def read_intrinsics(snapshot: Snapshot, index: Config) -> tuple[Intrinsic, ...]:
    """Read the properties that an index gives its intrinsic images, in the order of its latents.

    Raises:
        ModelError: it names none, or names and properties that mean nothing.
    """
    properties = index.get(_KEY)
    names = properties.get("target_names") if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(names, list) or not names:
        raise snapshot.refuse(f"its model_index.json names no intrinsic images ({_KEY})")
    if len(names) > _MOST:
        raise snapshot.refuse(f"{_KEY} has {len(names)} names; refused as damaged")
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise snapshot.refuse(f"{_KEY} has the name {name!r}; refused as unsafe")
    if len({name.casefold() for name in names}) < len(names):
        raise snapshot.refuse(f"{_KEY} names an image twice: {', '.join(names)}")
    return tuple(_read_one(snapshot, name, properties.get(name)) for name in names)


def _read_one(snapshot: Snapshot, name: str, own: object) -> Intrinsic:
    """One image's properties; without any it is a picture as seen on a screen, as in diffusers.

    Stacked maps need not say so: the names of their channels do.
    """
    own = own if isinstance(own, dict) else {}
    channels = own.get("sub_target_names") or []
    if not isinstance(channels, list) or len(channels) not in (0, _CHANNELS):
        raise snapshot.refuse(f"{_KEY} of {name}: {channels!r} are not {_CHANNELS} maps")
    said = own.get("prediction_space") or (Space.STACK if channels else Space.SRGB)
    try:
        space = Space(str(said))
    except ValueError as error:
        raise snapshot.refuse(f"{_KEY} of {name}: unknown prediction_space {said!r}") from error
    return Intrinsic(
        name=name,
        space=space,
        is_up_to_scale=own.get("up_to_scale") is True,
        channels=tuple(None if channel is None else str(channel) for channel in channels),
    )
