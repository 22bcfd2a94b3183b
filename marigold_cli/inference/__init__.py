"""From pixels to depth with a loaded network: torch and numbers, no disk.

ask       options (what a user wants, and the recipe that it becomes)
predict   preprocess (pixels -> frame), schedule (the steps of denoising), model (the network's
          verbs), compiling (made faster where that pays), reading (what its pictures mean), predict
          (photos -> depth)
enlarge   restoring (a map at its photo's size), resampling (any part of it)
one pass  framing (sizes and numbers), feedforward (the depth models of transformers)
merge     alignment (members onto one another), median (over members), ensemble (one map of many),
          normals (one field of many), members (those of an image, whatever they predict)
tiles     tiling (where they lie), adjustment (their scales and shifts), equations (for these),
          bilinear (parts of a map), mosaic (one map of many tiles)
edges     guided (depth's steps at the photo's edges)
"""
