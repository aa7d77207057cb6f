"""Pictures in `info["images"]`: PNG files as base64 texts, checked wherever they enter.

given  what `info["images"]` may hold, and the names of what it holds
png    PNG files, drawn in a few colours and checked
"""

from .given import MAX_IMAGE_BYTES, MAX_IMAGES, as_text, file_of, images_of, named
from .png import MAX_SIDE, png

__all__ = ["MAX_IMAGES", "MAX_IMAGE_BYTES", "MAX_SIDE", "as_text", "file_of", "images_of", "named", "png"]
