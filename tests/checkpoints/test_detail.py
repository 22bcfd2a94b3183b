from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.checkpoints.predictor import LoadedPredictor, open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.files.decode import Photo
from marigold_cli.inference.options import AUTO_TILE, PredictOptions


def predictor_of(whole: Path, options: PredictOptions) -> LoadedPredictor:
    card = resolve(str(whole))
    predictor = open_predictor(card, card.decide(options), "cpu", "float32", batch_size=6)
    assert isinstance(predictor, LoadedPredictor)
    return predictor


@pytest.mark.parametrize(
    ("options", "long_edge", "photos_per_call"),
    [
        (PredictOptions(resolution=32), 32, 6),
        (PredictOptions(resolution=32, tile=AUTO_TILE), 128, 1),
        (PredictOptions(resolution=32, tile=40), None, 1),
        (PredictOptions(resolution=32, refine=True), None, 1),
    ],
)
def test_big_photos_come_one_by_one_with_the_pixels_that_are_needed(
    whole: Path, options: PredictOptions, long_edge: int | None, photos_per_call: int
) -> None:
    predictor = predictor_of(whole, options)

    assert (predictor.long_edge, predictor.photos_per_call) == (long_edge, photos_per_call)


def test_a_mosaic_is_restored_to_the_photos_size(whole: Path, photo: Photo) -> None:
    predictor = predictor_of(whole, PredictOptions(steps=1, resolution=24, tile=36))
    height, width = photo.size

    (depth,) = predictor.predict([replace(photo)], lambda done, total: None)

    assert depth.shape == (height * 24 // 36, round(width * 24 / 36))
    assert predictor.restored(depth, photo.size).shape == photo.size
