from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image

from marigold_cli.scenes.atlas import ALL, LEVELS, atlas
from marigold_cli.scenes.photo import Lenses, _compress, _to_srgb, photograph
from marigold_cli.scenes.scene import Texture


def a_lens(**changes: float) -> Lenses:
    neutral = {
        "focus": 1.0, "aperture": 0.0, "exposure": 0.3, "contrast": 1.0, "saturation": 1.0,
        "vignette": 0.0, "blur": 0.0, "bloom": 0.0, "noise": 0.0, "quality": 100.0, "shift": 0.1,
    }  # fmt: skip
    values = {name: torch.tensor([value]) for name, value in (neutral | changes).items()}
    return Lenses(balance=torch.ones(1, 3), **values)


def test_jpeg_artefacts_are_like_those_of_libjpeg() -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((8, 8, 3)), np.ones((8, 8, 1)))
    original = (0.7 * smooth + 0.3 * rng.random((64, 64, 3))).astype(np.float32)
    file = BytesIO()
    image = Image.fromarray((original * 255).round().astype(np.uint8))
    image.save(file, "jpeg", quality=40, subsampling=0)

    ours = _compress(torch.from_numpy(original).permute(2, 0, 1)[None], torch.tensor([40.0]))

    theirs = np.asarray(Image.open(file)).astype(np.float32) / 255
    error, harm = np.abs(ours[0].permute(1, 2, 0).numpy() - theirs), np.abs(original - theirs)
    assert error.mean() < 0.6 * harm.mean()


def test_srgb_is_the_standard_curve() -> None:
    linear = torch.tensor([0.0, 0.001, 0.0031308, 0.18, 1.0])

    found = _to_srgb(linear)

    expected = torch.tensor([0.0, 0.01292, 0.04045, 0.46135613, 1.0])
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_only_what_is_out_of_focus_is_blurred() -> None:
    random = torch.Generator().manual_seed(0)
    light = torch.rand(1, 3, 48, 64, generator=random)
    depth = torch.full((1, 1, 48, 64), 1.0)
    depth[..., 32:] = 20.0

    plain = photograph(light, depth, a_lens())
    taken = photograph(light, depth, a_lens(aperture=0.1))

    assert (plain[..., :26] - taken[..., :26]).abs().mean() < 0.02
    assert taken[..., 40:].std() < 0.4 * plain[..., 40:].std()


def test_noise_and_vignette_do_what_they_are_named_for() -> None:
    light, depth = torch.full((1, 3, 48, 64), 0.5), torch.ones(1, 1, 48, 64)

    clean, noisy, shaded = (
        photograph(light, depth, a_lens(**change))
        for change in ({}, {"noise": 0.1}, {"vignette": 0.5})
    )

    assert clean.std() < 0.01 < 0.02 < noisy.std()
    assert shaded[0, 0, 0, 0] < 0.85 * shaded[0, 0, 24, 32]


def test_a_texel_is_a_mean_of_its_neighbours_on_every_level() -> None:
    everything = atlas(torch.device("cpu"))
    u, v = torch.rand(2, 500, generator=torch.Generator().manual_seed(1)) * 3 - 1
    texture = int(Texture.BRICKS)

    fine, coarse = (
        everything.look_up(texture, (u, v), torch.full((500,), level, dtype=torch.int32), ALL)
        for level in (0, LEVELS - 1)
    )

    assert fine.min() >= 0
    assert coarse.std(1).max() < fine.std(1).max()
    torch.testing.assert_close(coarse.mean(1), fine.mean(1), atol=0.05, rtol=0)
