from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import DepthKind
from marigold_cli.errors import ExitCode, ModelError
from marigold_cli.inference.options import Noise
from marigold_cli.inference.reading import NormalsCode

INDEX = "model_index.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"

Attack = Callable[[Path, Path], None]


class Bomb:
    """A pickle that creates a file when it is opened."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.open, (str(self.canary), os.O_CREAT | os.O_WRONLY)


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def code(canary: Path) -> str:
    return f"open({str(canary)!r}, 'w')\nclass Evil: pass\n"


def pickled_weights(folder: Path, canary: Path) -> None:
    (folder / "unet" / WEIGHTS).unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Bomb(canary)))


def pipeline_of_its_own(folder: Path, canary: Path) -> None:
    (folder / "pipeline.py").write_text(code(canary))
    change(folder / INDEX, _class_name=["pipeline", "Evil"])


def component_of_its_own(folder: Path, canary: Path) -> None:
    (folder / "unet" / "evil.py").write_text(code(canary))
    change(folder / INDEX, unet=["evil", "Evil"])


def code_beside_the_weights(folder: Path, canary: Path) -> None:
    (folder / "unet" / "modeling_unet.py").write_text(code(canary))


def code_at_the_top(folder: Path, canary: Path) -> None:
    (folder / "pipeline.py").write_text(code(canary))


def foreign_library(folder: Path, canary: Path) -> None:
    change(folder / INDEX, text_encoder=["antigravity", "CLIPTextModel"])


def foreign_extra(folder: Path, canary: Path) -> None:
    change(folder / INDEX, safety_checker=["antigravity", "Checker"])


def other_class_of_a_known_library(folder: Path, canary: Path) -> None:
    change(folder / INDEX, unet=["diffusers", "UNet2DModel"])


def class_list_in_a_component(folder: Path, canary: Path) -> None:
    (folder / "vae" / "evil.py").write_text(code(canary))
    change(folder / "vae" / "config.json", _class_name=["evil", "Evil"])


def class_list_without_code(folder: Path, canary: Path) -> None:
    change(folder / "vae" / "config.json", _class_name=["evil", "Evil"])


def auto_map(folder: Path, canary: Path) -> None:
    change(folder / "text_encoder" / "config.json", auto_map={"AutoModel": "evil.Evil"})


def auto_map_of_the_tokenizer(folder: Path, canary: Path) -> None:
    path = folder / "tokenizer" / "tokenizer_config.json"
    change(path, auto_map={"AutoTokenizer": ["evil.Evil", None]})


def quantisation_by_another_library(folder: Path, canary: Path) -> None:
    change(folder / "unet" / "config.json", quantization_config={"quant_method": "gptq"})


def sharded(folder: Path, shard: str) -> None:
    (folder / "unet" / WEIGHTS).rename(folder / "elsewhere.safetensors")
    index = {"metadata": {}, "weight_map": {"conv_in.weight": shard}}
    (folder / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def shard_outside(folder: Path, canary: Path) -> None:
    sharded(folder, "../elsewhere.safetensors")


def shard_at_an_absolute_path(folder: Path, canary: Path) -> None:
    sharded(folder, str(folder / "elsewhere.safetensors"))


def pickled_shard(folder: Path, canary: Path) -> None:
    (folder / "unet" / "one.bin").write_bytes(pickle.dumps(Bomb(canary)))
    sharded(folder, "one.bin")


def huge_header(folder: Path, canary: Path) -> None:
    (folder / "unet" / WEIGHTS).write_bytes((100 << 20).to_bytes(8, "little") + b"{}")


def truncated(folder: Path, canary: Path) -> None:
    path = folder / "unet" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def truncated_header(folder: Path, canary: Path) -> None:
    path = folder / "unet" / WEIGHTS
    path.write_bytes(path.read_bytes()[:100])


def empty_weights(folder: Path, canary: Path) -> None:
    (folder / "vae" / WEIGHTS).write_bytes(b"")


def header_of_other_shape(folder: Path, canary: Path) -> None:
    header = json.dumps({"weight": {"data_offsets": "here"}}).encode()
    (folder / "vae" / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)


def link_out_of_the_folder(folder: Path, canary: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "unet" / WEIGHTS).rename(outside)
    (folder / "unet" / WEIGHTS).symlink_to(outside)


def component_linked_out_of_the_folder(folder: Path, canary: Path) -> None:
    (folder / "vae").rename(folder.parent / "vae")
    (folder / "vae").symlink_to(folder.parent / "vae")


def huge_index(folder: Path, canary: Path) -> None:
    change(folder / INDEX, padding=" " * (5 << 20))


def nested_index(folder: Path, canary: Path) -> None:
    (folder / INDEX).write_text("[" * 100_000 + "]" * 100_000)


def index_of_another_kind(folder: Path, canary: Path) -> None:
    (folder / INDEX).write_text("[]")


ATTACKS: list[Attack] = [
    pickled_weights,
    pipeline_of_its_own,
    component_of_its_own,
    code_beside_the_weights,
    code_at_the_top,
    foreign_library,
    foreign_extra,
    other_class_of_a_known_library,
    class_list_in_a_component,
    class_list_without_code,
    auto_map,
    auto_map_of_the_tokenizer,
    quantisation_by_another_library,
    shard_outside,
    shard_at_an_absolute_path,
    pickled_shard,
    huge_header,
    truncated,
    truncated_header,
    empty_weights,
    header_of_other_shape,
    link_out_of_the_folder,
    component_linked_out_of_the_folder,
    huge_index,
    nested_index,
    index_of_another_kind,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_hostile_or_damaged_folder_is_refused_and_runs_nothing(
    folder: Path, tmp_path: Path, attack: Attack
) -> None:
    canary = tmp_path / "canary"
    card = resolve(str(folder))  # judged while it was still sound, as if it was swapped later
    attack(folder, canary)

    with pytest.raises(ModelError) as planned:
        resolve(str(folder))
    with pytest.raises(ModelError):
        load(card)

    assert not canary.exists()
    assert planned.value.exit_code == ExitCode.MODEL
    assert str(planned.value).startswith(f"{folder}: ")


def test_the_bomb_of_these_tests_is_live(tmp_path: Path) -> None:
    os.close(pickle.loads(pickle.dumps(Bomb(tmp_path / "canary"))))

    assert (tmp_path / "canary").exists()


def test_the_end_to_end_models_own_code_is_left_alone(published: dict[str, Path]) -> None:
    code = published["e2e"] / "pipeline.py"

    model = load(resolve(str(published["e2e"])))

    assert code.exists()  # it would end the program if it ran
    assert model.reading.rescale


def test_a_link_from_the_cache_into_another_repository_is_refused(
    cache: Callable[..., Path], whole: Path
) -> None:
    snapshot = cache("some/marigold", whole)
    other = cache("other/marigold", whole)
    link = snapshot / "unet" / WEIGHTS
    link.unlink()
    link.symlink_to(other / "unet" / WEIGHTS)

    with pytest.raises(ModelError, match="a link out of the checkpoint"):
        resolve("some/marigold")


def test_a_link_to_a_snapshot_of_the_cache_is_as_good_as_the_snapshot(
    cache: Callable[..., Path], whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").symlink_to(cache("some/marigold", whole))

    assert resolve(str(tmp_path / "mine")).identity == resolve(str(whole)).identity


def test_truncated_weights_are_told_with_both_sizes(folder: Path) -> None:
    path = folder / "unet" / WEIGHTS
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(ModelError, match=f"truncated: {whole - 100} of {whole} bytes"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "file",
    [
        f"unet/{WEIGHTS}",
        f"vae/{WEIGHTS}",
        "text_encoder/model.safetensors",
        "unet/config.json",
        "scheduler/scheduler_config.json",
        INDEX,
    ],
)
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()

    with pytest.raises(ModelError, match=file.rpartition("/")[2]):
        resolve(str(folder))


def test_a_checkpoint_without_a_vocabulary_is_incomplete(folder: Path) -> None:
    for path in (folder / "tokenizer").iterdir():
        path.unlink()

    with pytest.raises(ModelError, match=r"tokenizer/vocab\.json is missing"):
        resolve(str(folder))


def test_a_text_to_image_model_is_not_taken_for_an_end_to_end_one(
    published: dict[str, Path], tmp_path: Path, edit: Callable[..., None]
) -> None:
    plain = shutil.copytree(published["e2e"], tmp_path / "stable-diffusion")
    edit(plain / "unet" / "config.json", {"in_channels": 4})

    with pytest.raises(ModelError, match="takes 4 channels where Marigold's takes 2 x 4"):
        resolve(str(plain))


def test_another_pipeline_is_called_by_its_name(folder: Path, edit: Callable[..., None]) -> None:
    edit(folder / INDEX, {"_class_name": "FluxPipeline"})

    with pytest.raises(ModelError, match="it is a FluxPipeline, not a Marigold of depth, normals"):
        resolve(str(folder))


@pytest.mark.parametrize("full", [True, False, None])
def test_a_pipeline_of_normals_is_a_checkpoint_of_normals(
    folder: Path, edit: Callable[..., None], full: bool | None
) -> None:
    changes = {"_class_name": "MarigoldNormalsPipeline", "use_full_z_range": full}
    edit(folder / INDEX, {**changes, "prediction_type": "normals"})

    card = resolve(str(folder))

    assert card.kind is DepthKind.NORMALS
    assert load(card).reading.normals == NormalsCode(has_full_z=full is not False)
    assert load(card).kind is DepthKind.NORMALS


def test_a_pipeline_of_normals_that_predicts_depth_is_refused(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit(folder / INDEX, {"_class_name": "MarigoldNormalsPipeline"})  # with prediction_type depth

    with pytest.raises(ModelError, match="and yet it predicts depth"):
        resolve(str(folder))


@pytest.mark.parametrize("start", ["marigold", "stable-diffusion"])
def test_the_end_to_end_models_are_told_apart_by_their_names(
    start: str, cache: Callable[..., Path], published: dict[str, Path]
) -> None:
    cache(f"GonzaloMG/{start}-e2e-ft-depth", published["e2e"])
    cache(f"GonzaloMG/{start}-e2e-ft-normals", published["e2e"])

    depth, normals = (resolve(f"GonzaloMG/{start}-e2e-ft-{what}") for what in ("depth", "normals"))

    assert (depth.kind, normals.kind) == (DepthKind.AFFINE_DEPTH, DepthKind.NORMALS)
    assert (normals.steps, normals.noise, normals.resolution) == (1, Noise.ZEROS, 768)
    code = load(normals).reading.normals
    assert code == NormalsCode(has_full_z=True, is_clipped=False, has_x_left=True)


def test_a_renamed_end_to_end_model_is_known_by_what_its_index_says(
    published: dict[str, Path], tmp_path: Path, edit: Callable[..., None]
) -> None:
    folder = shutil.copytree(published["e2e"], tmp_path / "mine")
    kinds = []

    for changes in (
        {},
        {"custom_pipeline": "GonzaloMG/marigold-e2e-ft-normals"},
        {"custom_pipeline": None, "prediction_type": "normals"},
    ):
        edit(folder / INDEX, changes)
        kinds.append(resolve(str(folder)).kind)

    assert kinds == [DepthKind.AFFINE_DEPTH, DepthKind.NORMALS, DepthKind.NORMALS]
    edit(folder / INDEX, {"prediction_type": "intrinsics"})
    with pytest.raises(ModelError, match="and yet it predicts intrinsics"):
        resolve(str(folder))


@pytest.mark.parametrize("ending", ["", "/", "/."])
def test_a_folder_of_normals_is_known_however_its_path_is_written(
    published: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    folder = shutil.copytree(published["e2e"], tmp_path / "marigold-e2e-ft-normals")
    monkeypatch.chdir(folder)

    kinds = [resolve(name).kind for name in (f"{folder}{ending}", f".{ending}")]

    assert kinds == [DepthKind.NORMALS] * 2


def test_a_snapshot_of_normals_in_the_cache_is_known_by_its_path(
    cache: Callable[..., Path], published: dict[str, Path]
) -> None:
    snapshot = cache("GonzaloMG/marigold-e2e-ft-normals", published["e2e"])

    assert resolve(str(snapshot)).kind is DepthKind.NORMALS


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        (INDEX, {"prediction_type": "normals"}, "predicts normals"),
        (INDEX, {"default_denoising_steps": "many"}, "default_denoising_steps = 'many'"),
        (INDEX, {"_marigold": {"noise": "pink"}}, "'pink' noise"),
        ("scheduler/scheduler_config.json", {"timestep_spacing": "linspace"}, "'linspace'"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    folder: Path, edit: Callable[..., None], file: str, changes: dict[str, object], message: str
) -> None:
    edit(folder / file, changes)

    with pytest.raises(ModelError, match=message):
        resolve(str(folder))
