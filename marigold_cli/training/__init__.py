"""Teaching a latent diffusion checkpoint to see depth.

Asked for: options · from start to end: course · what is learned: protocols networks patches noise ·
from what: data latents · how: loop.
"""
