"""From a finished run and points of known depth to metric depth with a verdict on every photo."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from marigold_cli.batch.folder import occupied
from marigold_cli.errors import RefusedError
from marigold_cli.scene3d.alignment import Alignment, save_alignment
from marigold_cli.scene3d.colmap import read_model
from marigold_cli.scene3d.fitter import Fitter
from marigold_cli.scene3d.maps import discard_maps, write_consistency, write_metric
from marigold_cli.scene3d.options import AlignOptions
from marigold_cli.scene3d.results import read_results

_THREADS = 4


def align(options: AlignOptions) -> Alignment:
    """Fit every photo of a run, judge it, and write the record and what was asked for.

    Raises:
        NoInputError: no finished run, no sparse model, or one of other photos.
        RefusedError: depth that was turned upright cannot be compared with stored pixels; or
            references and sparse model have different units.
        OutputInUseError: a run is at work in the folder.
    """
    results = read_results(options.out)
    if options.colmap and results.grid != "stored":
        raise RefusedError(
            f"{options.out}: its depth was turned upright, a sparse model has pixels as stored; "
            "run again with --grid stored"
        )
    fitter = Fitter(options, results, read_model(options.colmap) if options.colmap else None)
    with occupied(options.out, options.fsync) as place:
        with ThreadPoolExecutor(_THREADS) as pool:
            fits = list(pool.map(fitter.fit, results.photos.values()))
        fitter.check_unit(fits)
        fits, pairs, gain = fitter.compare(fits)
        alignment = Alignment(
            kind=results.kind,
            source=str(options.source.resolve()),
            unit="scene" if options.colmap else "reference",
            metres=options.metres,
            photos=tuple(fit.photo for fit in fits),
            disagreement=gain,
        )
        discard_maps(results)  # first, so that none outlives the record that it belongs to
        save_alignment(alignment, place)
        if options.maps:
            write_metric(alignment, results, place)
        if options.masks:
            sights = [fit.sight if fit.photo.accepted else None for fit in fits]
            write_consistency(alignment, results, sights, pairs, place)
    return alignment
