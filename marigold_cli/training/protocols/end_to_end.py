"""End-to-end fine-tuning (Garcia et al. 2024): one step from zeros, judged in pixels."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from marigold_cli.depth import Modality
from marigold_cli.training.codec import Codec
from marigold_cli.training.lesson import Batch, Lesson
from marigold_cli.training.losses import affine_invariant_error, angular_error
from marigold_cli.training.noise import clean_of
from marigold_cli.training.options import Unit
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import (
    depth_image,
    is_known,
    known_normals,
    normals_of,
    rgb_image,
)

# Of a pixel's own depth that a step may be: at least, so that the sky counts; at most, so that what
# all but touches the lens is not all that counts.
_SHARES = (0.25, 10.0)


class EndToEndProtocol(Denoiser):
    """The noisiest timestep, zeros in place of noise, and the loss behind the decoder."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        codec: Codec,
        scheduler: DDIMScheduler,
        empty_text: Tensor,
        modality: Modality = Modality.DEPTH,
        unit: Unit = Unit.METRE,
    ) -> None:
        """Take networks.

        Args:
            unet: See Denoiser.
            codec: See Denoiser.
            scheduler: See Denoiser.
            empty_text: See Denoiser.
            modality: What is estimated.
            unit: In what errors of depth are counted.
        """
        super().__init__(unet, codec, scheduler, empty_text, modality)
        self._unit = unit

    def encode(self, samples: Samples) -> Lesson:
        """Latents of pictures; the truth stays in pixels.

        Depth is clipped to its outer percentiles and kept as an image; since the loss knows no
        scale and shift, the weight alone brings back the unit of depth.
        """
        given = self.codec.encode(rgb_image(samples.rgb))  # [B, C, h, w]
        if self.modality is Modality.NORMALS:
            target, weight = normals_of(samples), given.new_ones(len(samples), 1, 1, 1)
            known = known_normals(samples)
        else:
            target, step = depth_image(samples.depth, samples.valid)  # [B, 1, H, W], [B]
            weight = self._weigh(samples.depth, step.view(-1, 1, 1, 1))
            known = is_known(samples.depth, samples.valid)
        return Lesson(given, target, known, weight)

    def loss(self, batch: Batch) -> Tensor:
        """Error of the decoded answer."""
        lesson = self.lesson(batch)
        image = self.answer(lesson.given)  # [B, 1 or 3, H, W]
        if self.modality is Modality.NORMALS:
            return angular_error(image, lesson.target, lesson.known).mean()
        return affine_invariant_error(image, lesson.target, lesson.known, lesson.weight).mean()

    def answer(self, given: Tensor) -> Tensor:
        """Depth [B, 1, H, W] or normals [B, 3, H, W], in [-1, 1], for latents [B, C, h, w]."""
        timestep = torch.full((len(given),), self.last, device=given.device)
        zeros = torch.zeros_like(given)
        answer = self.ask(given, zeros, timestep)  # [B, C, h, w]
        latent = clean_of(zeros, answer, self.level(timestep))  # [B, C, h, w]
        image = self.codec.decode(latent)  # [B, 3, H, W]
        is_depth = self.modality is Modality.DEPTH
        return (image.mean(1, keepdim=True) if is_depth else image).clamp(-1, 1)

    def _weigh(self, depth: Tensor, step: Tensor) -> Tensor:
        """What an error of 1 in a depth image counts, in the unit of errors.

        Args:
            depth: [B, 1, H, W].
            step: [B, 1, 1, 1], how much depth that is.
        """
        if self._unit is Unit.METRE:
            return step
        if self._unit is Unit.RANGE:
            return torch.ones_like(step)
        return (step / depth).clamp(*_SHARES)

    @torch.no_grad()
    def predict(self, samples: Samples) -> Tensor:
        """The answer to pictures."""
        return self.answer(self.codec.encode(rgb_image(samples.rgb)))

    def save_memory(self) -> None:
        """The decoder keeps activations too, since gradients go through it."""
        super().save_memory()
        self.codec.vae.enable_gradient_checkpointing()
