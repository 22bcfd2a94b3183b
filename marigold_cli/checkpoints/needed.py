"""Which files of a repository are worth downloading: those that will be read, and no others."""

from __future__ import annotations

from collections.abc import Collection

from marigold_cli.checkpoints.feedforward import CONFIG, RULES, STEM
from marigold_cli.checkpoints.manifest import CONFIGS, INDEX, STEMS, TOKENIZER_FILES
from marigold_cli.checkpoints.weights import index_name, is_pickled, variants, weight_name
from marigold_cli.errors import ModelError


def needed_files(name: str, files: Collection[str], half: bool) -> tuple[str, ...]:
    """Choose from a repository's files those that this program reads.

    Args:
        name: The hub id, for messages.
        files: Everything the repository has, relative and with slashes.
        half: Whether float16 files will do, where there are any.

    Raises:
        ModelError: a component has no safetensors.
    """
    if INDEX not in files and RULES in files:
        return (CONFIG, RULES, *_needed_weights(name, files, "", STEM, half))
    if INDEX not in files:
        return ("config.json", *_needed_weights(name, files, "", STEMS["vae"], half))
    small = [INDEX, *(f"{part}/{file}" for part, file in CONFIGS.items())]
    words = [f"tokenizer/{file}" for file in TOKENIZER_FILES if f"tokenizer/{file}" in files]
    heavy = [
        file
        for part, stem in STEMS.items()
        for file in _needed_weights(name, files, f"{part}/", stem, half)
    ]
    return (*small, *words, *heavy)


def _needed_weights(
    name: str, files: Collection[str], folder: str, stem: str, half: bool
) -> list[str]:
    for variant in variants(half):
        single, index = folder + weight_name(stem, variant), folder + index_name(stem, variant)
        if single in files:
            return [single]
        if index in files:
            shards = [file for file in files if file.startswith(folder + stem) and "-of-" in file]
            ours = (file for file in shards if ("fp16" in file) == (variant == "fp16"))
            return [index, *sorted(file for file in ours if file.endswith(".safetensors"))]
    kept = "only as a pickle" if is_pickled([f for f in files if f.startswith(folder)]) else "not"
    raise ModelError(f"{name}: it has its {folder or 'weights'} {kept} as safetensors; not pulled")
