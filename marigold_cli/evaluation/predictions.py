"""What a run wrote, read back as the truth's pixels; its marigold.json tells what the numbers mean.

A folder without marigold.json may hold NAME_depth.npy or NAME.npy of any program, where the user
says what they mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marigold_cli.batch.folder import Binding, read_binding
from marigold_cli.batch.journal import fold
from marigold_cli.batch.state import Entry
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.evaluation.cost import NO_COST, Cost, kept_peak
from marigold_cli.evaluation.datasets import DataSet, Truth
from marigold_cli.evaluation.depth_files import blaming, read_normals
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.files.orientation import turn_stored
from marigold_cli.files.readers import read_map
from marigold_cli.files.vectors import turn_normals_stored
from marigold_cli.inference.options import Resample
from marigold_cli.metrics import Array

_DEPTHS = ("_depth.npy", "_depth.tif", "_depth.exr", "_depth.png")
_ENDINGS = (*_DEPTHS, "_normals.npy", "_normals.tif", "_normals.exr", "_normals.png", ".npy")


# Depth, or disparity, [H, W] as the truth, or normals [H, W, 3]; NaN: unknown. Or in words why
# there is none.
Reader = Callable[[DataSet, Sample, Truth], Array | str]


@dataclass(frozen=True)
class Predictions:
    """Predictions for the pictures of one data set.

    Attributes:
        title: Their row in a table.
        kind: What their numbers mean.
        read: One of them.
        cost: What one of them took.
    """

    title: str
    kind: DepthKind
    read: Reader
    cost: Cost = NO_COST


@dataclass(frozen=True)
class _Folder:
    """The files of `marigold run`, or of another program.

    Attributes:
        root: The output folder.
        kind: What the numbers mean once turned back.
        inverted: Whether affine values were turned around.
        resample: How maps at processing size are brought to the picture's; None: they are.
        is_upright: Whether maps were turned upright, unlike the truth.
        files: By the picture's name.
        failures: Why there is none, by the picture's name.
    """

    root: Path
    kind: DepthKind
    inverted: bool
    resample: Resample | None
    is_upright: bool
    files: Mapping[str, str]
    failures: Mapping[str, str]

    def read(self, data: DataSet, sample: Sample, truth: Truth) -> Array | str:
        """Read one prediction in the truth's frame.

        Raises:
            DataSetError: a file that is broken or of another size than the truth.
        """
        if sample.image not in self.files:
            return self.failures.get(sample.image, "no prediction")
        path = self.root / self.files[sample.image]
        values = self._decode(path)
        if self.is_upright:
            turn = turn_normals_stored if self.kind is DepthKind.NORMALS else turn_stored
            values = turn(values, data.read_photo(sample, long_edge=64).orientation)
        values = self._fit(values, data, truth, path)
        return 1 - values if self.inverted else values

    def _decode(self, path: Path) -> Array:
        data, name = path.read_bytes(), str(path)
        if self.kind is DepthKind.NORMALS:  # perhaps of another program, as a picture
            return read_normals(data, name)
        with blaming(name):
            return read_map(data, self.kind)

    def _fit(self, values: Array, data: DataSet, truth: Truth, path: Path) -> Array:
        """Bring a map to the truth's size, and cut it where it shows more."""
        height, width = values.shape[:2]
        if self.resample is not None and (height, width) not in (
            truth.depth.shape,
            truth.full_size,
        ):
            sizes = (truth.depth.shape, truth.full_size)
            size = min(sizes, key=lambda size: abs(size[1] / size[0] - width / height))
            values = _restore(values, (size[0], size[1]), self.kind, self.resample)
        if values.shape[:2] == truth.depth.shape:
            return values
        if values.shape[:2] == truth.full_size:
            return values[data.protocol.frame(*truth.full_size)]
        raise DataSetError(
            f"{path}: {width} x {height} px, but the depth of this picture has "
            f"{truth.full_size[1]} x {truth.full_size[0]}; predict at the picture's own size, and "
            "see that picture and depth are of one size"
        )


