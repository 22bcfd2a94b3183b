"""Finding every photo's line: first by its own points, then all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.errors import ImageError, RefusedError
from marigold_cli.scene3d.alignment import PhotoAlignment, to_depth
from marigold_cli.scene3d.belonging import find_views
from marigold_cli.scene3d.gates import fit_photo, judge
from marigold_cli.scene3d.observations import (
    Observations,
    anchor,
    check_size,
    check_view,
    observe,
    sample,
)
from marigold_cli.scene3d.options import AlignOptions
from marigold_cli.scene3d.overlap import (
    Sight,
    agreements,
    find_neighbours,
    find_strays,
    look,
    shrink,
)
from marigold_cli.scene3d.reference import Reference
from marigold_cli.scene3d.refine import disagree, refine
from marigold_cli.scene3d.results import Result, Results
from marigold_cli.scene3d.sparse import SparseModel, View

_SAME_UNIT = 0.05  # relative difference that noise in points and references may make
_STEP = 2  # every so many pixels of the reduced maps tell whether neighbours agree


@dataclass(frozen=True)
class Fit:
    """A photo's line while it is still being found."""

    photo: PhotoAlignment
    sight: Sight | None = None  # None: not to be compared with others
    unit: float | None = None  # of the sparse model, in units of the references


class Fitter:
    """Fits photos one by one, then all together."""

    def __init__(self, options: AlignOptions, results: Results, model: SparseModel | None) -> None:
        self._options, self._results, self._model = options, results, model
        self._gates = options.gates
        self._names = find_views(results.photos, model) if model else {}
        self._reference = Reference(options.reference) if options.reference else None
        if self._reference:
            self._reference.check(results.photos)

    def fit(self, result: Result) -> Fit:
        """Fit one photo to its own points."""
        view = self._model.views.get(self._names.get(result.name, "")) if self._model else None
        photo = PhotoAlignment(
            name=result.name,
            view=view.name if view else None,
            digest=result.digest,
            camera=view.camera if view else None,
        )
        try:
            return self._fit(photo, result, view)
        except ImageError as error:
            return Fit(photo.refuse(str(error)))

    def _fit(self, photo: PhotoAlignment, result: Result, view: View | None) -> Fit:
        if self._model and view is None:
            return Fit(photo.refuse("the sparse model does not have it"))
        values = self._results.load_depth(result)
        height, width = values.shape
        if view:
            check_view(view)
            check_size((height, width), (view.camera.height, view.camera.width), "camera")
        observed = self._observe(result, view, (height, width))
        if observed is None:
            return Fit(photo.refuse("there is no reference for it"))
        anchors, small = anchor(observed, values), shrink(values)
        photo = fit_photo(photo, anchors, small, self._results.kind, self._gates)
        sight = None
        if photo.accepted and photo.affine and view and view.camera.is_known:
            sight = Sight(view, small, anchors, photo.affine, self._results.kind)
        return Fit(photo, sight, self._unit(photo, view, values))

    def _unit(self, photo: PhotoAlignment, view: View | None, values: Floats) -> float | None:
        """How many units of the references the sparse model's is, by the points of one photo."""
        if not (self._model and self._reference and view and photo.accepted and photo.affine):
            return None
        points = observe(view, self._model.cloud, self._options.points)
        there = sample(values, points.pixels, points.size).astype(np.float32)
        ratios = to_depth(there, photo.affine, self._results.kind) / points.depth
        known = ratios[np.isfinite(ratios)]
        return float(np.median(known)) if known.size else None

    def check_unit(self, fits: Sequence[Fit]) -> None:
        """Refuse references and a sparse model of different units: depth would be in neither.

        Raises:
            RefusedError: they are.
        """
        units = [fit.unit for fit in fits if fit.unit]
        unit = float(np.median(units)) if units else 1.0
        if self._model and abs(unit - 1) > _SAME_UNIT:
            raise RefusedError(
                f"one unit of {self._model.folder} is {unit:.4g} of the references; give the model "
                "their unit with colmap model_transformer, or leave --colmap out"
            )

    def _observe(
        self, result: Result, view: View | None, shape: tuple[int, int]
    ) -> Observations | None:
        if reference := self._reference:
            path = reference.find(result.name)
            camera = view.camera if view else None
            return reference.observe(path, shape, camera) if path else None
        assert self._model is not None
        assert view is not None
        return observe(view, self._model.cloud, self._options.points)

    def compare(
        self, fits: Sequence[Fit]
    ) -> tuple[list[Fit], list[tuple[int, int]], tuple[float, float] | None]:
        """Let neighbouring views judge each other, then refine those that stay together.

        Returns:
            The fits, the ordered pairs of neighbours by their place among them, and the
            disagreement before and after refining.
        """
        fits = list(fits)
        places = [place for place, fit in enumerate(fits) if fit.sight]
        sights = [fit.sight for fit in fits if fit.sight]
        if self._model is None or len(sights) < 2:
            return fits, [], None
        pairs = find_neighbours([sight.view for sight in sights], self._model.cloud)
        shares = agreements(look(sights, first, second, _STEP) for first, second in pairs)
        strays, medians = find_strays(shares, self._gates.min_agreement)
        for index, share in medians.items():
            photo = replace(fits[places[index]].photo, agreement=round(share, 4))
            if index in strays:
                photo = photo.refuse(f"neighbouring views confirm only {share:.0%} of it")
            fits[places[index]] = replace(fits[places[index]], photo=photo)
        kept = [pair for pair in pairs if not strays & set(pair)]
        gain = self._refine(fits, places, sights, kept) if self._options.refine else None
        return fits, [(places[first], places[second]) for first, second in kept], gain

    def _refine(
        self,
        fits: list[Fit],
        places: Sequence[int],
        sights: Sequence[Sight],
        pairs: Sequence[tuple[int, int]],
    ) -> tuple[float, float] | None:
        found = refine(sights, pairs)
        if found is None:
            return None
        refined, before, after = found
        final = list(sights)
        for index, (place, sight) in enumerate(zip(places, refined, strict=True)):
            fit = fits[place]
            if not fit.photo.accepted:
                continue
            photo = judge(
                fit.photo, sight.affine, sight.anchors, sight.values, sight.kind, self._gates
            )
            if photo.accepted:  # else its own line was better
                final[index], fits[place] = sight, replace(fit, photo=photo, sight=sight)
        is_mixed = any(final[index] is not refined[index] for pair in pairs for index in pair)
        written = disagree(final, pairs) if is_mixed else after
        return None if written is None else (before, written)
