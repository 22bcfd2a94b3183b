"""What a checkpoint says of itself, read as JSON and held against an allow-list. Loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from marigold_cli.checkpoints.intrinsics import read_intrinsics
from marigold_cli.checkpoints.pipelines import (
    E2E_PIPELINE,
    INTRINSICS_PIPELINE,
    read_pipeline,
    read_prediction,
)
from marigold_cli.checkpoints.snapshot import Config, Snapshot
from marigold_cli.checkpoints.weights import Weights, choose, find_weights
from marigold_cli.depth import Intrinsic

INDEX = "model_index.json"
VAE_CLASSES = frozenset({"AutoencoderKL", "AutoencoderTiny"})
CLASSES = {
    "vae": ("diffusers", VAE_CLASSES),
    "unet": ("diffusers", frozenset({"UNet2DConditionModel"})),
    "scheduler": ("diffusers", frozenset({"DDIMScheduler", "LCMScheduler"})),
    "text_encoder": ("transformers", frozenset({"CLIPTextModel"})),
    "tokenizer": ("transformers", frozenset({"CLIPTokenizer", "CLIPTokenizerFast"})),
}
# Named by some indexes of that family, never opened here.
UNUSED = (
    (None, None),
    ("transformers", "CLIPImageProcessor"),
    ("transformers", "CLIPFeatureExtractor"),
    ("transformers", "CLIPVisionModelWithProjection"),
    ("stable_diffusion", "StableDiffusionSafetyChecker"),
)
STEMS = {
    "vae": "diffusion_pytorch_model",
    "unet": "diffusion_pytorch_model",
    "text_encoder": "model",
}
CONFIGS = {
    "vae": "config.json",
    "unet": "config.json",
    "scheduler": "scheduler_config.json",
    "text_encoder": "config.json",
}
TOKENIZER_FILES = (
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True)
class Component:
    """One part of a checkpoint that will be loaded.

    Attributes:
        name: Its folder: "vae", "unet", "scheduler", "text_encoder" or "tokenizer"; "." where the
            checkpoint is this component alone.
        class_name: One of the classes allowed for it.
        weights: Its weight files by precision; empty for scheduler and tokenizer.
        small_files: Its configuration, or a tokenizer's files, relative to the checkpoint's folder.
    """

    name: str
    class_name: str
    weights: tuple[Weights, ...]
    small_files: tuple[str, ...]

    def is_read_in_half(self, half: bool) -> bool:
        """Whether float16 files are read: for want of others, or as they are wanted.

        Args:
            half: Whether the networks compute in float16; the text encoder never does.
        """
        wanted = half and self.name != "text_encoder"
        return bool(self.weights) and choose(self.weights, wanted).variant is not None

    @property
    def files(self) -> tuple[str, ...]:
        """Everything of it that is read, relative to the checkpoint's folder."""
        indexes = [one.index for one in self.weights if one.index]
        return (*self.small_files, *indexes, *(f for one in self.weights for f in one.files))


