"""Which checkpoint a folder holds, so that one that was cut off or is outdated is written again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from marigold_cli.files.disk import output_errors, write_whole
from marigold_cli.training.checkpoint import settle


@dataclass(frozen=True)
class Imprint:
    """What a checkpoint was made of, beside what a training is bound to.

    Attributes:
        update: Updates that were done.
        half: Whether it is in float16.
        blend: Share of the base's U-Net in it.
        steps: Denoising steps that were asked for; None: its family's.
    """

    update: int
    half: bool
    blend: float
    steps: int | None


def read_imprint(out: Path) -> Imprint | None:
    """What is known of a folder's checkpoint; None: it may be in pieces, or none is there."""
    try:
        return Imprint(**json.loads(_path(out).read_bytes()))
    except (OSError, ValueError, TypeError):  # as good as none: it costs one more writing
        return None


@contextmanager
def imprinting(out: Path, imprint: Imprint) -> Iterator[None]:
    """Write a checkpoint in the block; the imprint is there before and after, but not between.

    Raises:
        OutputError: The disk takes no more.
    """
    with output_errors(out):
        _path(out).unlink(missing_ok=True)
    yield
    settle(out)
    write_whole(_path(out), json.dumps(asdict(imprint)).encode())


def _path(out: Path) -> Path:
    return out / "state" / "checkpoint.json"
