"""Virtual KITTI 2 as either paper lays it out, cropped as KITTI's benchmark is.

TOP/SCENE/VARIANT/frames/rgb/Camera_0/rgb_00000.jpg with TOP rgb and depth (Marigold), or
vkitti_2.0.3_rgb, vkitti_2.0.3_depth and vkitti_DAG_normals (E2E fine-tuning). Depth is in
centimetres. Without a list, the pictures are those that the layout's paper trained on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import Storage, open_storage
from marigold_cli.training.datasets.frame import Resampling
from marigold_cli.training.datasets.layout import Entry, Layout
from marigold_cli.training.datasets.listing import read_list
from marigold_cli.training.datasets.pictures import PictureSet
from marigold_cli.training.datasets.spec import Spec, Wish

OPTIONS = ("list", "split", "resample")
_NORMALS = "vkitti_DAG_normals"
_NAME = re.compile(
    r"(?P<top>[^/]+)/(?P<scene>Scene\d+)/(?P<variant>[^/]+)/frames/rgb/"
    r"(?P<camera>Camera_\d)/rgb_(?P<frame>\d+)\.jpg"
)


@dataclass(frozen=True)
class Split:
    """The part of the set that is used for something."""

    scenes: frozenset[str]
    variants: frozenset[str]


_CLEAR = frozenset({"clone", "morning", "overcast", "sunset", "15-deg-left", "15-deg-right"})
_WEATHER = frozenset({"morning", "fog", "rain", "sunset", "overcast"})
_DEPTH_TOPS = {"rgb": "depth", "vkitti_2.0.3_rgb": "vkitti_2.0.3_depth"}
_SPLITS = {
    "rgb": {
        "train": Split(frozenset({"Scene02", "Scene06", "Scene18", "Scene20"}), _CLEAR),
        "val": Split(frozenset({"Scene01"}), _CLEAR),
    },
    "vkitti_2.0.3_rgb": {
        "train": Split(
            frozenset({"Scene01", "Scene02", "Scene06", "Scene18", "Scene20"}), _WEATHER
        ),
    },
}


def mirror(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """From x left, in which these normals were written, to x right; [H, W, 3]."""
    return normals * np.array([-1, 1, 1], np.float32)


LAYOUT = Layout(
    unit=0.01,
    near=1e-5,
    far=80.0,
    crop=(352, 1216),
    turn_normals=mirror,
    advice="unpack or copy them again, or list what is good with ?list=FILE",
)


def open_vkitti(spec: Spec, wish: Wish) -> PictureSet:
    """Find the pictures of a split, by a list where there is one.

    Raises:
        DataSetError: there are none.
    """
    storage = open_storage(spec.path)
    entries = _entries(storage, spec)
    if not entries:
        raise DataSetError(
            f"{spec.path}: holds no picture named "
            "rgb/Scene02/clone/frames/rgb/Camera_0/rgb_00000.jpg; unpack Virtual KITTI 2.0.3's "
            "colours into a folder rgb and its depth into a folder depth beside it"
        )
    if wish.with_normals:
        entries = _with_normals(storage, entries)
    colours = Resampling(spec.choice("resample", tuple(Resampling)))
    return PictureSet(spec.name, storage, entries, LAYOUT, wish.size, colours)


def _entries(storage: Storage, spec: Spec) -> list[Entry]:
    split = spec.choice("split", ("train", "val"))
    pairs = read_list(storage, spec.options.get("list"), [f"vkitti_{split}.txt"])
    if pairs is not None:
        return [Entry(*pair) for pair in pairs]
    top = next((top for top in _SPLITS if storage.has(top)), "rgb")
    part = _SPLITS[top][spec.choice("split", tuple(_SPLITS[top]))]
    names = [(name, _NAME.fullmatch(name)) for name in storage.names(top)]
    return [
        Entry(name, _depth_of(parts))
        for name, parts in names
        if parts and parts["scene"] in part.scenes and parts["variant"] in part.variants
    ]


def _depth_of(rgb: re.Match[str]) -> str:
    top = _DEPTH_TOPS[rgb["top"]]
    return f"{top}/{_frame_of(rgb, 'depth')}"


def _frame_of(rgb: re.Match[str], kind: str) -> str:
    """Where the truth of a picture lies below its top folder."""
    folder = f"{rgb['scene']}/{rgb['variant']}/frames/{kind}/{rgb['camera']}"
    return f"{folder}/{kind}_{rgb['frame']}.png"


def _with_normals(storage: Storage, entries: list[Entry]) -> list[Entry]:
    there = set(storage.names(_NORMALS))
    return [_complete(entry, there) for entry in entries]


def _complete(entry: Entry, there: set[str]) -> Entry:
    parts = _NAME.fullmatch(entry.rgb)
    name = f"{_NORMALS}/{_frame_of(parts, 'normal')}" if parts else ""
    return replace(entry, normals=name) if name in there else entry
