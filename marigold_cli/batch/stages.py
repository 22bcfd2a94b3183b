"""What happens to one photo before and after its prediction. Knows nothing of threads or queues."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import Workplace
from marigold_cli.batch.plan import Job, Plan
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.atomic import write_durably
from marigold_cli.files.decode import Photo, decode
from marigold_cli.files.orientation import turn_stored
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import read_source, trusted_time
from marigold_cli.files.vectors import turn_normals_stored
from marigold_cli.files.writers import Tags, choose_writer


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


@dataclass(frozen=True)
class Loaded:
    """A decoded photo and where it comes from."""

    origin: Origin
    photo: Photo


@dataclass(frozen=True)
class Predicted:
    """A depth map at processing size, upright, and what it took."""

    origin: Origin
    depth: DepthMap
    batch_used: int
    seconds: float


def load(job: Job, policy: DecodePolicy) -> Loaded:
    """Read a photo once; hash and pixels come from the same bytes."""
    now_ns = time.time_ns()
    source = read_source(job.ref.path)
    photo = decode(source, job.ref.name, policy)
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
    if not np.isfinite(known).all() or not (spread is None or np.isfinite(spread).all()):
        raise ImageError(Kind.NOT_FINITE, "the model gave values that are no numbers")
    if known.size and known.min() == known.max() and photo.pixels.min() != photo.pixels.max():
        raise ImageError(Kind.CONSTANT, "the model gave the same depth everywhere")


def commit(predicted: Predicted, plan: Plan, predictor: Predictor, place: Workplace) -> Done:
    """Bring a depth map to the size and grid asked for and make its files durable."""
    began, origin = time.monotonic(), predicted.origin
    files = list(_encode(_shape(predicted, plan, predictor), origin, plan))
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
        outputs=tuple(
            OutputFile(name, len(content), hashlib.sha256(content).hexdigest())
            for name, content in files
        ),
        path=str(origin.job.ref.path.absolute()),
    )


def failure_of(name: str, error: Exception) -> Failure:
    """Tell what kind of failure of one photo an exception is."""
    if isinstance(error, ImageError):
        return Failure(name, error.kind, str(error))
    if isinstance(error, MemoryError):
        return Failure(name, Kind.MEMORY, f"not enough memory: {error}")
    return Failure(name, Kind.ERROR, f"{type(error).__name__}: {error}")


def _shape(predicted: Predicted, plan: Plan, predictor: Predictor) -> DepthMap:
    depth, origin, settings = predicted.depth, predicted.origin, plan.settings
    if settings.size == "input":
        depth = predictor.restore(depth, origin.photo_size)
    if settings.grid == "stored":
        depth = _turn_stored(depth, origin.orientation)
    return depth.invert() if settings.invert else depth


def _turn_stored(depth: DepthMap, orientation: int) -> DepthMap:
    spread, valid = depth.uncertainty, depth.valid
    turn = turn_normals_stored if depth.kind is DepthKind.NORMALS else turn_stored
    return replace(
        depth,
        values=turn(depth.values, orientation),
        valid=None if valid is None else turn_stored(valid, orientation),
        uncertainty=None if spread is None else turn_stored(spread, orientation),
    )


def _encode(depth: DepthMap, origin: Origin, plan: Plan) -> Iterator[tuple[str, bytes]]:
    settings = plan.settings
    tags = Tags(
        settings=settings.label(),
        orientation=origin.orientation if settings.grid == "stored" else 1,
        colormap=settings.colormap or "spectral",
    )
    for output in origin.job.outputs:
        told = replace(tags, quantity=output.quantity)
        yield output.path, choose_writer(output).encode(depth.only(output.intrinsic), told)
