from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from marigold_cli.depth import DepthKind, Intrinsic
from marigold_cli.errors import ImageError
from marigold_cli.inference.members import combine, unusable
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Reduction
from marigold_cli.inference.reading import Reading

PLANES = {DepthKind.AFFINE_DEPTH: 1, DepthKind.NORMALS: 3, DepthKind.INTRINSICS: 6}


@pytest.fixture(scope="module", params=PLANES)
def model(request, models):
    """A model of each modality; what it says of its kind is all that matters here."""
    plain, images = models["trailing"], (Intrinsic("one"), Intrinsic("other"))
    is_iid = request.param is DepthKind.INTRINSICS
    reading = Reading(request.param, intrinsics=images if is_iid else ())
    return DepthModel(plain.vae, plain.unet, plain.scheduler, plain.empty_text, reading)


def make_members(model, count: int):
    """Members of length 1 along the planes, as normals have to be."""
    values = np.random.default_rng(0).random((count, PLANES[model.kind], 5, 7), np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / length if model.kind is DepthKind.NORMALS else values


@pytest.mark.parametrize("reduction", Reduction)
def test_a_single_member_is_taken_as_it_is(model, recipe, reduction) -> None:
    members = make_members(model, 1)

    depth = combine(model, members, replace(recipe, reduction=reduction))

    planes = np.moveaxis(np.atleast_3d(depth.values), -1, 0)
    assert np.array_equal(planes, members[0])
    assert depth.values.ndim == (2 if model.kind is DepthKind.AFFINE_DEPTH else 3)
    assert (depth.kind, depth.uncertainty) == (model.kind, None)
    assert depth.intrinsics == model.reading.intrinsics


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_members_that_are_not_finite_are_left_out_with_one_warning(
    model, recipe, hole, caplog
) -> None:
    members, recipe = make_members(model, 5), replace(recipe, ensemble=5)
    members[1, 0, 2, 3] = members[4, -1] = hole

    depth = combine(model, members, recipe)

    expected = combine(model, members[[0, 2, 3]], recipe)
    assert np.array_equal(depth.values, expected.values)
    assert np.array_equal(depth.uncertainty, expected.uncertainty)
    assert [record.message for record in caplog.records] == [
        "2 of 5 members are not finite: left out"
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_finite_is_a_named_failure(model, recipe, count) -> None:
    members = np.full((count, PLANES[model.kind], 5, 7), np.nan, np.float32)

    with pytest.raises(ImageError, match="no usable values"):
        combine(model, members, replace(recipe, ensemble=count))


@pytest.mark.parametrize(
    ("dtype", "end"),
    [
        (torch.float32, "for this photo in float32"),
        (torch.float16, "for this photo in float16; try --dtype float32"),
    ],
)
def test_only_a_coarser_network_is_told_to_be_finer(dtype: torch.dtype, end: str) -> None:
    error = unusable(dtype)

    assert error.kind == "not-finite"
    assert str(error).endswith(end)
