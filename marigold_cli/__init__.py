"""Folders of photographs in, depth maps out: Marigold as a command-line tool.

words     errors (what can go wrong, and its exit code), depth (the value that everybody passes on)
numbers   fit (lines through pairs of depth), blocks (through many maps at once), metrics (how far a
          prediction is from the truth)
material  files (in and out), scenes (random ones, with exact depth)
model     inference (pixels -> depth, no disk), checkpoints (a name -> a model on a device)
work      batch (a run over many photos)
uses      evaluation (against measured depth), scene3d (photogrammetry), training, doctor (is
          this machine fit for the work?)
people    cli

A room imports from the lines above its own only; files never import torch, inference opens no file.
"""

__version__ = "0.1.0"
