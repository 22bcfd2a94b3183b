"""Teaching a latent diffusion checkpoint to see depth, or normals.

ask       options, embedded (a recipe)
course    course (from start to end), binding (what may not change), data (opened and looked at)
taught    subject, foundation (where it starts), networks and patches (new ones), checkpoint
          (where it ends), imprint (which one is there), protocols (what is learned)
shown     datasets, renders (pictures composed in Blender), samples, augmentation, order (which
          when), reader, latents (kept), lesson (a batch)
maths     truth, noise, codec, losses, rate, average
work      loop, learner, machine
told      state (to go on from), curve, sheets, validation, progress
"""
