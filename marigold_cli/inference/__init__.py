"""From pixels to depth with a loaded network: torch and numbers, no disk.

ask       options (what a user wants, and the recipe that it becomes)
predict   preprocess (pixels -> frame and back), resampling (any part of it), schedule (the steps of
          denoising), model (the network's verbs), compiling (made faster where that pays), reading
          (what its pictures mean), predict (photos -> depth)
one pass  framing (sizes and numbers), feedforward (the depth models of transformers)
merge     alignment (members into one frame), median (over members), ensemble (one map of many),
          normals (one field of many), finish (the members of a photo to what is asked of it)
tiles     tiling (where they lie), adjustment (their scales and shifts), equations (to be solved),
          bilinear (parts of a map), mosaic (one map of many tiles)
edges     guided (depth's steps at the photo's edges)
"""
