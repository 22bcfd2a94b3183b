"""A depth model of transformers' format: what it is, read as JSON against an allow-list."""

from __future__ import annotations

from dataclasses import dataclass

from marigold_cli.checkpoints.card import FeedForwardCard
from marigold_cli.checkpoints.manifest import Component
from marigold_cli.checkpoints.snapshot import Config, Snapshot
from marigold_cli.checkpoints.weights import find_weights
from marigold_cli.depth import DepthKind
from marigold_cli.inference.framing import Family, Framing
from marigold_cli.inference.options import Resample

CONFIG, RULES = "config.json", "preprocessor_config.json"
STEM = "model"

CLASSES = {
    Family.DEPTH_ANYTHING: "DepthAnythingForDepthEstimation",
    Family.DPT: "DPTForDepthEstimation",
    Family.ZOEDEPTH: "ZoeDepthForDepthEstimation",
    Family.DEPTH_PRO: "DepthProForDepthEstimation",
}
_DEPTH_ANYTHING = {"relative": DepthKind.AFFINE_DISPARITY, "metric": DepthKind.METRIC}
_KINDS = {
    Family.DPT: DepthKind.AFFINE_DISPARITY,  # MiDaS
    Family.ZOEDEPTH: DepthKind.METRIC,
    Family.DEPTH_PRO: DepthKind.METRIC,
}
# Parts that transformers holds itself. A backbone by name would be looked for on the hub, or in
# another library.
_PARTS = {
    "backbone_config": frozenset({"dinov2", "beit", "bit", "swin", "swinv2"}),
    "image_model_config": frozenset({"dinov2"}),
    "patch_model_config": frozenset({"dinov2"}),
    "fov_model_config": frozenset({"dinov2"}),
}

_RESAMPLES = {0: Resample.NEAREST, 2: Resample.BILINEAR, 3: Resample.BICUBIC}  # Pillow's numbers
_RESCALE = 1 / 255
_HALF = [0.5, 0.5, 0.5]  # mean and deviation that the image processors have by default


@dataclass(frozen=True)
class FeedForward:
    """A depth model of one pass that was found sound.

    Attributes:
        snapshot: Where it lies.
        component: Its class and files; its name is ".".
        family: Which model it is.
        kind: What its numbers mean.
        framing: How it wants its pixels.
    """

    snapshot: Snapshot
    component: Component
    family: Family
    kind: DepthKind
    framing: Framing

    @property
    def components(self) -> dict[str, Component]:
        """What will be loaded, by name; as a `Manifest` has it."""
        return {self.component.name: self.component}

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read, relative to the checkpoint's folder, in a stable order."""
        return tuple(sorted(self.component.files))

    @property
    def size_bytes(self) -> int:
        """What these files take on disk [bytes]."""
        return sum((self.snapshot.folder / file).stat().st_size for file in self.files)

    def make_card(self, identity: str) -> FeedForwardCard:
        """What is known of it before it is loaded."""
        snapshot = self.snapshot
        return FeedForwardCard(snapshot.name, snapshot.folder, identity, self.kind, self.family)


def read_feedforward(snapshot: Snapshot) -> FeedForward:
    """Read and judge a depth model of transformers without loading anything.

    Raises:
        ModelError: not a depth model whose numbers are known, incomplete, damaged, or unsafe.
    """
    config = snapshot.read_json(CONFIG)
    family = _family(snapshot, config)
    snapshot.refuse_code("")
    _refuse_foreign_parts(snapshot, config)
    weights = find_weights(snapshot, ".", STEM)
    return FeedForward(
        snapshot=snapshot,
        component=Component(".", CLASSES[family], weights, (CONFIG, RULES)),
        family=family,
        kind=_kind(snapshot, family, config),
        framing=_framing(snapshot, family),
    )


def is_feedforward(snapshot: Snapshot) -> bool:
    """Whether a folder says it is such a model, sound or not."""
    return snapshot.find(CONFIG) is not None and _model_type(snapshot.read_json(CONFIG)) in CLASSES


def _model_type(config: Config) -> str:
    return str(config.get("model_type"))


