"""From what a user names to the photos of a run: ordered, each once, none in another's way."""

from __future__ import annotations

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from marigold_cli.errors import CollisionError, NoInputError, UsageError, name_some
from marigold_cli.files.decode import SUFFIXES
from marigold_cli.files.extras import Extra
from marigold_cli.files.names import (
    DEPTH_SUFFIXES,
    NORMALS_SUFFIXES,
    UNCERTAINTY_SUFFIXES,
    collision_key,
    natural_key,
)
from marigold_cli.files.selection import EVERYTHING, Selection
from marigold_cli.files.walk import Found, Sights, Unread, Walk, is_pattern

_SUFFIXES = (DEPTH_SUFFIXES, NORMALS_SUFFIXES, UNCERTAINTY_SUFFIXES)
_ENDINGS = tuple({ending for suffixes in _SUFFIXES for ending in suffixes.values()})
_KINDS_SHOWN = 5  # suffixes in a message

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageRef:
    """One photo of a run.

    Attributes:
        path: Where it is read.
        name: POSIX, relative, unique: its key in the journal and its place in the mirrored tree,
            e.g. "day1/IMG_1.JPG"; bytes that are not UTF-8 are surrogate-escaped.
    """

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without its suffix, "day1/IMG_1"."""
        folder, slash, file = self.name.rpartition("/")
        stem, _, suffix = file.rpartition(".")
        return folder + slash + (stem if stem and suffix else file)


@dataclass(frozen=True)
class Discovery:
    """What a search for photos came to.

    Attributes:
        photos: In natural order of their names: IMG_2 before IMG_10.
        unread: Folders that cannot be read, so that their photos are missing.
        left_out: How many photos in folders need an extra that is not installed.
    """

    photos: tuple[ImageRef, ...]
    unread: tuple[Unread, ...] = ()
    left_out: Mapping[Extra, int] = field(default_factory=dict)


def discover(
    inputs: Sequence[str],
    out: Path,
    selection: Selection = EVERYTHING,
    listed: Sequence[str] = (),
) -> Discovery:
    """Find the photos of a run.

    Args:
        inputs: Files, folders, or globs with "**"; the current folder if nothing is given at all.
            A name that exists is never read as a glob.
        out: The output folder; what lies in it is no input.
        selection: What is taken of it.
        listed: Files or folders out of a list. They keep all their folders in their name, from
            the root on where they are absolute: a name must not depend on what else is listed, or
            a longer list would give the same photo another name, and another photo the same.

    What is there and yet not taken, linked folders and inputs without photos, is warned of; so is
    what is taken though it may not be meant: a named folder with results of an earlier run.

    Raises:
        NoInputError: a path that does not exist, or nothing found.
        CollisionError: two photos whose output would have the same name, on any file system.
        UsageError: an empty name, or a listed path with ".." or NUL in it.
    """
    if not inputs and not listed:
        inputs = ["."]
    walk = Walk(_real(out), selection.recurse, selection.follow_links)
    by_input = [[*_named(text, walk)] for text in inputs]
    found = [ref for refs in by_input for ref in refs]
    found += [ref for text in listed for ref in _listed(text, walk)]
    taken = [ref for ref in found if selection.takes(ref.name)]
    links = [path for name, path in walk.sights.links.items() if not selection.leaves_out(name)]
    if not taken:
        raise NoInputError(_explain_nothing([*inputs, *listed], out, len(found), walk))
    refs = sorted(_unique(taken), key=lambda ref: natural_key(ref.name))
    _refuse_collisions(refs)
    for text, own in zip(inputs, by_input, strict=True):
        if not own:
            _logger.warning("%s: no photos there", text)
    if links:
        _logger.warning("left out: %s", _name_links(links))
    _tell_results(walk.sights.results)
    unread = (one for one in walk.sights.unread.values() if not selection.leaves_out(one.name))
    left_out = Counter(extra for name, extra in walk.sights.needy.items() if selection.takes(name))
    return Discovery(tuple(refs), tuple(unread), left_out)


def _tell_results(folders: Iterable[Found]) -> None:
    for path, name in sorted(folders):
        if name:
            _logger.info("%s: left out, it holds results of an earlier run", path)
        else:
            _logger.warning("%s: holds results of an earlier run, taken for photos now", path)


def _named(text: str, walk: Walk) -> Iterator[ImageRef]:
    _refuse_nul(text)
    if not text:
        raise UsageError("an input's name is empty; is a variable of the script not set?")
    if is_pattern(text) and not os.path.lexists(text):
        found = walk.glob(text)
        yield from (ImageRef(Path(path), name) for path, name in found)
    else:
        yield from _existing(text, PurePosixPath(text).name, "", walk)


def _listed(text: str, walk: Walk) -> Iterator[ImageRef]:
    _refuse_nul(text)
    path = PurePosixPath(text)
    if ".." in path.parts:
        raise UsageError(f"{text}: a listed path must not lead upwards; write it without '..'")
    name = "/".join(path.relative_to(path.anchor).parts)  # "" for the current folder
    if not os.path.exists(text):  # noqa: PTH110 - gone since it was listed: one failed photo
        yield ImageRef(Path(text), name)
    else:
        yield from _existing(text, name, name, walk)


def _existing(text: str, name: str, folder_name: str, walk: Walk) -> Iterator[ImageRef]:
    """A file under `name`, or the photos of a folder under `folder_name`."""
    path = Path(text)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise NoInputError(f"{text}: {reason}; check the spelling") from error
    if is_folder:
        yield from (
            ImageRef(Path(found), name) for found, name in walk.photos(Found(text, folder_name))
        )
    elif not walk.is_output(text):
        yield ImageRef(path, name)


def _real(out: Path) -> str:
    """The output folder with all links resolved."""
    try:
        return os.path.realpath(out)
    except FileNotFoundError as error:
        raise NoInputError(
            "the current folder is gone; change into another one, or give all paths in full"
        ) from error


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise UsageError(f"{text!r}: holds a NUL byte; a list that NUL separates needs -0")


def _unique(refs: Iterable[ImageRef]) -> Iterator[ImageRef]:
    """Leave out what was reached twice under the same name."""
    known: dict[str, ImageRef] = {}
    for ref in refs:
        before = known.setdefault(ref.name, ref)
        if before is ref:
            yield ref
        elif os.path.realpath(before.path) != os.path.realpath(ref.path):
            raise _collision(before, ref)


def _refuse_collisions(refs: Sequence[ImageRef]) -> None:
    """Refuse photos whose files would overwrite each other, on whatever file system."""
    known: dict[str, ImageRef] = {}
    pairs = [(known.setdefault(collision_key(ref.stem), ref), ref) for ref in refs]
    if twins := [(before, ref) for before, ref in pairs if before is not ref]:
        raise _collision(*twins[0], [ref for _, ref in twins[1:]])
    folders = {ref.name.rpartition("/")[0]: ref for ref in refs}
    for folder, ref in folders.items():
        for above in (folder, *map(str, PurePosixPath(folder).parents)):
            for ending in filter(collision_key(above).endswith, _ENDINGS):
                if other := known.get(collision_key(above).removesuffix(ending)):
                    raise _collision(other, ref)


def _collision(
    first: ImageRef, second: ImageRef, others: Sequence[ImageRef] = ()
) -> CollisionError:
    so = f"; so would {name_some([str(ref.path) for ref in others])}" if others else ""
    return CollisionError(
        f"{first.path} and {second.path} would share an output name ({first.stem}...){so}; "
        "rename one, leave it out with --exclude, or run them into different folders"
    )


def _explain_nothing(looked_at: Sequence[str], out: Path, found: int, walk: Walk) -> str:
    """Say where there is nothing, what was there instead, and what would have been taken."""
    places = name_some(looked_at)
    if found:
        return f"{places}: --include and --exclude leave none of {found} photos"
    if results := [text for text in looked_at if walk.is_output(text)]:
        return (
            f"{name_some(results)}: lies in the output folder {out}, where no photos are looked "
            "for; choose another --out"
        )
    instead = ", ".join(_name_sights(walk.sights))
    endings = " ".join(sorted(SUFFIXES))
    return (
        f"{places}: no photos found{', only ' if instead else ''}{instead}; photos end in "
        f"{endings}; hidden names are never searched, nor is the output folder {out}"
    )


def _name_sights(sights: Sights) -> Iterator[str]:
    for extra, number in Counter(sights.needy.values()).items():
        yield f"{extra.count(number)} (to read them: {extra.command})"
    if number := sights.others.total():
        kinds = [suffix for suffix, _ in sights.others.most_common(_KINDS_SHOWN) if suffix]
        yield f"{number} other files" + (f" ({' '.join(kinds)})" if kinds else "")
    if sights.links:
        yield _name_links([*sights.links.values()])
    if results := [path for path, name in sorted(sights.results) if name]:
        yield f"results of an earlier run ({name_some(results)})"
    for one in [*sights.unread.values()][:1]:
        yield one.message


def _name_links(paths: Sequence[str]) -> str:
    word = "a linked folder" if len(paths) == 1 else f"{len(paths)} linked folders"
    return f"{word} ({name_some(paths)}), which --follow-links goes into"
