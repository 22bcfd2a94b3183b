"""A Marigold network behind a few verbs. Knows latents and images, but no photos and no recipes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from marigold_cli.depth import DepthKind, Modality
from marigold_cli.inference.compiling import Compiling, Wish
from marigold_cli.inference.reading import DEPTH, Reading
from marigold_cli.inference.schedule import Schedule, Scheduler


class DepthModel:
    """VAE, U-Net, noise schedule and the embedding of the empty prompt.

    Attributes:
        vae: Between images in [-1, 1] and latents.
        unet: [B, 8, h, w], image latent before depth latent -> [B, 4, h, w]; for N intrinsic
            images [B, 4 + 4 N, h, w] -> [B, 4 N, h, w].
        scheduler: Read for its configuration only; never stepped, so that threads may share it.
        empty_text: [1, T, C], the empty prompt as the dropped text encoder saw it.
        reading: What it predicts, and how decoded pictures stand for that.
        network: What is asked at every step: the U-Net, compiled where that pays.
    """

    def __init__(
        self,
        vae: AutoencoderKL | AutoencoderTiny,
        unet: UNet2DConditionModel,
        scheduler: Scheduler,
        empty_text: Tensor,
        reading: Reading = DEPTH,
        compiling: Wish = "off",
    ) -> None:
        self.vae = vae
        self.unet = unet
        self.scheduler = scheduler
        self.empty_text = empty_text.to(unet.device, unet.dtype)
        self.reading = reading
        self.network = Compiling(self._call_unet, compiling)

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        device: torch.device = self.unet.device
        return device

    @property
    def kind(self) -> DepthKind:
        """What the prediction means."""
        return self.reading.kind

    @property
    def channels(self) -> int:
        """Channels of the latent that is denoised: 4, or 4 for each intrinsic image."""
        count: int = self.unet.config.out_channels
        return count

    @property
    def planes(self) -> int:
        """Channels of a prediction: 1 of depth, 3 of normals, 3 for each intrinsic image."""
        modality = self.kind.modality
        if modality is Modality.IID:
            return 3 * len(self.reading.intrinsics)
        return 3 if modality is Modality.NORMALS else 1

    @property
    def multiple(self) -> int:
        """Pixels per latent cell; both sides of an image must be multiples of it.

        The U-Net itself takes any latent size, odd ones too: it resizes to its skip connections.
        """
        halvings = len(self.vae.config.block_out_channels) - 1
        return 1 << halvings

    def encode_image(self, image: Tensor) -> Tensor:
        """Image [B, 3, PH, PW] in [-1, 1] -> latent [B, 4, h, w] float32: the posterior's mean."""
        encoded = self.vae.encode(_bring(image, self.vae.device).to(self.vae.dtype))
        is_posterior = hasattr(encoded, "latent_dist")  # AutoencoderTiny has none
        latent: Tensor = encoded.latent_dist.mode() if is_posterior else encoded.latents
        return latent.float() * float(self.vae.config.scaling_factor)

    def encode_depth(self, depth: Tensor) -> Tensor:
        """Depth [B, 1, PH, PW] in [0, 1] -> latent [B, 4, h, w] float32, as a grey image."""
        return self.encode_image(depth.expand(-1, 3, -1, -1) * 2 - 1)

    def decode(self, latent: Tensor) -> Tensor:
        """Latent [B, 4 N, h, w] -> prediction [B, C, PH, PW] float32, of so many `planes`."""
        if self.kind is DepthKind.NORMALS:
            return self.decode_normals(latent)
        if self.kind is DepthKind.INTRINSICS:
            return self.decode_intrinsics(latent)
        return self.decode_depth(latent)

    def decode_depth(self, latent: Tensor) -> Tensor:
        """Latent [B, 4, h, w] -> depth [B, 1, PH, PW] float32 in [0, 1]."""
        image = self._decode_image(latent)
        return (image.mean(dim=1, keepdim=True).clamp(-1, 1) + 1) / 2

    def decode_normals(self, latent: Tensor) -> Tensor:
        """Latent [B, 4, h, w] -> normals [B, 3, PH, PW] float32 of length 1."""
        code, image = self.reading.normals, self._decode_image(latent)
        x, y, z = (image.clamp(-1, 1) if code.is_clipped else image).unbind(dim=1)
        x = -x if code.has_x_left else x
        vectors = torch.stack((x, y, z if code.has_full_z else (z + 1) / 2), dim=1)
        return functional.normalize(vectors, dim=1, eps=1e-6)

    def decode_intrinsics(self, latent: Tensor) -> Tensor:
        """Latents [B, 4 N, h, w] -> N images side by side [B, 3 N, PH, PW] float32 in [0, 1].

        The VAE takes one at a time: it needs the most memory by far.
        """
        parts = latent.chunk(len(self.reading.intrinsics), dim=1)  # N x [B, 4, h, w]
        images = [(self._decode_image(part).clamp(-1, 1) + 1) / 2 for part in parts]
        return torch.cat(images, dim=1)

    def _decode_image(self, latent: Tensor) -> Tensor:
        """float32 from the decoder's last layer on: half precision has 1025 levels in [0.5, 1]."""
        latent = latent / self.vae.config.scaling_factor
        image: Tensor = self.vae.decode(latent.to(self.vae.device, self.vae.dtype)).sample
        return image.float()

    def denoise(
        self,
        image_latent: Tensor,
        latent: Tensor,
        schedule: Schedule,
        draw: Callable[[], Tensor],
        on_step: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Turn noise into a latent that fits the image.

        Args:
            image_latent: [B, 4, h, w].
            latent: [B, 4 N, h, w] float32, where denoising starts. It stays float32 throughout;
                only the network sees its own precision.
            schedule: The steps.
            draw: Fresh noise [B, 4 N, h, w] float32; called once per step that needs it.
            on_step: Called after every step.

        Returns:
            [B, 4 N, h, w] float32.
        """
        latent = _bring(latent, self.device)
        # One copy for all steps: a plain number would be copied, and waited for, at every step.
        timesteps = _bring(torch.tensor(schedule.timesteps), self.device)
        for step, timestep in zip(schedule.steps, timesteps, strict=True):
            answer = self._ask(image_latent, latent, timestep)  # [B, 4 N, h, w]
            noise = _bring(draw(), self.device) if schedule.needs_noise(step) else None
            latent = schedule.advance(step, latent, answer, noise)  # [B, 4 N, h, w]
            on_step()
        return latent

    def _ask(self, image_latent: Tensor, latent: Tensor, timestep: Tensor) -> Tensor:
        pair = torch.cat([image_latent, latent], dim=1).to(self.unet.dtype)  # [B, 4 + 4 N, h, w]
        text = self.empty_text.expand(len(pair), -1, -1)  # [B, T, C]
        return self.network(pair, timestep, text).float()

    def _call_unet(self, pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        answer: Tensor = self.unet(pair, timestep, encoder_hidden_states=text).sample
        return answer


def _bring(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy to a device; from pinned pages a GPU copies without waiting.

    Change the dtype afterwards: a conversion first would land in unpinned memory.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
