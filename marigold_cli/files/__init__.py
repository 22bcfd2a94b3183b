"""Files in and out: their names, their formats and the disk under them; nothing of torch.

find      names (sorting, collisions, suffixes), walk (folders, globs), listing (--files-from),
          selection (--include, --exclude), discover (all inputs), extras (formats that need
          another package), storage (a data set's folder or archive)
photos    source (bytes), decode (bytes -> upright sRGB pixels), pillow, png, webp, tiff, heif, raw
          and deep (each for some formats), raster (what these hand on), orientation and icc
          (what finishes it)
maps      strips (a map as it is written), vectors (normals turn with their pixels), colormap,
          tones (values as a picture's numbers), npy, exr, writers (depth map -> bytes), readers
          (and back)
store     disk (one file, durable), atomic (all files of a photo, whole or absent)
"""
