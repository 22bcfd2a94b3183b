"""Anybody's pictures: rgb/NAME.png with depth/NAME.npy, and maybe mask/NAME.png, normal/NAME.exr.

Colours are PNG, JPEG or linear EXR. Depth is z-depth in an array, an EXR or a 16-bit PNG, times
the scale: of scale.txt, or ?scale=0.001; infinity stands for the sky, 0 and NaN for not known.
Normals look x right, y up, z towards the viewer; integers span [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import OpenFile, Storage, examine, open_storage
from marigold_cli.training.datasets.frame import Resampling
from marigold_cli.training.datasets.layout import Entry, Layout
from marigold_cli.training.datasets.pictures import PictureSet
from marigold_cli.training.datasets.spec import Spec, Wish, positive

OPTIONS = ("scale", "far", "resample")
_COLOURS = (".png", ".jpg", ".jpeg", ".exr")
_TRUTH = (".npy", ".exr", ".png")
_SCALE = "scale.txt"


def open_folder(spec: Spec, wish: Wish) -> PictureSet:
    """Pair the files of rgb/ and depth/ by their names without suffix.

    Raises:
        DataSetError: there are none, two of the same name, or PNG depth without a scale.
    """
    storage = open_storage(spec.path)
    rgb = _stems(storage, "rgb", _COLOURS)
    depth = _stems(storage, "depth", _TRUTH)
    if not rgb or not depth:
        missing = "rgb" if not rgb else "depth"
        raise DataSetError(
            f"{storage.place(missing)}: holds no file; pictures lie in rgb/ and "
            "their depth, of the same names, in depth/"
        )
    entries = _pair(rgb, depth, _stems(storage, "mask", _TRUTH), _normals(storage, wish))
    far = spec.number("far", np.inf)
    layout = Layout(unit=_scale(storage, spec, depth), far=far)
    colours = Resampling(spec.choice("resample", tuple(Resampling)))
    return PictureSet(spec.name, storage, entries, layout, wish.size, colours)


def _normals(storage: Storage, wish: Wish) -> dict[str, str]:
    return _stems(storage, "normal", _TRUTH) if wish.with_normals else {}


def _stems(storage: Storage, folder: str, suffixes: tuple[str, ...]) -> dict[str, str]:
    """Names of files by their path in the folder without the suffix."""
    found: dict[str, str] = {}
    for name in storage.names(folder):
        stem, dot, suffix = name.removeprefix(f"{folder}/").rpartition(".")
        if dot + suffix.lower() not in suffixes:
            raise DataSetError(
                f"{storage.place(name)}: is no {', '.join(suffixes)}; convert it or move it away"
            )
        if other := found.get(stem):
            raise DataSetError(
                f"{storage.place(name)}: goes by the same name as {storage.place(other)}; "
                "keep one of them"
            )
        found[stem] = name
    return found


def _pair(
    rgb: Mapping[str, str],
    depth: Mapping[str, str],
    masks: Mapping[str, str],
    normals: Mapping[str, str],
) -> list[Entry]:
    """A picture for each name; files that should be there are named, for `check` to miss."""
    return [
        Entry(
            rgb=_partner(stem, rgb, "rgb"),
            depth=_partner(stem, depth, "depth"),
            normals=normals.get(stem),
            mask=_partner(stem, masks, "mask") if masks else None,
        )
        for stem in sorted(rgb.keys() | depth.keys())
    ]


def _partner(stem: str, names: Mapping[str, str], folder: str) -> str:
    """The file of a name, or what it would be called."""
    if stem in names:
        return names[stem]
    suffix = next(iter(names.values())).rpartition(".")[2]
    return f"{folder}/{stem}.{suffix}"


def _scale(storage: Storage, spec: Spec, depth: Mapping[str, str]) -> float:
    """What stored depth is multiplied by."""
    if "scale" in spec.options:
        return spec.number("scale", 1.0)
    if storage.has(_SCALE):
        text = examine(storage, _SCALE, _text)
        if scale := positive(text):
            return scale
        raise DataSetError(f"{storage.place(_SCALE)}: must hold a number above 0, such as 0.001")
    if any(name.lower().endswith(".png") for name in depth.values()):
        raise DataSetError(
            f"{storage.place('depth')}: holds PNG of an unknown unit; write the metres that a step "
            f"stands for into {_SCALE} beside it, such as 0.001, or add ?scale=0.001"
        )
    return 1.0


def _text(file: OpenFile) -> str:
    return file.read(0, file.length).decode("utf-8")