def _family(snapshot: Snapshot, config: Config) -> Family:
    if _model_type(config) not in CLASSES:
        known = ", ".join(CLASSES)
        raise snapshot.refuse(
            f"{CONFIG} has the model type {_model_type(config)!r}; known depth models are {known}"
        )
    family = Family(_model_type(config))
    if config.get("architectures") != [CLASSES[family]]:
        raise snapshot.refuse(
            f"its class is {config.get('architectures')!r}, not {CLASSES[family]}; refused"
        )
    return family


def _kind(snapshot: Snapshot, family: Family, config: Config) -> DepthKind:
    if family is Family.DEPTH_ANYTHING:
        stated = config.get("depth_estimation_type", "relative")
        if stated not in _DEPTH_ANYTHING:
            raise snapshot.refuse(f"it estimates {stated!r} depth, neither relative nor metric")
        return _DEPTH_ANYTHING[str(stated)]
    backbone = config.get("backbone_config")
    if family is Family.DPT and isinstance(backbone, dict) and backbone["model_type"] == "dinov2":
        # Those were trained on metres and on disparity alike, and nothing in them tells which.
        raise snapshot.refuse("a DPT on DINOv2 does not say what its numbers mean; refused")
    return _KINDS[family]


def _refuse_foreign_parts(snapshot: Snapshot, config: Config) -> None:
    for key in ("backbone", "use_timm_backbone", "use_pretrained_backbone"):
        if config.get(key):
            raise snapshot.refuse(f"{CONFIG} asks for {key} = {config[key]!r}; refused as unsafe")
    for key, known in _PARTS.items():
        part = config.get(key)
        if part is None:
            continue
        kind = part.get("model_type") if isinstance(part, dict) else part
        if not isinstance(kind, str) or kind not in known:
            raise snapshot.refuse(f"{CONFIG} asks for {key} of {kind!r}; refused as unsafe")


def _framing(snapshot: Snapshot, family: Family) -> Framing:
    """The rules of the checkpoint's image processor, in one form for all of them.

    Raises:
        ModelError: a rule that this program does not follow, or that makes no sense.
    """
    rules = snapshot.read_json(RULES)
    is_zoe, is_dpt = family is Family.ZOEDEPTH, family in (Family.DPT, Family.DEPTH_ANYTHING)
    if not rules.get("do_resize", True) or not rules.get("do_rescale", True):
        raise snapshot.refuse(f"{RULES} leaves photos as they are; it does not fit this program")
    if rules.get("do_pad", is_zoe) not in (is_zoe, None) or rules.get("do_center_crop"):
        raise snapshot.refuse(f"{RULES} pads or crops photos in a way that is not known here")
    try:
        if abs(float(str(rules.get("rescale_factor", _RESCALE))) - _RESCALE) > 1e-6:
            raise ValueError("rescale_factor")
        normalises = rules.get("do_normalize", True)
        return Framing(
            size=_size(rules["size"]),
            keeps_aspect=bool(rules.get("keep_aspect_ratio", is_zoe)),
            multiple=max(1, int(float(str(rules.get("ensure_multiple_of") or 1)))),
            resample=_RESAMPLES[int(str(rules.get("resample", 3 if is_dpt else 2)))],
            mean=_three(rules.get("image_mean", _HALF)) if normalises else (0.0, 0.0, 0.0),
            deviation=_three(rules.get("image_std", _HALF)) if normalises else (1.0, 1.0, 1.0),
            is_antialiased=is_dpt,
            has_border=is_zoe,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise snapshot.refuse(f"{RULES} makes no sense: {error}; {snapshot.advice}") from error


def _size(value: object) -> tuple[int, int]:
    """The frame aimed at; older files hold one number for both sides."""
    sides = (value["height"], value["width"]) if isinstance(value, dict) else (value, value)
    height, width = (int(str(side)) for side in sides)
    if not (0 < height <= 10_000 and 0 < width <= 10_000):
        raise ValueError(f"size {height} x {width}")
    return height, width


def _three(value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{value!r} instead of three numbers")
    red, green, blue = (float(number) for number in value)
    return red, green, blue
