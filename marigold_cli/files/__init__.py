"""Files in and out: their names, their formats and the disk under them; nothing of torch.

find      names (sorting, collisions, suffixes), walk (folders, globs), discover (all inputs)
read      source (bytes), decode (bytes -> upright sRGB pixels) with one module per family of
          formats (pillow, png, webp, tiff, heif, raw), which all hand on a raster;
          orientation and icc finish it
write     colormap, writers (depth map -> bytes), disk (one file, durable),
          atomic (all files of a photo, whole or absent)
"""
