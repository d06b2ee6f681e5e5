"""What tests/conformance/test_architectures.c compares with: networks of architectures.py as ONNX files,
inputs, and PyTorch's outputs.

    /usr/bin/python3 tests/oracles/export_networks.py small|full FOLDER

writes for each network NAME.onnx, NAME.in.npy (ROWS rows; few of the full ones, whose pictures are large)
and NAME.out.npy, PyTorch's outputs for the first REFERENCE rows. Full ones have the published sizes.
"""
import pathlib
import sys

import numpy as np
import torch

import architectures

ROWS, REFERENCE = 64, 3
SMALL = {
    "progressive": ("progressive", {"resolution": 64, "base": 512, "most": 24, "latent": 32}),
    "progressive_scaled": ("progressive", {"resolution": 32, "most": 16, "latent": 32, "scale_after": True}),
    "stylegan": ("stylegan", {"resolution": 128, "base": 1024, "most": 16, "latent": 32}),
    "stylegan2_fused": ("stylegan2", {"resolution": 64, "base": 512, "most": 16, "latent": 32}),
    "stylegan2_unfused": ("stylegan2", {"resolution": 64, "base": 512, "most": 16, "latent": 32, "fused": False}),
    "stylegan2_rows": ("stylegan2", {"resolution": 32, "base": 256, "most": 16, "latent": 32, "fused": False,
                                     "rows": True}),
    "dcgan": ("dcgan", {"most": 32}),
    "vae": ("vae", {"most": 32}),
    "resnet18": ("resnet18", {"num_classes": 40}),
    "mobilenet_v2": ("mobilenet_v2", {"num_classes": 40, "width_mult": 0.35}),
}
FULL = {
    "progressive1024": ("progressive", {"resolution": 1024}),
    "stylegan256": ("stylegan", {"resolution": 256}),
    "stylegan2_256": ("stylegan2", {"resolution": 256}),
    "stylegan2_1024": ("stylegan2", {"resolution": 1024, "base": 32768}),
    "resnet50": ("resnet50", {}),
}


def input_shape(kind: str, options: dict, small: bool) -> list[int]:
    if small and kind in architectures.CLASSIFIERS:
        return [3, 64, 64]
    return architectures.input_shape(kind, options)


def write(name: str, kind: str, options: dict, folder: pathlib.Path, small: bool) -> None:
    model, shape = architectures.build(kind, **options), input_shape(kind, options, small)
    # Fused modulation is a convolution with computed weights, which exporters write for one row only.
    symbolic = kind != "stylegan2" or not options.get("fused", True)
    architectures.export(model, shape, str(folder / f"{name}.onnx"), symbolic)
    rows = np.random.default_rng(1).standard_normal([ROWS if small else REFERENCE, *shape], dtype=np.float32)
    with torch.no_grad():
        outputs = model(torch.from_numpy(rows[:REFERENCE])).numpy()
    np.save(folder / f"{name}.in.npy", rows)
    np.save(folder / f"{name}.out.npy", np.ascontiguousarray(outputs))


def main() -> None:
    size, folder, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, options) in (SMALL if size == "small" else FULL).items():
        if names and name not in names:
            continue
        write(name, kind, options, folder, size == "small")
        print(name, flush=True)


if __name__ == "__main__":
    main()
