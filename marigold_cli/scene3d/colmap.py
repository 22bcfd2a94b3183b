"""Finding and reading COLMAP's sparse models, whatever their form."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marigold_cli.errors import NoInputError
from marigold_cli.scene3d import colmap_binary, colmap_text
from marigold_cli.scene3d.sparse import SparseModel, Survey

_READERS = {".bin": colmap_binary, ".txt": colmap_text}
_FILES = ("cameras", "images", "points3D")


def read_model(folder: Path) -> SparseModel:
    """Read the sparse model in a folder or where COLMAP puts it below: the one with most images.

    Rigs and frames of later versions need no reading: every image's own pose stands with it.

    Raises:
        NoInputError: there is none, it is empty, or it is broken.
    """
    survey = read_survey(folder)
    with _explained(survey.folder):
        cloud = _READERS[_ending(survey.folder)].read_cloud(survey.folder)
    return SparseModel(survey.folder, survey.views, cloud)


def read_survey(folder: Path) -> Survey:
    """The same without its points, which are most of it.

    Raises:
        NoInputError: as above, but for the points.
    """
    home = find_model(folder)
    with _explained(home):
        reader = _READERS[_ending(home)]
        views = {view.name: view for view in reader.read_views(home, reader.read_cameras(home))}
    if not views:
        raise NoInputError(f"{home}: this sparse model has no registered image")
    return Survey(home, dict(sorted(views.items())))


def find_model(folder: Path) -> Path:
    """The folder of the largest sparse model in a folder or below.

    Raises:
        NoInputError: there is none.
    """
    with _explained(folder):
        found = {home: _count_images(home) for home in _places(folder) if _ending(home)}
    if not found:
        raise NoInputError(
            f"{folder}: no sparse model here (cameras, images and points3D, .bin or .txt), "
            "nor in sparse/ or sparse/0/ below"
        )
    return max(found, key=lambda home: found[home])


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Say what is wrong with a model in words of ours."""
    try:
        yield
    except KeyError as error:
        raise NoInputError(
            f"{home}: an image refers to a camera that is missing: {error}"
        ) from error
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        reason = error if type(error) is ValueError else "a file ends too early"
        raise NoInputError(
            f"{home}: this sparse model is cut off or damaged ({reason}); export it again"
        ) from error
    except OSError as error:
        path = error.filename or home  # a failing disk names no file
        raise NoInputError(f"{path}: cannot be read ({error.strerror})") from error


def _places(folder: Path) -> Iterator[Path]:
    for base in (folder, folder / "sparse", folder / "colmap" / "sparse"):
        yield base
        if base.is_dir():
            yield from sorted(one for one in base.iterdir() if one.name.isdecimal())


def _ending(folder: Path) -> str:
    """Of the model's files, binary before text; empty where one of the three is missing."""
    whole = (end for end in _READERS if all((folder / (name + end)).is_file() for name in _FILES))
    return next(whole, "")


def _count_images(home: Path) -> int:
    if _ending(home) == ".bin":
        with (home / "images.bin").open("rb") as file:
            return int.from_bytes(file.read(8), "little")
    with (home / "images.txt").open("rb") as file:
        return sum(not line.startswith(b"#") for line in file) // 2
