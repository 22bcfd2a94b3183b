"""What is known of a checkpoint before it is loaded. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from marigold_cli.checkpoints.cpu import choose_cpu_dtype
from marigold_cli.depth import DepthKind, Intrinsic, Modality
from marigold_cli.errors import UsageError
from marigold_cli.inference.framing import Family
from marigold_cli.inference.options import (
    Noise,
    PredictOptions,
    Recipe,
    Reduction,
    Resample,
    Spacing,
)

# Of the thousand steps of training: all, all but the first, and what LCM was distilled to.
_MOST_STEPS = {Spacing.TRAILING: 1000, Spacing.LEADING: 999, None: 50}


@dataclass(frozen=True)
class Card:
    """A checkpoint in diffusers format on this machine, and how it wants to be used.

    Attributes:
        name: As a user would name it: "tiny", "prs-eth/marigold-depth-v1-1" or a folder.
        folder: Where its model_index.json lies.
        identity: The hub's commit, with the parts that are read from float16 files behind it; or
            the sha256 of a folder's configurations and weights.
        kind: What its numbers mean.
        scheduler: "ddim" or "lcm".
        steps: Its own number of denoising steps.
        resolution: Its own long edge while predicting [px].
        timesteps: Its own spacing; None where the scheduler has none (LCM).
        noise: What it was trained to start from.
        rescale: Whether a single prediction is stretched to [0, 1], as the E2E models need.
        intrinsics: What its intrinsic images are; empty where it estimates something else.
    """

    name: str
    folder: Path
    identity: str
    kind: DepthKind
    scheduler: str
    steps: int
    resolution: int
    timesteps: Spacing | None
    noise: Noise = Noise.GAUSSIAN
    rescale: bool = False
    intrinsics: tuple[Intrinsic, ...] = ()

    @property
    def cpu_dtype(self) -> str:
        """The precision that "auto" means on a CPU; half of it was measured for depth alone."""
        return choose_cpu_dtype() if self.kind.modality is Modality.DEPTH else "float32"

    def decide(self, options: PredictOptions) -> Recipe:
        """Fill in what the user left open.

        Raises:
            UsageError: options that contradict each other or this checkpoint.
        """
        if options.fast and (options.steps or 1, options.ensemble or 1) != (1, 1):
            raise UsageError("--fast is one step and one member; leave out --steps and --ensemble")
        if options.fast and options.timesteps is Spacing.LEADING:
            raise UsageError("--fast needs trailing timesteps; leave out --timesteps")
        if options.timesteps and not self.timesteps:
            raise UsageError(f"{self.name}: its scheduler has no --timesteps to choose")
        spacing = options.timesteps or self.timesteps
        recipe = Recipe(
            steps=1 if options.fast else options.steps or self.steps,
            ensemble=1 if options.fast else options.ensemble or 1,
            resolution=self.resolution if options.resolution is None else options.resolution,
            seed=options.seed,
            timesteps=Spacing.TRAILING if options.fast and self.timesteps else spacing,
            noise=options.noise or self.noise,
            resample=options.resample,
            reduction=options.reduction,
            tile=options.tile,
            refine=options.refine,
        )
        self._check(recipe)
        self._check_detail(recipe)
        return recipe

    def _check(self, recipe: Recipe) -> None:
        """Refuse what the schedule cannot do, and work that would be for nothing."""
        most = _MOST_STEPS[recipe.timesteps]
        if recipe.steps > most:
            raise UsageError(f"{self.name}: at most --steps {most}")
        is_drawn = self.scheduler == "lcm" and recipe.steps > 1  # noise between its steps
        if recipe.noise is Noise.ZEROS and recipe.ensemble > 1 and not is_drawn:
            raise UsageError(
                f"{self.name}: from zeros, all members of an ensemble would be the same; "
                "leave out --ensemble, or take --noise gaussian"
            )

    def _check_detail(self, recipe: Recipe) -> None:
        """Refuse tiles and edges where they have no meaning."""
        if recipe.tile is not None and not recipe.resolution:
            raise UsageError("--tile is for photos larger than --resolution, which 0 leaves open")
        if recipe.tile and recipe.tile < recipe.resolution:
            raise UsageError(
                f"--tile {recipe.tile} is less than the {recipe.resolution} px that {self.name} "
                "predicts at; take larger tiles or a lower --resolution"
            )
        if self.kind.modality is not Modality.DEPTH and (recipe.tile is not None or recipe.refine):
            raise UsageError(f"{self.name}: --tile and --refine are for depth only")


@dataclass(frozen=True)
class FeedForwardCard:
    """A depth model of transformers' format on this machine, which predicts in a single pass.

    Attributes:
        name: As a user would name it: "apple/DepthPro-hf" or a folder.
        folder: Where its config.json lies.
        identity: As in `Card`.
        kind: What its numbers mean.
        family: Which model it is.
    """

    name: str
    folder: Path
    identity: str
    kind: DepthKind
    family: Family

    @property
    def cpu_dtype(self) -> str:
        """The precision that "auto" means on a CPU; no other was measured."""
        return "float32"

    @property
    def intrinsics(self) -> tuple[Intrinsic, ...]:
        """None: depth is all that such a model estimates."""
        return ()

    def decide(self, options: PredictOptions) -> Recipe:
        """One pass at the size that the checkpoint's own rules say, whatever was asked.

        Steps, members, noise and seed mean nothing here. They are passed over and not refused, so
        that such a model can stand beside a Marigold in one evaluation; nor do they get into the
        fingerprint, for they change no byte.
        """
        return Recipe(
            steps=1,
            ensemble=1,
            resolution=0,
            seed=0,
            timesteps=None,
            noise=Noise.ZEROS,
            resample=Resample.BILINEAR,
            reduction=Reduction.MEDIAN,
        )


AnyCard: TypeAlias = Card | FeedForwardCard
