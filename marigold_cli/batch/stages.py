"""What happens to one photo before and after its prediction. Knows nothing of threads or queues."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import Workplace
from marigold_cli.batch.plan import Job, Plan
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.depth import DepthMap, Floats
from marigold_cli.errors import ImageError, Kind, MarigoldError
from marigold_cli.files.atomic import Measured, write_durably
from marigold_cli.files.decode import Photo, decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import read_source, trusted_time
from marigold_cli.files.strips import Strips
from marigold_cli.files.writers import Tags, choose_writer

_PIXEL_BYTES = 4  # a writer's share of memory for each pixel of a file, at most


@dataclass(frozen=True)
class Origin:
    """What must be known of a photo after its pixels are dropped.

    Attributes:
        job: What is to be done.
        photo_size: Upright (height, width) of the stored file [px].
        orientation: EXIF 1..8 that was undone.
        digest: sha256 of the bytes that were decoded.
        size: Of the file [bytes].
        mtime_ns: Its time of change, 0 if that is too young to be trusted.
    """

    job: Job
    photo_size: tuple[int, int]
    orientation: int
    digest: str
    size: int
    mtime_ns: int


@dataclass
class Loaded:
    """A decoded photo and where it comes from."""

    origin: Origin
    photo: Photo

    def drop_pixels(self) -> None:
        """Give their memory back, whoever still knows of this photo."""
        self.photo = replace(self.photo, pixels=self.photo.pixels[:0].copy())


@dataclass(frozen=True)
class Predicted:
    """A depth map at processing size, upright, and what it took."""

    origin: Origin
    depth: DepthMap
    batch_used: int
    seconds: float

    def size(self, plan: Plan) -> tuple[int, int]:
        """Upright height and width that are written [px]."""
        return self.origin.photo_size if plan.settings.size == "input" else self.depth.shape

    def weigh(self, plan: Plan) -> int:
        """About what this takes until its files are written [bytes]."""
        height, width = self.size(plan)
        maps = (self.depth.values, self.depth.uncertainty, self.depth.valid)
        held = sum(one.nbytes for one in maps if one is not None)
        return held + _PIXEL_BYTES * height * width


def load(job: Job, policy: DecodePolicy) -> Loaded:
    """Read a photo once; hash and pixels come from the same bytes."""
    now_ns = time.time_ns()
    source = read_source(job.ref.path)
    photo = decode(source, str(job.ref.path), policy)  # as the messages of reading name it
    origin = Origin(
        job=job,
        photo_size=photo.size,
        orientation=photo.orientation,
        digest=source.digest,
        size=source.size,
        mtime_ns=trusted_time(source.mtime_ns, now_ns),
    )
    return Loaded(origin, photo)


def check_depth(depth: DepthMap, photo: Photo) -> None:
    """Refuse what a broken checkpoint gives.

    A map without any relief is believed only of a photo without any.

    Raises:
        ImageError: of kind "not-finite" or "constant".
    """
    known = depth.values if depth.valid is None else depth.values[depth.valid]
    spread = depth.uncertainty
    if not _is_finite(known) or not (spread is None or _is_finite(spread)):
        raise ImageError(Kind.NOT_FINITE, "the model gave values that are no numbers")
    if known.size and known.min() == known.max() and photo.pixels.min() != photo.pixels.max():
        raise ImageError(Kind.CONSTANT, "the model gave the same depth everywhere")


def _is_finite(values: Floats) -> bool:
    """Whether there is neither infinity nor NaN: with one, a sum of extremes has one too."""
    return not values.size or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def commit(predicted: Predicted, plan: Plan, predictor: Predictor, place: Workplace) -> Done:
    """Bring a depth map to the size and grid asked for and make its files durable."""
    began, origin = time.monotonic(), predicted.origin
    files = list(_encode(predicted, plan, predictor))
    write_durably(place.root, files, place.temporary, place.fsync)
    return Done(
        input=origin.job.ref.name,
        size=origin.size,
        mtime_ns=origin.mtime_ns,
        sha256=origin.digest,
        fp=plan.fingerprint,
        seed=plan.settings.recipe.seed,
        batch_used=predicted.batch_used,
        secs=round(predicted.seconds + time.monotonic() - began, 3),
        outputs=tuple(OutputFile(name, content.size, content.sha256) for name, content in files),
        path=str(origin.job.ref.path.absolute()),
    )


def failure_of(name: str, error: Exception) -> Failure:
    """Tell what kind of failure of one photo an exception is; raise what concerns the run."""
    if isinstance(error, ImageError):
        return Failure(name, error.kind, str(error))
    if isinstance(error, MarigoldError):
        raise error
    if isinstance(error, MemoryError):
        return Failure(name, Kind.MEMORY, f"not enough memory: {error}")
    return Failure(name, Kind.ERROR, f"{type(error).__name__}: {error}")


def _encode(
    predicted: Predicted, plan: Plan, predictor: Predictor
) -> Iterator[tuple[str, Measured]]:
    """The files of a photo, each made while it is written."""
    origin, settings = predicted.origin, plan.settings
    orientation = origin.orientation if settings.grid == "stored" else 1
    tags = Tags(settings.label(), orientation, settings.colormap or "spectral")
    for output in origin.job.outputs:
        depth = predicted.depth.only(output.intrinsic)
        whole = predictor.restored(depth, predicted.size(plan))
        strips = Strips(whole, orientation, settings.invert)
        told = replace(tags, quantity=output.quantity)
        yield output.path, Measured(choose_writer(output).stream(strips, told))
