"""From what a user asks for to sources of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marigold_cli.errors import UsageError
from marigold_cli.training.datasets import folder, hypersim, rendered, synthetic, vkitti
from marigold_cli.training.datasets.frame import Size
from marigold_cli.training.datasets.spec import Spec, Wish, parse_spec, shares
from marigold_cli.training.samples import Source


@dataclass(frozen=True)
class _Kind:
    """A kind of source: how to open it, and the options that it has."""

    open: Callable[[Spec, Wish], Source]
    options: tuple[str, ...]


_KINDS = {
    "synthetic": _Kind(synthetic.open_synthetic, synthetic.OPTIONS),
    "held-out": _Kind(synthetic.open_held_out, synthetic.OPTIONS),
    "rendered": _Kind(rendered.open_rendered, rendered.OPTIONS),
    "hypersim": _Kind(hypersim.open_hypersim, hypersim.OPTIONS),
    "vkitti": _Kind(vkitti.open_vkitti, vkitti.OPTIONS),
    "folder": _Kind(folder.open_folder, folder.OPTIONS),
}


def open_source(
    spec: str, size: Size | None = None, device: str = "cpu", with_normals: bool = True
) -> Source:
    """Open one source of pictures.

    Args:
        spec: synthetic[:FIRST_SEED], held-out[:COUNT], rendered:FOLDER[?count=N], hypersim:PLACE,
            vkitti:PLACE or folder:PLACE, where PLACE is a folder or a tar archive; options are
            those of the kind's module. A weight is left aside.
        size: Height and width of its pictures [px]; None: as its paper uses them, or as they are.
        device: Where pictures are rendered.
        with_normals: Whether normals are read; where only some pictures have them, the others are
            then left out. False for depth alone: all pictures, and less to decode.

    Raises:
        UsageError: the specification does not mean anything.
        DataSetError: the data set is not there.
    """
    return _open(parse_spec(spec), Wish(size, device, with_normals))


def open_sources(
    specs: Sequence[str],
    size: Size | None = None,
    device: str = "cpu",
    with_normals: bool = True,
) -> tuple[tuple[Source, ...], tuple[float, ...]]:
    """Open sources that are mixed, and say how often a batch comes from each.

    Args:
        specs: As for `open_source`, at least one; a weight may follow each, as in hypersim:DIR@9.
        size: Height and width of their pictures [px]; None: each as its paper uses them.
        device: Where pictures are rendered.
        with_normals: Whether normals are read.

    Returns:
        The sources, and the share of batches that comes from each, with sum 1: by their weights,
        else the papers' 9 to 1 for Hypersim and Virtual KITTI, else equal.

    Raises:
        UsageError: a specification does not mean anything, is held out, or there is none.
        DataSetError: a data set is not there.
    """
    if not specs:
        raise UsageError("say what to train on, for example synthetic")
    parsed = [parse_spec(spec) for spec in specs]
    if any(spec.kind == "held-out" for spec in parsed):
        raise UsageError("held-out scenes are there to judge by; train on synthetic ones")
    wish = Wish(size, device, with_normals)
    return tuple(_open(spec, wish) for spec in parsed), shares(parsed)


def _open(spec: Spec, wish: Wish) -> Source:
    kind = _KINDS.get(spec.kind)
    if kind is None:
        raise UsageError(
            f"{spec.name}: there is no data of kind {spec.kind!r}; kinds are {', '.join(_KINDS)}"
        )
    if strange := [name for name in spec.options if name not in kind.options]:
        known = ", ".join(kind.options) or "none"
        raise UsageError(
            f"{spec.name}: {spec.kind} has no option {strange[0]}; its options are: {known}"
        )
    return kind.open(spec, wish)
