"""The output folder: what it is bound to, who is using it, and where unfinished files lie.

OUT/marigold.json        the settings that the folder is bound to
OUT/journal.jsonl        and OUT/.marigold/journal-*.jsonl: see journal.py
OUT/.marigold/tmp-*      one process's unfinished files, on the same file system as the outputs
OUT/.marigold/lock       keeps others out where locks work, see lock.py; nothing rests on it
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.batch.differences import advise, tell_differences
from marigold_cli.batch.fields import Json
from marigold_cli.batch.lock import admitted
from marigold_cli.batch.settings import Settings, fingerprint
from marigold_cli.depth import near_value
from marigold_cli.errors import ForeignFileError, SettingsMismatchError
from marigold_cli.files.disk import output_errors, read_plain, sync_folder, write_new

BINDING = "marigold.json"
HIDDEN = ".marigold"
LOCK = "lock"  # in the hidden folder

_STALE_S = 86_400.0  # another machine's unfinished files are swept when so old [s]
_NO_LINK = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True)
class Workplace:
    """An output folder in use by this process."""

    root: Path
    temporary: Path  # for this process alone
    fsync: bool
    party: str | None = None  # the words that let others in beside it

    def remove_unfinished(self) -> None:
        """Leave no unfinished file of this process behind."""
        shutil.rmtree(self.temporary, ignore_errors=True)


@dataclass(frozen=True)
class Binding:
    """The settings that a folder is bound to, as they stand in its marigold.json."""

    fingerprint: str
    settings: dict[str, Json]


def check_place(out: Path) -> None:
    """Refuse a place where no folder can be made, before any work is done for it.

    Raises:
        ForeignFileError: a file or a link to nothing stands there, or on the way.
    """
    for place in (out, *out.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            what = "a link to nothing" if place.is_symlink() else "a file"
            raise ForeignFileError(
                f"{place}: {what} stands where the output folder is needed; "
                "move it away or choose another --out"
            )


def read_binding(out: Path) -> Binding | None:
    """What a folder is bound to; None: nothing yet.

    Raises:
        SettingsMismatchError: the file is there but cannot be understood.
    """
    path = out / BINDING
    try:
        fields = json.loads(read_plain(path))
        return Binding(str(fields["fp"]), dict(fields["settings"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsMismatchError(
            f"{path}: cannot be read, so the settings of this folder are unknown; "
            "choose another --out, or --overwrite to compute everything anew"
        ) from error


def check_binding(out: Path, settings: Settings) -> None:
    """Refuse a folder that is bound to other settings.

    Raises:
        SettingsMismatchError: it is.
    """
    binding = read_binding(out)
    if binding and binding.fingerprint != fingerprint(settings):
        here, there = settings.to_dict(), binding.settings
        raise SettingsMismatchError(
            f"{out}: holds results of other settings ({tell_differences(here, there)}); "
            f"{advise(here, there)}"
        )


def bind(place: Workplace, settings: Settings, overwrite: bool) -> None:
    """Write the settings into the folder; the first of two runs wins.

    Raises:
        SettingsMismatchError: another run bound it to other settings meanwhile.
    """
    facts = {
        "v": 1,
        "fp": fingerprint(settings),
        "near": near_value(settings.kind, settings.invert),  # for people and their scripts
        "settings": settings.to_dict(),
    }
    text = json.dumps(facts, indent=2)
    final, partial = place.root / BINDING, place.temporary / BINDING
    if final.exists() and not overwrite:
        return check_binding(place.root, settings)
    with output_errors(final):
        write_new(partial, text.encode() + b"\n", place.fsync)
        if overwrite or not _link(partial, final):
            partial.replace(final)
        partial.unlink(missing_ok=True)
        sync_folder(place.root, place.fsync)
    return check_binding(place.root, settings)


def has_leftovers(out: Path) -> bool:
    """Whether unfinished files of another run lie in the folder."""
    return any((out / HIDDEN).glob("tmp-*"))


@contextlib.contextmanager
def occupied(out: Path, fsync: bool, party: str | None = None) -> Iterator[Workplace]:
    """Make the folder, keep others out, and give this process a place for unfinished files.

    Args:
        out: The folder.
        fsync: Whether to wait until the disk has it.
        party: Processes that come with the same words may be at work together; None: alone.

    Raises:
        OutputInUseError: another run is at work here.
        ForeignFileError: something that is not ours stands where ours should be.
    """
    check_place(out)
    hidden = out / HIDDEN
    with output_errors(out):
        _make_folders(out, fsync)
        _make_hidden(hidden)
    with admitted(hidden / LOCK, party) as is_first:
        if is_first:
            _sweep(hidden)
        temporary = hidden / f"tmp-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        with output_errors(out):
            temporary.mkdir(mode=0o700)
        place = Workplace(out, temporary, fsync, party)
        try:
            yield place
        finally:
            place.remove_unfinished()


def _make_folders(out: Path, fsync: bool) -> None:
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent, fsync)


def _make_hidden(hidden: Path) -> None:
    with contextlib.suppress(FileExistsError):
        hidden.mkdir()  # as open to others as the umask says: they may want to know how far it is
    found = hidden.lstat()
    owners = (os.geteuid(), hidden.parent.stat().st_uid)  # a network folder may map users
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise ForeignFileError(f"{hidden}: not a folder of ours; move it away")


def _link(partial: Path, final: Path) -> bool:
    """Let the file appear unless one is there; False where links are unknown."""
    try:
        os.link(partial, final)
    except FileExistsError:
        return True
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    return True


def _sweep(hidden: Path) -> None:
    """Remove what killed runs left behind, and nothing that a living one may still need."""
    for folder in hidden.glob("tmp-*"):
        host, _, rest = folder.name.removeprefix("tmp-").rpartition("-")[0].rpartition("-")
        with contextlib.suppress(OSError):
            old = time.time() - folder.lstat().st_mtime > _STALE_S
            if old or (host == socket.gethostname() and not _is_alive(rest)):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    if not pid.isdecimal() or int(pid) == os.getpid():
        return False  # this run has no such folder yet: an earlier one had the same number
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