def open_run(root: Path, data: DataSet, kind: DepthKind | None = None) -> Predictions:
    """Open an output folder for the pictures of a data set.

    Args:
        root: The folder.
        data: The set.
        kind: What the numbers mean where no marigold.json says it.

    Raises:
        DataSetError: nothing there fits the set.
        UsageError: there is no marigold.json and no kind.
    """
    if not root.is_dir():
        raise DataSetError(f"{root}: no such folder of predictions; check --predictions")
    binding, entries = read_binding(root), fold(root).entries
    if binding is None and kind is None:
        raise UsageError(
            f"{root}: no marigold.json says what these numbers mean; "
            f"add --kind {', '.join(DepthKind)}"
        )
    settings = binding.settings if binding else {}
    files, depth = _match(root, data.samples, entries)
    if not files and not entries:
        example = data.samples[0].stem + _ENDINGS[0]
        raise DataSetError(f"{root}: holds no prediction of {data.key}, such as {example}")
    is_small = settings.get("size") == "processing"
    folder = _Folder(
        root=root,
        kind=DepthKind(str(settings["kind"])) if binding else kind or DepthKind.AFFINE_DEPTH,
        inverted=bool(settings.get("invert")),
        resample=Resample(str(settings["resample"])) if is_small else None,
        is_upright=settings.get("grid") == "upright",
        files=files,
        failures=_failures(data.samples, entries, depth),
    )
    return Predictions(
        _title(binding, root), folder.kind, folder.read, _cost(root, binding, entries)
    )


def _match(
    root: Path, samples: Sequence[Sample], entries: Mapping[str, Entry]
) -> tuple[dict[str, str], int]:
    """Find the files of all pictures, and how many folders the run did not see of their names.

    A run over DIR/rgb knows rgb/a.jpg as a.jpg: the fewest folders count that leave a match. Where
    there is a journal, a file counts only if the journal says that it is done.
    """
    deepest = max(sample.image.count("/") for sample in samples)
    for depth in range(deepest + 1):
        found = {
            sample.image: file
            for sample in samples
            if not entries or _is_done(entries.get(_below(sample.image, depth)))
            if (stem := _below(sample.stem, depth)) and (file := _find(root, stem))
        }
        if found:
            file, uses = Counter(found.values()).most_common(1)[0]
            if uses > 1:
                raise DataSetError(
                    f"{root / file}: could be the prediction of {uses} pictures; "
                    "run on the data set's root, so that names keep their folders"
                )
            return found, depth
    return {}, 0


def _is_done(entry: Entry | None) -> bool:
    return entry is not None and entry.done is not None


def _below(name: str, depth: int) -> str:
    return "/".join(name.split("/")[depth:])


def _find(root: Path, stem: str) -> str | None:
    return next((stem + end for end in _ENDINGS if (root / (stem + end)).is_file()), None)


def _failures(
    samples: Sequence[Sample], entries: Mapping[str, Entry], depth: int
) -> dict[str, str]:
    return {
        sample.image: f"the run failed: {entry.failed.message}"
        for sample in samples
        if (entry := entries.get(_below(sample.image, depth))) and entry.failed
    }


def _title(binding: Binding | None, root: Path) -> str:
    if binding is None:
        return root.absolute().name
    settings = binding.settings
    name = Path(str(settings["model"])).name
    return f"{name}, {settings.get('steps')} x {settings.get('ensemble')}"


def _cost(root: Path, binding: Binding | None, entries: Mapping[str, Entry]) -> Cost:
    times = [entry.done.secs for entry in entries.values() if entry.done]
    passes: int | None = None
    if binding:
        steps, members = binding.settings.get("steps"), binding.settings.get("ensemble")
        passes = steps * members if isinstance(steps, int) and isinstance(members, int) else None
    return Cost(sum(times) / len(times) if times else None, kept_peak(root), passes)


def _restore(values: Array, size: tuple[int, int], kind: DepthKind, resample: Resample) -> Array:
    """What the run itself would have done to write at the picture's size."""
    from marigold_cli.inference.restoring import restore  # torch, which takes seconds to import

    if kind is DepthKind.NORMALS:
        return restore(DepthMap(values.astype(np.float32), kind), size, resample).values
    known = ~np.isnan(values)
    depth = DepthMap(np.nan_to_num(values).astype(np.float32), kind, known)
    restored = restore(depth, size, resample)
    if restored.valid is None or restored.valid.all():
        return restored.values
    return np.where(restored.valid, restored.values, np.nan)
