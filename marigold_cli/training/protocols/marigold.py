"""Marigold's fine-tuning (Ke et al. 2024): denoise the truth's latent, given the picture's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from marigold_cli.depth import Modality
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Noise, Recipe, Reduction, Resample, Spacing
from marigold_cli.inference.schedule import make_schedule
from marigold_cli.training.codec import Codec
from marigold_cli.training.lesson import Batch, Chance, Lesson
from marigold_cli.training.losses import mean_known
from marigold_cli.training.noise import (
    STRENGTH,
    add_noise,
    count_normals,
    multi_resolution_noise,
    velocity,
)
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import (
    depth_image,
    is_known,
    known_cells,
    known_normals,
    normals_of,
    rgb_image,
)

_STEPS = 4  # of the predictions that people look at


class MarigoldProtocol(Denoiser):
    """v-prediction at all timesteps alike, from multi-resolution noise annealed over them."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        codec: Codec,
        scheduler: DDIMScheduler,
        empty_text: Tensor,
        modality: Modality = Modality.DEPTH,
        last_share: float = 0.0,
    ) -> None:
        """Take networks.

        Args:
            unet: See Denoiser.
            codec: See Denoiser.
            scheduler: See Denoiser.
            empty_text: See Denoiser.
            modality: What is estimated.
            last_share: Share of pictures shown at the last timestep, pure noise, beside those
                that come there by chance: what a single step starts from.
        """
        super().__init__(unet, codec, scheduler, empty_text, modality)
        self._last_share = last_share

    def encode(self, samples: Samples) -> Lesson:
        """Latents of pictures and of their truth; a cell is known if all its pixels are."""
        given = self.codec.encode(rgb_image(samples.rgb))  # [B, C, h, w]
        target = self.codec.encode(self._truth(samples))  # [B, C, h, w]
        known = known_cells(self._known(samples), self.multiple)  # [B, 1, h, w]
        return Lesson(given, target, known, given.new_ones(len(samples), 1, 1, 1))

    def normals(self, content: Samples | Lesson, shared: Sequence[float]) -> int:
        """White noise and all coarser levels."""
        return count_normals(self.codec.channels, self.cells(content), shared)

    def loss(self, batch: Batch) -> Tensor:
        """Mean squared error of the velocity over known cells.

        Of each picture over its own cells, then of pictures: so a batch may be divided among
        passes and processes as one likes. The paper's code pools the cells of a batch, where a
        picture of which less is known counts less, and how much depends on its neighbours.
        """
        lesson = self.lesson(batch)
        timestep = self.timesteps(batch.chance)  # [B]
        strength = STRENGTH * timestep / (self.last + 1)  # [B]
        noise = multi_resolution_noise(lesson.target, strength, batch.chance)  # [B, C, h, w]
        alpha_bar = self.level(timestep)  # [B, 1, 1, 1]
        noisy = add_noise(lesson.target, noise, alpha_bar)  # [B, C, h, w]
        answer = self.ask(lesson.given, noisy, timestep)  # [B, C, h, w]
        error = (answer - velocity(lesson.target, noise, alpha_bar)).square()
        return mean_known(error, lesson.known).mean()

    def timesteps(self, chance: Chance) -> Tensor:
        """Timesteps [B]: uniform, but for the extra share of the last one."""
        uniform = (chance.uniform[:, 0] * (self.last + 1)).long()
        is_last = chance.uniform[:, 1] < self._last_share
        return torch.where(is_last, self.last, uniform)

    @torch.no_grad()
    def predict(self, samples: Samples) -> Tensor:
        """Denoise in a few steps, from noise that is always the same."""
        schedule = make_schedule(self.scheduler, _recipe())
        given = self.codec.encode(rgb_image(samples.rgb))  # [B, C, h, w]
        stream = torch.Generator().manual_seed(0)
        model = DepthModel(self.codec.vae, self.network, self.scheduler, self.empty_text)
        noise = torch.randn(given.shape, generator=stream)
        latent = model.denoise(given, noise, schedule, noise.clone)  # [B, C, h, w]
        image = self.codec.decode(latent)  # [B, 3, H, W]
        return image if self.modality is Modality.NORMALS else image.mean(1, keepdim=True)

    def _truth(self, samples: Samples) -> Tensor:
        """The image [B, 3, H, W] that is to be denoised."""
        if self.modality is Modality.NORMALS:
            return normals_of(samples)
        image, _ = depth_image(samples.depth, samples.valid)
        return image.expand(-1, 3, -1, -1)

    def _known(self, samples: Samples) -> Tensor:
        """Where that image is right [B, 1, H, W]."""
        if self.modality is Modality.NORMALS:
            return known_normals(samples)
        return is_known(samples.depth, samples.valid)


def _recipe() -> Recipe:
    return Recipe(
        steps=_STEPS,
        ensemble=1,
        resolution=0,
        seed=0,
        timesteps=Spacing.TRAILING,
        noise=Noise.GAUSSIAN,
        resample=Resample.BILINEAR,
        reduction=Reduction.MEDIAN,
    )
