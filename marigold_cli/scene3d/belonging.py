"""Whether a run's photos and a sparse model belong together, also before there is any depth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from marigold_cli.batch.settings import Settings
from marigold_cli.depth import Modality
from marigold_cli.errors import NoInputError, UsageError
from marigold_cli.files.names import UNCERTAINTY_SUFFIXES
from marigold_cli.scene3d.colmap import read_survey
from marigold_cli.scene3d.names import match_names
from marigold_cli.scene3d.sparse import Survey

_NUMBERS = tuple(UNCERTAINTY_SUFFIXES)  # formats that are more than a picture


def find_views(photos: Iterable[str], model: Survey) -> dict[str, str]:
    """Find each photo's image in a sparse model.

    Raises:
        NoInputError: not one is in it.
    """
    known = list(photos)
    found = match_names(known, model.views)
    if known and not found:
        other = next(iter(model.views))
        raise NoInputError(
            f"{model.folder}: none of its images is a photo of this run "
            f"(it has {other!r}, the run {known[0]!r}); is it of other photos?"
        )
    return found


def foresee(folder: Path, settings: Settings, photos: Iterable[str]) -> int:
    """See before a run that its depth can be aligned to a sparse model.

    Args:
        folder: Of the model.
        settings: What the run will write.
        photos: Their names.

    Returns:
        How many of the photos are in the model.

    Raises:
        UsageError: the run would write no depth in numbers, or turn it upright.
        NoInputError: no sparse model, or one of other photos.
    """
    if settings.kind.modality is not Modality.DEPTH:
        raise UsageError(f"--colmap makes depth metric, but {settings.model} has {settings.kind}")
    if not set(settings.formats) & set(_NUMBERS):
        raise UsageError(f"--colmap needs depth in numbers; add --format {', '.join(_NUMBERS)}")
    if settings.grid != "stored":
        raise UsageError("--colmap needs pixels as stored; leave --grid upright out")
    return len(find_views(photos, read_survey(folder)))
