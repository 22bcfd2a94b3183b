"""From pixels to depth with a loaded network: torch and numbers, no disk.

ask       options (what a user wants, and the recipe that it becomes)
predict   preprocess (pixels -> frame and back), schedule (the steps of denoising),
          model (the network's verbs), predict (photos -> depth maps)
merge     alignment (members into one frame), median (over members), ensemble (one map of many)
"""
