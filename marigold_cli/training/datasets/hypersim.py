"""Hypersim as Marigold's preprocessing leaves it, and with normals as either paper adds them.

SPLIT/SCENE/rgb_CAMERA_frNNNN.png with depth_plane_CAMERA_frNNNN.png beside it, plane depth in
millimetres; given is the folder of the splits, or that of one split, or an archive of either.
Normals are SCENE/normal_cam_CAMERA_frNNNN.npy (Marigold) or, beside the splits,
normals/SCENE/images/scene_CAMERA_geometry_preview/frame.NNNN.normal_cam.png (E2E fine-tuning).
Their frame is ours already: x right, y up, z towards the viewer.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import Storage, open_storage
from marigold_cli.training.datasets.frame import Resampling
from marigold_cli.training.datasets.layout import Entry, Layout
from marigold_cli.training.datasets.listing import Pair, read_list
from marigold_cli.training.datasets.pictures import PictureSet
from marigold_cli.training.datasets.spec import Spec, Wish

OPTIONS = ("list", "split", "resample")
_SPLITS = ("train", "val", "test")
_ABOVE = tuple(f"{split}/" for split in _SPLITS)
_FOCAL = 886.81 / 1024  # in widths of the picture
_NAME = re.compile(r"(?P<folder>.*/)?rgb_(?P<camera>[^/]+)_fr(?P<frame>\d+)\.png")


def face_viewer(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn round the normals [H, W, 3] that look away from the camera.

    Hypersim's artists did not always mind the sides of their surfaces. A normal n at a point p,
    here (x, y, -1) times its depth, looks away where n . p > 0.
    """
    height, width = normals.shape[:2]
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / (_FOCAL * width)
    y = (height / 2 - 0.5 - np.arange(height, dtype=np.float32)) / (_FOCAL * width)
    away = normals[..., 0] * x + normals[..., 1] * y[:, None] > normals[..., 2]
    return normals * np.where(away, np.float32(-1), np.float32(1))[..., None]


LAYOUT = Layout(
    unit=0.001,
    near=1e-5,
    far=65.0,
    size=(480, 640),
    turn_normals=face_viewer,
    advice="preprocess or copy them again, or list what is good with ?list=FILE",
)


def open_hypersim(spec: Spec, wish: Wish) -> PictureSet:
    """Find the pictures of a split, by a list where there is one.

    Raises:
        DataSetError: there are none.
    """
    storage = open_storage(spec.path)
    split = spec.choice("split", _SPLITS)
    folder = split if storage.has(split) else ""
    entries = _entries(storage, spec, split, folder)
    if not entries:
        raise DataSetError(
            f"{storage.place(folder)}: holds no picture named SCENE/rgb_cam_00_fr0000.png; "
            "preprocess Hypersim as Marigold does, and name the folder it wrote"
        )
    if wish.with_normals:
        entries = _with_normals(storage, entries)
    colours = Resampling(spec.choice("resample", tuple(Resampling)))
    return PictureSet(spec.name, storage, entries, LAYOUT, wish.size, colours)


def _entries(storage: Storage, spec: Spec, split: str, folder: str) -> list[Entry]:
    prefix = f"{folder}/" if folder else ""
    usual = [
        f"{prefix}filename_list_{split}_filtered.txt",
        f"{prefix}filename_list_{split}.txt",
        f"{prefix}filename_meta_{split}.csv",
    ]
    pairs = read_list(storage, spec.options.get("list"), usual)
    if pairs is None:
        names = filter(_NAME.fullmatch, storage.names(folder))
        return [Entry(name, _depth_of(name)) for name in names]
    return [_listed(pair, prefix) for pair in pairs]


def _listed(pair: Pair, prefix: str) -> Entry:
    """A line of a list: names from the split's folder or from the one above; depth or normals."""
    rgb, truth = (name if name.startswith(_ABOVE) else prefix + name for name in pair)
    return Entry(rgb, _depth_of(rgb) if truth.endswith(".npy") else truth)


def _depth_of(rgb: str) -> str:
    folder, slash, name = rgb.rpartition("/")
    return f"{folder}{slash}depth_plane_{name.removeprefix('rgb_')}"


def _with_normals(storage: Storage, entries: list[Entry]) -> list[Entry]:
    there = set(storage.names())
    found = [(entry, there & _normals_of(entry.rgb)) for entry in entries]
    return [replace(entry, normals=min(names, default=None)) for entry, names in found]


def _normals_of(rgb: str) -> set[str]:
    """Names that a picture's normals may have."""
    name = _NAME.fullmatch(rgb)
    if not name:
        return set()
    folder, camera, frame = name["folder"] or "", name["camera"], name["frame"]
    scene = folder.rstrip("/").rpartition("/")[2]
    preview = f"normals/{scene}/images/scene_{camera}_geometry_preview"
    return {
        f"{folder}normal_cam_{camera}_fr{frame}.npy",
        f"{preview}/frame.{frame}.normal_cam.png",
    }
