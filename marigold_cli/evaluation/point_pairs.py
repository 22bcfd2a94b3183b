"""DA-2K: pictures with pairs of points of which people said which one is nearer."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.layouts import PointPair, Sample
from marigold_cli.files.storage import Storage, read_whole

ANNOTATIONS = "annotations.json"


def read_pairs(storage: Storage) -> tuple[Sample, ...]:
    """Read the annotation file: {picture: [{point1: [row, column], point2, closer_point}, ...]}.

    Raises:
        DataSetError: it is missing, is something else, or names what is not there.
    """
    file = storage.place(ANNOTATIONS)
    if not storage.has(ANNOTATIONS):
        raise DataSetError(f"{file}: is missing; --data is the folder that holds it")
    try:
        pictures = dict(json.loads(read_whole(storage, ANNOTATIONS)))
        return tuple(_sample(name, pairs, storage) for name, pairs in pictures.items())
    except (ValueError, TypeError, KeyError) as error:
        raise DataSetError(f"{file}: not in DA-2K's format ({error!r})") from error


def _sample(name: str, pairs: list[dict[str, object]], storage: Storage) -> Sample:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise DataSetError(f"{storage.place(ANNOTATIONS)}: {name}: must be a path below the folder")
    if not storage.has(name):
        raise DataSetError(f"{storage.place(ANNOTATIONS)}: names {name}, which is not there")
    return Sample(name, group=PurePosixPath(name).parent.name, pairs=tuple(map(_pair, pairs)))


def _pair(fields: dict[str, object]) -> PointPair:
    nearer = fields["closer_point"]
    if nearer not in ("point1", "point2"):
        raise ValueError(f"closer_point {nearer!r}")
    farther = "point2" if nearer == "point1" else "point1"
    return PointPair(_point(fields[str(nearer)]), _point(fields[farther]))


def _point(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"point {value!r}")
    row, column = value
    return int(row), int(column)
