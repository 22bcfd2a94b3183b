"""Which pipeline of diffusers an index names, and what of a photo that predicts."""

from __future__ import annotations

from pathlib import Path

from marigold_cli.checkpoints.snapshot import Config, Snapshot

INTRINSICS_PIPELINE = "MarigoldIntrinsicsPipeline"
# The end-to-end fine-tuned models were saved under the pipeline they were trained with.
E2E_PIPELINE = "StableDiffusionPipeline"

_PREDICTIONS = {
    "MarigoldDepthPipeline": "depth",
    "MarigoldPipeline": "depth",
    "MarigoldNormalsPipeline": "normals",
    INTRINSICS_PIPELINE: "intrinsics",
}
PIPELINES = frozenset(_PREDICTIONS)


def read_pipeline(snapshot: Snapshot, index: Config) -> str:
    """Read the name of a checkpoint's pipeline.

    Raises:
        ModelError: it is not one of those that this program knows.
    """
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise snapshot.refuse("its index names a pipeline of its own code; refused as unsafe")
    if pipeline not in PIPELINES and pipeline != E2E_PIPELINE:
        raise snapshot.refuse(
            f"it is a {pipeline}, not a Marigold of depth, normals or intrinsic images"
        )
    return pipeline


def read_prediction(snapshot: Snapshot, pipeline: str, index: Config) -> str:
    """Read what a checkpoint predicts: "depth", "disparity", "normals" or "intrinsics".

    Raises:
        ModelError: its pipeline cannot predict what the index says.
    """
    is_e2e = pipeline == E2E_PIPELINE
    own = _named_prediction(snapshot, index) if is_e2e else _PREDICTIONS[pipeline]
    prediction = str(index.get("prediction_type") or own)
    family = prediction if prediction in ("normals", "intrinsics") else "depth"
    if family not in (("depth", "normals") if is_e2e else (own,)):
        raise snapshot.refuse(f"it is a {pipeline}, and yet it predicts {prediction}")
    return prediction


def _named_prediction(snapshot: Snapshot, index: Config) -> str:
    """What an end-to-end fine-tuned model predicts, where nothing but its names tells.

    Depth and normals have the same networks, and an index that only names Stable Diffusion's
    pipeline; a prediction_type in it settles the matter for a folder of any name.
    """
    places = (Path(snapshot.name), snapshot.folder.resolve(), snapshot.repository)
    names = [index.get("custom_pipeline"), *(place.name for place in places if place)]
    return "normals" if any("normals" in str(name) for name in names) else "depth"
