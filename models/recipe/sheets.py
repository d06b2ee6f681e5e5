"""Contact sheets."""
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor


def to_pixels(images: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) bytes."""
    scaled = ((images.clamp(-1, 1) + 1) * 127.5).round()
    return scaled.permute(0, 2, 3, 1).byte().numpy()


def write_sheet(images: Tensor, columns: int, path: Path, zoom: int = 2) -> None:
    """Lay the images out in rows of `columns` and write them as PNG."""
    pixels = to_pixels(images)
    rows = len(pixels) // columns
    height, width = pixels.shape[1:3]
    sheet = pixels[:rows * columns].reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, 3)
    picture = Image.fromarray(sheet)
    picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST).save(path, optimize=True)
