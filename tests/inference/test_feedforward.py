from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from transformers import AutoModelForDepthEstimation, DPTImageProcessorPil, pipeline
from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

from marigold_cli.checkpoints.load import load_feedforward
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import DepthKind
from marigold_cli.errors import ImageError
from marigold_cli.inference.feedforward import predict, to_frame
from marigold_cli.inference.framing import Framing
from marigold_cli.inference.options import Resample

PROCESSORS = {
    "depth-anything": DPTImageProcessorPil,
    "depth-anything-metric": DPTImageProcessorPil,
    "dpt": DPTImageProcessorPil,
    "zoedepth": ZoeDepthImageProcessorPil,
}
FRAMES = {  # photos that need no resizing
    "depth-anything": (56, 70),
    "depth-anything-metric": (70, 56),
    "dpt": (64, 64),
    "depth-pro": (64, 64),
}


@pytest.fixture
def load_model(feedforward):
    """Our model of a small checkpoint."""

    def load_model(name):
        card = resolve(str(feedforward(name)))
        return load_feedforward(card)

    return load_model


def theirs(folder, name, photo):
    """What the pipeline of transformers gives, at the photo's size."""
    processor = PROCESSORS[name].from_pretrained(folder)
    network = AutoModelForDepthEstimation.from_pretrained(folder)
    estimate = pipeline("depth-estimation", model=network, image_processor=processor, device="cpu")
    return estimate(Image.fromarray(photo.pixels))["predicted_depth"].numpy()


def as_disparity(depth):
    """Their disparity in [0, 1], as far as one can: they know no range."""
    return (depth - depth.min()) / (depth.max() - depth.min())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("depth-anything", DepthKind.AFFINE_DISPARITY),
        ("depth-anything-metric", DepthKind.METRIC),
        ("dpt", DepthKind.AFFINE_DISPARITY),
    ],
)
def test_a_photo_of_the_frames_size_equals_transformers(
    name, kind, load_model, feedforward, make_photo
) -> None:
    photo = make_photo(*FRAMES[name])

    depth = predict(load_model(name), photo)

    reference = theirs(feedforward(name), name, photo)
    if kind is DepthKind.AFFINE_DISPARITY:
        reference = as_disparity(reference)
    assert depth.kind is kind
    assert depth.values.dtype == np.float32
    assert reference.std() > 0.01
    assert np.abs(depth.values - reference).max() < 1e-4 * max(1, reference.max())


@pytest.mark.parametrize(("name", "filter_"), [("depth-anything", 3), ("dpt", 2)])
@pytest.mark.parametrize("size", [(80, 131), (90, 61)])
def test_pixels_are_resized_as_by_pillow_but_never_rounded(
    name, filter_, size, load_model, feedforward, make_photo
) -> None:
    photo, framing = make_photo(*size), load_model(name).framing
    processor = PROCESSORS[name].from_pretrained(feedforward(name))
    frame = processor(Image.fromarray(photo.pixels), return_tensors="pt")["pixel_values"]
    planes = [
        Image.fromarray(plane.astype(np.float32)) for plane in photo.pixels.transpose(2, 0, 1)
    ]
    resized = np.stack([plane.resize(frame.shape[:1:-1], filter_) for plane in planes])
    exact = (resized.clip(0, 255) / 255 - np.reshape(framing.mean, (3, 1, 1))) / np.reshape(
        framing.deviation, (3, 1, 1)
    )

    ours = to_frame(photo.pixels, framing)

    assert ours.shape == frame.shape
    assert np.abs(ours[0].numpy() - exact).max() < 1e-4
    assert (ours - frame).abs().mean() < 1 / 255 / min(framing.deviation)  # theirs has 8 bits


@pytest.mark.parametrize("size", [(64, 96), (50, 110), (131, 70)])
def test_zoedepth_mirrors_the_edges_and_cuts_them_off_again(
    size, load_model, feedforward, make_photo
) -> None:
    photo, model = make_photo(*size), load_model("zoedepth")
    folder = feedforward("zoedepth")
    frame = ZoeDepthImageProcessorPil.from_pretrained(folder)(
        Image.fromarray(photo.pixels), return_tensors="pt"
    )["pixel_values"]
    with torch.no_grad():
        raw = AutoModelForDepthEstimation.from_pretrained(folder)(frame).predicted_depth
    down, right = (int(np.sqrt(side / 2) * 3) for side in size)
    whole = (size[0] + 2 * down, size[1] + 2 * right)
    reference = functional.interpolate(raw[None], whole, mode="bicubic", align_corners=False)[0, 0]

    depth = predict(model, photo)

    assert (to_frame(photo.pixels, model.framing) - frame).abs().max() < 1e-5
    reference = reference[down:-down, right:-right].numpy()
    known = np.ones(size, bool) if depth.valid is None else depth.valid
    assert reference.std() > 0.01
    assert np.array_equal(known, reference > 0)
    assert np.abs(depth.values - reference)[known].max() < 1e-4
    assert depth.kind is DepthKind.METRIC


