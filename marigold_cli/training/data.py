"""What a training learns from, and the pictures it shows: opened, rendered and looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accelerate import Accelerator

from marigold_cli.batch.signals import Stop
from marigold_cli.depth import Modality
from marigold_cli.errors import DataSetError
from marigold_cli.training.datasets import PictureSet, Rendered, open_source, open_sources
from marigold_cli.training.lesson import on_device
from marigold_cli.training.options import CourseOptions
from marigold_cli.training.order import Division
from marigold_cli.training.progress import Observer
from marigold_cli.training.reader import check_size
from marigold_cli.training.samples import Samples, Source

_SHOWN = 6  # pictures of a sheet


@dataclass(frozen=True)
class Data:
    """Pictures of which all that can be told before the first update is found to be right.

    Attributes:
        sources: To learn from.
        shares: Of the batches that come from each.
        sizes: Height and width of each source's pictures [px].
        validation: Where the pictures of the sheets come from.
        shown: These pictures, on the device.
    """

    sources: Sequence[Source]
    shares: Sequence[float]
    sizes: Sequence[tuple[int, int]]
    validation: Source
    shown: Samples

    @property
    def long_edge(self) -> int:
        """Of the first source's pictures [px]."""
        return max(self.sizes[0])

    def check_sizes(self, multiple: int) -> None:
        """Refuse pictures that do not divide into latent cells.

        Raises:
            DataSetError: They do not.
        """
        sources, sizes = (*self.sources, self.validation), (*self.sizes, self.shown.size)
        for source, size in zip(sources, sizes, strict=True):
            check_size(source.name, size, multiple)


def open_data(
    options: CourseOptions,
    accelerator: Accelerator,
    division: Division,
    stop: Stop,
    observer: Observer,
) -> Data | None:
    """Open all sources; a fault in any file is found before the first update.

    Returns:
        None: it was stopped while scenes were rendered.

    Raises:
        UsageError: A specification does not mean anything.
        DataSetError: A file is missing or broken, or there are no normals to learn.
    """
    material = options.material
    has_normals = options.method.modality is Modality.NORMALS
    device = str(accelerator.device)
    sources, shares = open_sources(material.specs, material.size, device, has_normals)
    validation = sources[0]
    if material.validation:
        validation = open_source(material.validation, material.size, device, has_normals)
    _look_through(dict.fromkeys((*sources, validation)), accelerator, observer)
    render(sources, division, stop, observer)
    accelerator.wait_for_everyone()
    if any(source.missing for source in sources if isinstance(source, Rendered)):
        return None
    firsts = [source.read([0]) for source in sources]
    shown = validation.read(range(min(_SHOWN, len(validation))))
    if has_normals:
        _demand_normals((*sources, validation), (*firsts, shown))
    sizes = [first.size for first in firsts]
    return Data(sources, shares, sizes, validation, on_device(shown, accelerator.device))


def render(sources: Sequence[Source], division: Division, stop: Stop, observer: Observer) -> None:
    """Render this process's part of what is missing of kept scenes, unless asked to stop."""
    for source in sources:
        if not isinstance(source, Rendered):
            continue
        mine = [shard for shard in source.missing if division.owns(shard.number)]
        for number, shard in enumerate(mine, 1):
            if stop.is_asked:
                return
            observer.stage(f"rendering {source.name}, file {number} of {len(mine)}")
            source.render(shard)


def _look_through(sources: Iterable[Source], accelerator: Accelerator, observer: Observer) -> None:
    """Look at every file, and say which pictures are passed over."""
    for source in sources:
        if isinstance(source, PictureSet) and source.left_out:
            observer.note(
                f"{source.name}: {len(source):,} pictures are used, "
                f"{source.left_out:,} without normals are left out"
            )
    if accelerator.is_main_process:
        for source in sources:
            source.check()
    accelerator.wait_for_everyone()


def _demand_normals(sources: Sequence[Source], samples: Sequence[Samples]) -> None:
    for source, some in zip(sources, samples, strict=True):
        if some.normals is None:
            raise DataSetError(f"{source.name}: comes without normals; take other pictures")
