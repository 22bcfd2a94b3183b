from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from marigold_cli.batch.options import OutputOptions, Policy
from marigold_cli.batch.settings import fingerprint, make_settings
from marigold_cli.depth import DepthKind
from marigold_cli.errors import UsageError
from marigold_cli.inference.options import Noise, Reduction, Resample, Spacing

RECIPE_CHANGES = {
    "steps": 7,
    "ensemble": 7,
    "resolution": 7,
    "seed": 7,
    "timesteps": Spacing.LEADING,
    "noise": Noise.ZEROS,
    "resample": Resample.NEAREST,
    "reduction": Reduction.MEAN,
    "tile": 0,
    "refine": True,
}
CHANGES = {
    "identity": "other",
    "kind": DepthKind.METRIC,
    "dtype": "float16",
    "vae": "tiny",
    "formats": ("npy",),
    "colormap": "turbo",
    "uncertainty": True,
    "invert": True,
    "size": "processing",
    "grid": "upright",
    "algorithm": 2,
    "intrinsics": ("albedo", "shading"),
}


def test_every_setting_that_changes_bytes_changes_the_fingerprint(studio):
    settings = studio.settings()
    variants = [replace(settings, **{name: value}) for name, value in CHANGES.items()]
    variants += [
        replace(settings, recipe=replace(settings.recipe, **{name: value}))
        for name, value in RECIPE_CHANGES.items()
    ]

    assert len({fingerprint(one) for one in [settings, *variants]}) == len(variants) + 1
    assert {field.name for field in fields(settings)} == {*CHANGES, "model", "recipe"}
    assert {field.name for field in fields(settings.recipe)} == set(RECIPE_CHANGES)


def test_a_checkpoint_that_moved_is_the_same(studio):
    settings = studio.settings()

    assert fingerprint(replace(settings, model="elsewhere")) == fingerprint(settings)


def test_folders_of_earlier_versions_are_not_refused(studio):
    # if this number changes, every folder that is bound already is refused without --overwrite
    assert fingerprint(studio.settings()) == "e905f31dc12353c1"


def test_the_order_of_formats_and_an_unused_colormap_mean_nothing(card, recipe):
    some, same = (
        OutputOptions(("npy", "tiff", "npy"), "turbo"),
        OutputOptions(("tiff", "npy"), "gray"),
    )

    one = make_settings(card, recipe, some, "float32", None)
    other = make_settings(card, recipe, same, "float32", None)

    assert one == other


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (OutputOptions(uncertainty=True), DepthKind.AFFINE_DEPTH),
        (OutputOptions(invert=True), DepthKind.METRIC),
    ],
)
def test_outputs_that_a_recipe_cannot_give_are_refused(card, recipe, output, kind):
    with pytest.raises(UsageError):
        make_settings(replace(card, kind=kind), recipe, output, "float32", None)


def test_a_spread_needs_a_format_that_holds_it(card, recipe):
    output = OutputOptions(formats=("color",), uncertainty=True)

    with pytest.raises(UsageError, match="no colour picture"):
        make_settings(card, replace(recipe, ensemble=3), output, "float32", None)


def test_a_label_tells_the_fingerprint_the_model_and_the_recipe(studio):
    label = studio.settings().label()

    facts = json.loads(label)
    assert label.isascii()
    assert facts["fingerprint"] == fingerprint(studio.settings())
    assert (facts["model"], facts["steps"], facts["kind"]) == ("luminance", 2, "affine-depth")


@pytest.mark.parametrize("text", ["", "some", "5", "%", "-5%", "5%%", "anyone"])
def test_a_share_that_makes_no_sense_is_refused(text):
    with pytest.raises(UsageError, match="fail-on"):
        Policy(fail_on=text)


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"formats": ("npy", "gif")}, "no --format 'gif'; there is: npy, tiff, png, color, exr"),
        ({"formats": ()}, "--format names nothing"),
        ({"colormap": "jet"}, "no --colormap 'jet'; there is: spectral"),
    ],
)
def test_an_output_that_does_not_exist_is_refused(wrong, advice):
    with pytest.raises(UsageError, match=advice):
        OutputOptions(**wrong)