@dataclass(frozen=True)
class Manifest:
    """A checkpoint's parts and its own words about how to use it; None: it does not say.

    Attributes:
        snapshot: Where it lies.
        components: What will be loaded, by name.
        is_e2e: One of the end-to-end fine-tuned family, by the shape of its index.
        prediction: "depth", "disparity", "normals" or "intrinsics".
        steps: Its default number of denoising steps.
        resolution: Its default long edge while predicting [px]; 0: the image's own.
        spacing: "trailing", "leading" or "linspace"; None: the class's own default.
        noise: "gaussian" or "zeros", where the index was written by this program.
        rescale: Whether single predictions are stretched, where the index says so.
        has_full_z: Whether its normals may point away from the viewer.
        intrinsics: What its intrinsic images are, in the order of its latents.
    """

    snapshot: Snapshot
    components: dict[str, Component]
    is_e2e: bool
    prediction: str
    steps: int | None
    resolution: int | None
    spacing: str | None
    noise: str | None
    rescale: bool | None
    has_full_z: bool = True
    intrinsics: tuple[Intrinsic, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read, relative to the checkpoint's folder, in a stable order."""
        return tuple(sorted({INDEX, *(f for one in self.components.values() for f in one.files)}))

    @property
    def size_bytes(self) -> int:
        """What these files take on disk [bytes]."""
        return sum((self.snapshot.folder / file).stat().st_size for file in self.files)


def read_manifest(snapshot: Snapshot) -> Manifest:
    """Read and judge a checkpoint without loading anything.

    Raises:
        ModelError: not a Marigold, incomplete, damaged, or unsafe.
    """
    index = snapshot.read_json(INDEX)
    pipeline = read_pipeline(snapshot, index)
    intrinsics = read_intrinsics(snapshot, index) if pipeline == INTRINSICS_PIPELINE else ()
    _refuse_pipelines_code(snapshot, index)
    _refuse_foreign(snapshot, index)
    components = {name: _component(snapshot, name, index.get(name)) for name in CLASSES}
    _check_channels(snapshot, max(1, len(intrinsics)))
    scheduler = snapshot.read_json(f"scheduler/{CONFIGS['scheduler']}")
    own = index.get("_marigold")  # underscored keys are private to their writer for diffusers
    own = own if isinstance(own, dict) else {}
    return Manifest(
        snapshot=snapshot,
        components=components,
        is_e2e=pipeline == E2E_PIPELINE,
        prediction=read_prediction(snapshot, pipeline, index),
        steps=_count(snapshot, index, "default_denoising_steps", least=1),
        resolution=_count(snapshot, index, "default_processing_resolution", least=0),
        spacing=_text(scheduler, "timestep_spacing"),
        noise=_text(own, "noise"),
        rescale=own["rescale"] is True if "rescale" in own else None,
        has_full_z=index.get("use_full_z_range") is not False,
        intrinsics=intrinsics,
    )


def read_vae(snapshot: Snapshot) -> Component:
    """Read and judge a VAE that lies in a folder of its own.

    Raises:
        ModelError: not a VAE we know, incomplete, damaged, or unsafe.
    """
    config = snapshot.read_json("config.json")
    snapshot.refuse_code("")
    class_name = config.get("_class_name")
    if not isinstance(class_name, str) or class_name not in VAE_CLASSES:
        known = " or ".join(sorted(VAE_CLASSES))
        raise snapshot.refuse(f"its config.json is not of a VAE ({known}) but of {class_name!r}")
    return Component(".", class_name, find_weights(snapshot, ".", STEMS["vae"]), ("config.json",))


def _refuse_pipelines_code(snapshot: Snapshot, index: Config) -> None:
    # The published end-to-end models carry pipeline.py for diffusers' custom_pipeline. It is never
    # run here, and everything it does is known; code anywhere else means a checkpoint is not data.
    is_e2e = index["_class_name"] == E2E_PIPELINE
    snapshot.refuse_code("", frozenset({"pipeline.py"}) if is_e2e else frozenset())
    for folder in CLASSES:
        snapshot.refuse_code(folder)


def _refuse_foreign(snapshot: Snapshot, index: Config) -> None:
    for name, value in index.items():
        if not isinstance(value, list) or name in CLASSES or name.startswith("_"):
            continue
        if not any(value == list(one) for one in UNUSED):
            raise snapshot.refuse(f"{INDEX} asks for {name} = {value!r}; refused as unsafe")


def _component(snapshot: Snapshot, name: str, entry: object) -> Component:
    library, allowed = CLASSES[name]
    if not isinstance(entry, list) or len(entry) != 2:
        raise snapshot.refuse(f"{INDEX} has no {name}; it is not a Marigold checkpoint")
    class_name = entry[1]
    if entry[0] != library or not isinstance(class_name, str) or class_name not in allowed:
        known = " or ".join(f"{library}.{one}" for one in sorted(allowed))
        raise snapshot.refuse(f"{INDEX} asks for {name} = {entry!r}, not {known}; refused")
    weights = find_weights(snapshot, name, STEMS[name]) if name in STEMS else ()
    return Component(name, class_name, weights, _small_files(snapshot, name, class_name))


def _small_files(snapshot: Snapshot, name: str, class_name: str) -> tuple[str, ...]:
    if name == "tokenizer":
        return _tokenizer_files(snapshot)
    file = f"{name}/{CONFIGS[name]}"
    stated = snapshot.read_json(file).get("_class_name", class_name)
    if stated != class_name:
        raise snapshot.refuse(f"{file} is of {stated!r}, {INDEX} says {class_name}; refused")
    return (file,)


def _tokenizer_files(snapshot: Snapshot) -> tuple[str, ...]:
    files = [f"tokenizer/{name}" for name in TOKENIZER_FILES]
    found = tuple(file for file in files if snapshot.find(file))
    if "tokenizer/tokenizer.json" not in found:
        snapshot.require("tokenizer/vocab.json")
        snapshot.require("tokenizer/merges.txt")
    if "tokenizer/tokenizer_config.json" in found:
        snapshot.read_json("tokenizer/tokenizer_config.json")  # refuses code of its own
    return found


def _check_channels(snapshot: Snapshot, count: int) -> None:
    """Marigold's U-Net sees the image's latent beside those it predicts; a plain one does not.

    Args:
        snapshot: The checkpoint.
        count: How many latents it predicts: one of depth or normals, or one an intrinsic image.
    """
    unet = snapshot.read_json("unet/config.json")
    latent = snapshot.read_json("vae/config.json").get("latent_channels", 4)
    takes, gives = unet.get("in_channels"), unet.get("out_channels", 4)
    if not isinstance(latent, int) or takes != (1 + count) * latent:
        raise snapshot.refuse(
            f"its unet takes {takes} channels where Marigold's takes {1 + count} x {latent}"
        )
    if gives != count * latent:
        raise snapshot.refuse(
            f"its unet gives {gives} channels where Marigold's gives {count} x {latent}"
        )


def _count(snapshot: Snapshot, config: Config, key: str, least: int) -> int | None:
    value = config.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or not least <= value <= 100_000:
        raise snapshot.refuse(f"{INDEX} has {key} = {value!r}; refused as damaged")
    return value


def _text(config: Config, key: str) -> str | None:
    value = config.get(key)
    return value if isinstance(value, str) else None
