"""What is learned: each protocol holds its networks and turns a batch into one loss.

all       protocol (what the loop knows of one)
image     autoencoder (a VAE's decoder)
depth     denoiser (what both share), marigold (denoising), end_to_end (one step, in pixels)
"""
