"""A data set's pictures as a folder that a run can work on: links, or files out of an archive."""

from __future__ import annotations

import secrets
from pathlib import Path

from PIL import Image

from marigold_cli.errors import ForeignFileError
from marigold_cli.evaluation.datasets import DataSet
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.evaluation.protocols import all_of
from marigold_cli.files.disk import output_errors
from marigold_cli.files.storage import read_whole

_MARK = ".staged"  # in a folder that is ours, and whose files may be removed


def stage(data: DataSet, folder: Path) -> None:
    """Make a folder hold exactly the set's pictures, under their names and cut to its frame.

    Raises:
        ForeignFileError: the folder holds files, and was not made by this.
        OutputError: the folder takes no more files.
        DataSetError: a picture that cannot be read.
    """
    wanted = {folder / sample.image: sample for sample in data.samples}
    with output_errors(folder):
        _claim(folder)
        for path in sorted(folder.rglob("*")):
            if path not in wanted and path.name != _MARK and not path.is_dir():
                path.unlink()
        for path, sample in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _put(data, sample, path)


def _claim(folder: Path) -> None:
    if not (folder / _MARK).exists():
        folder.mkdir(parents=True, exist_ok=True)
        if found := next(folder.iterdir(), None):
            raise ForeignFileError(
                f"{folder}: holds {found.name}, and is where this evaluation would keep the set's "
                "pictures and remove all else; choose another --out"
            )
        (folder / _MARK).touch()


def _put(data: DataSet, sample: Sample, path: Path) -> None:
    place = data.storage.path(sample.image)
    if data.protocol.frame is all_of and place is not None:
        if not path.is_symlink() or path.readlink() != place:
            path.unlink(missing_ok=True)
            path.symlink_to(place)
    elif not _is_newer(path, place or data.storage.root):
        partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
        if data.protocol.frame is all_of:
            partial.write_bytes(read_whole(data.storage, sample.image))
        else:
            pixels = data.read_photo(sample).pixels
            cut = pixels[data.protocol.frame(*pixels.shape[:2])]
            Image.fromarray(cut).save(partial, "PNG", compress_level=1)
        partial.replace(path)


def _is_newer(path: Path, source: Path) -> bool:
    return path.is_file() and path.stat().st_mtime_ns >= source.stat().st_mtime_ns