def test_depth_pro_turns_its_inverse_depth_and_field_of_view_into_metres(
    load_model, feedforward, make_photo
) -> None:
    photo = make_photo(64, 64)
    frame = torch.from_numpy(photo.pixels).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        answer = AutoModelForDepthEstimation.from_pretrained(feedforward("depth-pro"))(frame)
    focal_px = 0.5 * 64 / torch.tan(0.5 * torch.deg2rad(answer.field_of_view))
    inverse = answer.predicted_depth * 64 / focal_px
    inverse = functional.interpolate(inverse[None], (64, 64), mode="bilinear")[0, 0]
    reference = 1 / inverse.clamp(1e-4, 1e4).numpy()

    depth = predict(load_model("depth-pro"), photo)

    assert depth.kind is DepthKind.METRIC
    assert 0.5 < answer.field_of_view < 170
    assert np.abs(depth.values / reference - 1).max() < 1e-4


def test_sixteen_bits_and_floats_give_the_same_depth_as_eight(load_model, make_photo) -> None:
    photo, model = make_photo(56, 70), load_model("depth-anything-metric")
    deep = replace(photo, pixels=photo.pixels.astype(np.uint16) * 257)
    real = replace(photo, pixels=(photo.pixels / 255).astype(np.float32))

    depths = [predict(model, one).values for one in (photo, deep, real)]

    assert np.abs(depths[1] - depths[0]).max() < 1e-4
    assert np.abs(depths[2] - depths[0]).max() < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_photos_pixels_are_left_as_they_are(dtype, load_model, make_photo) -> None:
    photo = make_photo(56, 70, dtype=dtype)
    before = photo.pixels.copy()

    to_frame(photo.pixels, load_model("depth-anything").framing)

    assert np.array_equal(photo.pixels, before)


class Answer:
    def __init__(self, values):
        self.predicted_depth = torch.as_tensor(values, dtype=torch.float32)[None]


class Scripted(torch.nn.Module):
    """A network that has an answer ready."""

    def __init__(self, values) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(torch.zeros(1))
        self.answer = Answer(values)

    def forward(self, frame):
        return self.answer


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["depth-anything", "depth-anything-metric"])
def test_what_is_no_number_is_masked_and_the_rest_keeps_its_range(
    name, hole, load_model, make_photo
) -> None:
    values = np.linspace(1, 5, 56 * 70).reshape(56, 70)
    values[20:30, 20:30] = hole
    model = replace(load_model(name), network=Scripted(values))

    depth = predict(model, make_photo(56, 70))

    assert depth.valid is not None
    assert np.array_equal(depth.valid, np.isfinite(values))
    expected = np.where(depth.valid, values, 1)
    if name == "depth-anything":
        expected = (expected - 1) / 4
    assert np.abs(depth.values - expected)[depth.valid].max() < 1e-6
    assert np.isfinite(depth.values).all()


def test_metric_depth_that_is_not_in_front_of_the_camera_is_masked(load_model, make_photo) -> None:
    values = np.full((56, 70), 3.0)
    values[:10], values[10:20] = 0, -1
    model = replace(load_model("depth-anything-metric"), network=Scripted(values))

    depth = predict(model, make_photo(56, 70))

    assert depth.valid is not None
    assert np.array_equal(depth.valid, values > 0)


def test_no_depth_at_all_is_a_named_failure(load_model, make_photo) -> None:
    network = Scripted(np.full((56, 70), np.nan))
    model = replace(load_model("depth-anything"), network=network)

    with pytest.raises(ImageError, match="no usable values") as caught:
        predict(model, make_photo(56, 70))

    assert caught.value.kind == "not-finite"


@pytest.mark.parametrize(
    ("keeps_aspect", "multiple", "photo", "frame"),
    [
        (True, 14, (480, 640), (518, 686)),  # Depth Anything: the short side meets its aim
        (True, 14, (640, 480), (686, 518)),
        (True, 14, (300, 4000), (518, 6902)),
        (False, 1, (480, 640), (518, 518)),
        (True, 32, (600, 600), (512, 512)),
        (True, 32, (1, 5000), (32, 512)),  # never a frame without rows
    ],
)
def test_the_frame_follows_the_rules_of_transformers(keeps_aspect, multiple, photo, frame) -> None:
    framing = Framing((518, 518), keeps_aspect, multiple, Resample.BICUBIC, (0,) * 3, (1,) * 3)

    assert framing.frame_size(photo) == frame
