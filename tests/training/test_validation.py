from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marigold_cli.training.samples import Samples
from marigold_cli.training.validation import Validation, judge


def values(samples: Samples, predicted: torch.Tensor) -> list[float]:
    return [score.value for score in judge(samples, predicted)]


def test_depth_that_is_right_up_to_scale_and_shift_is_right(samples: Samples) -> None:
    assert values(samples, 0.1 * samples.depth - 2) == pytest.approx([0, 1], abs=1e-5)


def test_depth_is_judged_by_picture_after_the_best_line(samples: Samples) -> None:
    noise = torch.randn(samples.depth.shape, generator=torch.Generator().manual_seed(1))
    predicted = samples.depth + 2 * noise
    predicted[~samples.valid] = 1000.0  # must not count

    found = values(samples, predicted)

    errors, shares = [], []
    for guess, truth, valid in zip(predicted, samples.depth, samples.valid, strict=True):
        x, y = guess[valid].double().numpy(), truth[valid].double().numpy()
        scale, shift = np.polyfit(x, y, 1)
        depth = np.maximum(scale * x + shift, 1e-6)
        errors.append(np.mean(np.abs(depth - y) / y))
        shares.append(np.mean(np.maximum(depth / y, y / depth) < 1.25))
    assert found == pytest.approx([np.mean(errors), np.mean(shares)], rel=1e-4)
    assert 0.02 < found[0] < 1


def test_normals_are_judged_by_their_mean_angle_where_they_are_known(samples: Samples) -> None:
    assert samples.normals is not None
    normals = torch.zeros_like(samples.normals)
    normals[:, 2] = 1
    normals[..., -4:, :] = 0  # not known
    tilted = torch.zeros_like(normals)
    tilted[:, 1], tilted[:, 2] = math.sin(math.radians(20)), math.cos(math.radians(20))
    tilted[:4, 1] *= -1

    (score,) = judge(replace(samples, normals=normals), tilted)

    assert score.value == pytest.approx(20, abs=1e-3)
    assert (score.key, score.text) == ("mean_angle", "angle 20.0 degrees")


def test_of_what_is_not_known_there_is_no_number(samples: Samples) -> None:
    nowhere = replace(samples, valid=torch.zeros_like(samples.valid))

    assert all(math.isnan(value) for value in values(nowhere, samples.depth))


def test_lines_that_will_be_made_again_are_cut(samples: Samples, tmp_path: Path) -> None:
    path, scores = tmp_path / "validation.csv", judge(samples, samples.depth)
    for begun in (0, 4):
        validation = Validation(path, begun)
        for update in range(begun + 2, 9, 2):
            validation.add(update, scores)
        validation.close()

    header, *lines = path.read_text().splitlines()
    assert header == "update,abs_rel,delta1"
    assert [line.split(",")[0] for line in lines] == ["2", "4", "6", "8"]
    assert [float(word) for word in lines[0].split(",")[1:]] == [score.value for score in scores]


def test_where_nothing_is_shown_there_is_no_file(tmp_path: Path) -> None:
    Validation(tmp_path / "validation.csv", 0).close()

    assert not list(tmp_path.iterdir())
