"""Photogrammetry: metric depth from the finished output of a run, and files for the 3D tools.

ask       options
cameras   lenses, camera (pixels and poses), sparse (the values of a sparse model),
          colmap (finding and reading one), colmap_binary, colmap_text
in        results (what a run left behind), reference (measured depth), ply (point clouds),
          names (which image is which photo), belonging (whether there is any)
fitting   observations (where points of known depth are seen), robust (a line through them),
          gates (what is refused), overlap (what several photos see), refine (all together),
          fitter (all of this, in order)
verdicts  alignment (the record beside the run), maps (metric depth, and what views confirm),
          align (the whole way there)
out       trust (which pixels to believe), normals, resample, frames (a photo as exports see it),
          staging (what fits into a scene),
          exports (one file contract each), export (the whole way there)
"""
