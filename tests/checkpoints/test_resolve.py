from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from marigold_cli.checkpoints import resolve as room
from marigold_cli.checkpoints.resolve import (
    better_model_advice,
    resolve,
    resolve_vae,
)
from marigold_cli.depth import DepthKind, Modality
from marigold_cli.errors import ExitCode, ModelError, UsageError
from marigold_cli.inference.options import Noise, PredictOptions, Spacing

V1_1, V1_0 = "prs-eth/marigold-depth-v1-1", "prs-eth/marigold-depth-v1-0"
LCM, E2E = "prs-eth/marigold-depth-lcm-v1-0", "GonzaloMG/marigold-e2e-ft-depth"

Cache = Callable[..., Path]
Write = Callable[..., Path]
COMMIT = "c" * 40


@pytest.fixture
def embedded(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The embedded models by name, a small random one for "tiny"."""
    models = {"tiny": shutil.copytree(whole, tmp_path / "embedded" / "tiny")}
    monkeypatch.setattr(room, "EMBEDDED", models)
    return models


def test_a_folder_is_described_by_its_own_words(whole: Path) -> None:
    card = resolve(str(whole))

    assert (card.name, card.folder) == (str(whole), whole)
    assert (card.steps, card.resolution, card.scheduler) == (4, 768, "ddim")
    assert (card.timesteps, card.noise, card.rescale) == (Spacing.TRAILING, Noise.GAUSSIAN, False)
    assert card.kind is DepthKind.AFFINE_DEPTH


def test_the_first_published_model_says_leading_and_ten_steps(published: dict[str, Path]) -> None:
    card = resolve(str(published["v1-0"]))

    assert (card.steps, card.resolution, card.timesteps) == (10, 768, Spacing.LEADING)


def test_the_consistency_model_has_one_step_and_no_spacing(published: dict[str, Path]) -> None:
    card = resolve(str(published["lcm"]))

    assert (card.scheduler, card.steps, card.timesteps) == ("lcm", 1, None)


def test_the_end_to_end_model_is_known_by_its_odd_index(published: dict[str, Path]) -> None:
    card = resolve(str(published["e2e"]))

    assert (card.steps, card.resolution, card.timesteps) == (1, 768, Spacing.TRAILING)
    assert (card.noise, card.rescale) == (Noise.ZEROS, True)


@pytest.mark.parametrize(("layout", "steps"), [("v1-0", 10), ("v1-1", 4), ("lcm", 1)])
def test_an_index_without_defaults_gets_those_of_its_family(
    published: dict[str, Path], tmp_path: Path, edit: Callable[..., None], layout: str, steps: int
) -> None:
    old = shutil.copytree(published[layout], tmp_path / "old")
    gone = ("default_denoising_steps", "default_processing_resolution", "prediction_type")
    edit(old / "model_index.json", dict.fromkeys((*gone, "scale_invariant", "shift_invariant")))

    card = resolve(str(old))

    assert (card.steps, card.resolution, card.kind) == (steps, 768, DepthKind.AFFINE_DEPTH)


def test_a_disparity_model_says_so(folder: Path, edit: Callable[..., None]) -> None:
    edit(folder / "model_index.json", {"prediction_type": "disparity"})

    assert resolve(str(folder)).kind is DepthKind.AFFINE_DISPARITY


def test_an_index_of_our_own_may_ask_for_zeros_and_stretching(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit(folder / "model_index.json", {"_marigold": {"noise": "zeros", "rescale": True}})

    card = resolve(str(folder))

    assert (card.noise, card.rescale) == (Noise.ZEROS, True)


def test_a_cached_model_is_found_by_its_hub_id(cache: Cache, whole: Path) -> None:
    snapshot = cache(V1_1, whole)

    card = resolve(V1_1)

    assert (card.name, card.folder, card.identity) == (V1_1, snapshot, snapshot.name)


def test_full_and_half_files_of_one_commit_are_not_the_same(
    cache: Cache, whole: Path, write: Write, tmp_path: Path
) -> None:
    """Both are float32 networks of one commit, of weights that differ in the last digits."""
    cache(V1_1, whole, COMMIT)
    full, full_in_half = resolve(V1_1), resolve(V1_1, half=True)
    cache(V1_0, write(tmp_path / "half", variant="fp16"), COMMIT)
    half = resolve(V1_0)

    assert full.identity == full_in_half.identity == COMMIT
    assert half.identity == f"{COMMIT}+fp16:text_encoder,unet,vae"


def test_where_both_are_cached_the_precision_says_which_is_read(
    cache: Cache, whole: Path, write: Write, tmp_path: Path
) -> None:
    both = shutil.copytree(whole, tmp_path / "both")
    write(both, variant="fp16")
    cache(V1_1, both, COMMIT)

    assert resolve(V1_1).identity == COMMIT
    assert resolve(V1_1, half=True).identity == f"{COMMIT}+fp16:unet,vae"


def test_a_cached_model_is_found_by_its_alias(cache: Cache, whole: Path) -> None:
    cache(V1_1, whole)

    assert resolve("marigold-v1-1").name == V1_1


@pytest.mark.parametrize("revision", ["f" * 40, "main"])
def test_a_revision_chooses_among_cached_snapshots(
    cache: Cache, whole: Path, revision: str
) -> None:
    cache(V1_1, whole, "f" * 40)
    cache(V1_1, whole, "e" * 40)  # the later one is what main points at

    card = resolve(V1_1, revision)

    assert card.identity == ("f" * 40 if revision != "main" else "e" * 40)


def test_a_revision_that_is_not_cached_is_named_with_the_command_that_gets_it(
    cache: Cache, whole: Path
) -> None:
    cache(V1_1, whole)

    with pytest.raises(ModelError, match=rf"marigold models pull {V1_1} --revision paper"):
        resolve(V1_1, "paper")


def test_a_model_that_is_not_here_is_named_with_the_command_that_gets_it() -> None:
    with pytest.raises(ModelError, match=f"marigold models pull {V1_1}") as caught:
        resolve("marigold-v1-1")

    assert caught.value.exit_code == ExitCode.MODEL == 5


@pytest.mark.parametrize(
    "name", ["nonsense", "a/b/c", "../../etc", "a/..", "", "models--a/b", "long" * 99]
)
def test_a_name_that_can_be_nothing_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        resolve(name)


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a b", ""])
def test_a_revision_cannot_lead_out_of_the_cache(cache: Cache, whole: Path, revision: str) -> None:
    cache(V1_1, whole)

    with pytest.raises(ModelError, match="no revision"):
        resolve(V1_1, revision)


@pytest.mark.parametrize("name", [None, "folder"])
def test_a_revision_of_no_hub_model_is_wrong_usage(folder: Path, name: str | None) -> None:
    with pytest.raises(UsageError, match="revision"):
        resolve(name and str(folder), "main")


def test_a_folder_wins_over_a_hub_id_of_the_same_spelling(
    cache: Cache, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache(V1_1, whole)
    shutil.copytree(whole, tmp_path / V1_1)
    monkeypatch.chdir(tmp_path)

    assert resolve(V1_1).folder == Path(V1_1)


def test_a_folder_of_photos_does_not_hide_a_short_name(
    embedded: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)

    assert resolve("tiny").folder == embedded["tiny"]


def test_a_folder_without_an_index_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        resolve(str(tmp_path))


def test_without_a_name_the_embedded_model_is_taken_and_a_better_one_advised(
    embedded: dict[str, Path],
) -> None:
    card = resolve(None)

    assert (card.name, card.folder) == ("tiny", embedded["tiny"])
    assert f"marigold models pull {V1_1}" in str(better_model_advice(card))


def test_without_a_name_the_best_cached_model_is_taken(
    embedded: dict[str, Path], cache: Cache, published: dict[str, Path]
) -> None:
    found = []
    for name, layout in ((LCM, "lcm"), (V1_0, "v1-0"), (V1_1, "v1-1")):
        cache(name, published[layout])
        found.append(resolve(None).name)

    assert found == [LCM, V1_0, V1_1]
    assert better_model_advice(resolve(None)) is None


def test_a_download_that_broke_off_is_not_chosen_unasked(
    embedded: dict[str, Path], cache: Cache, whole: Path
) -> None:
    snapshot = cache(V1_1, whole)
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").unlink()

    assert resolve(None).name == "tiny"


def test_a_named_model_never_falls_back(
    embedded: dict[str, Path], cache: Cache, whole: Path
) -> None:
    snapshot = cache(V1_1, whole)
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").unlink()

    with pytest.raises(ModelError, match=f"complete it with: marigold models pull {V1_1}"):
        resolve(V1_1)


def test_fast_takes_the_end_to_end_weights_of_the_family_at_hand(
    embedded: dict[str, Path], cache: Cache, published: dict[str, Path]
) -> None:
    without = resolve(None, fast=True).name
    embedded["tiny-e2e"] = published["e2e"]
    with_tiny = resolve(None, fast=True).name
    cache(V1_1, published["v1-1"])
    with_full = resolve(None, fast=True).name
    cache(E2E, published["e2e"])
    with_both = resolve(None, fast=True).name

    assert (without, with_tiny, with_full, with_both) == ("tiny", "tiny-e2e", V1_1, E2E)


def test_fast_leaves_a_named_model_as_it_is(cache: Cache, published: dict[str, Path]) -> None:
    cache(V1_0, published["v1-0"])
    cache(E2E, published["e2e"])

    card = resolve(V1_0, fast=True)
    recipe = card.decide(PredictOptions(fast=True))

    assert card.name == V1_0
    assert (recipe.steps, recipe.timesteps) == (1, Spacing.TRAILING)


def test_the_end_to_end_model_is_never_chosen_without_fast(
    embedded: dict[str, Path], cache: Cache, published: dict[str, Path]
) -> None:
    cache(E2E, published["e2e"])

    assert resolve(None).name == "tiny"


def test_a_folders_identity_does_not_depend_on_where_it_lies(folder: Path, whole: Path) -> None:
    assert resolve(str(folder)).identity == resolve(str(whole)).identity


def test_one_changed_bit_of_a_weight_changes_the_identity(folder: Path) -> None:
    before = resolve(str(folder)).identity
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    data = weights.read_bytes()

    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    assert resolve(str(folder)).identity != before


def test_one_changed_setting_changes_the_identity(folder: Path, edit: Callable[..., None]) -> None:
    before = resolve(str(folder)).identity

    edit(folder / "scheduler" / "scheduler_config.json", {"beta_end": 0.013})

    assert resolve(str(folder)).identity != before


def test_what_is_not_used_does_not_change_the_identity(folder: Path) -> None:
    before = resolve(str(folder)).identity
    (folder / "README.md").write_text("words")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle nobody opens")

    assert resolve(str(folder)).identity == before


def test_an_upper_case_name_of_nothing_lists_the_short_names(embedded: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="tiny, marigold-v1-1"):
        resolve("Tiny?")


def test_another_vae_is_found_in_the_cache(cache: Cache, tiny_vae: Path) -> None:
    snapshot = cache("madebyollin/taesd", tiny_vae)

    vae = resolve_vae("madebyollin/taesd")

    assert (vae.component.class_name, vae.identity) == ("AutoencoderTiny", snapshot.name)


def test_a_checkpoint_is_no_vae(whole: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve_vae(str(whole))


def test_a_unet_is_no_vae(whole: Path) -> None:
    with pytest.raises(ModelError, match="UNet2DConditionModel"):
        resolve_vae(str(whole / "unet"))


def test_names_are_resolved_without_torch_and_in_the_cache_that_hf_home_names(
    cache: Cache, whole: Path
) -> None:
    snapshot = cache(V1_1, whole)
    program = (
        "import sys; from marigold_cli.checkpoints.resolve import resolve;"
        f"print(resolve({V1_1!r}).identity, 'torch' in sys.modules, 'diffusers' in sys.modules)"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == [snapshot.name, "False", "False"]


def test_fast_normals_come_from_the_end_to_end_model_where_it_is_at_hand(
    cache: Cache, published: dict[str, Path], normals: Path
) -> None:
    cache("prs-eth/marigold-normals-v1-1", normals)
    plain = resolve(None, fast=True, modality=Modality.NORMALS).name
    cache("GonzaloMG/marigold-e2e-ft-normals", published["e2e"])

    names = [resolve(None, fast=fast, modality=Modality.NORMALS).name for fast in (True, False)]

    assert plain == "prs-eth/marigold-normals-v1-1"
    assert names == ["GonzaloMG/marigold-e2e-ft-normals", "prs-eth/marigold-normals-v1-1"]


@pytest.fixture
def normals(folder: Path, edit: Callable[..., None]) -> Path:
    changes = {"_class_name": "MarigoldNormalsPipeline", "prediction_type": "normals"}
    edit(folder / "model_index.json", changes)
    return folder
