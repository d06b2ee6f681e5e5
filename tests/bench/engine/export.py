"""The bench's networks and their ONNX files.

    python3 tests/bench/engine/export.py FOLDER [NAME ...]

writes NAME.onnx into FOLDER for each network that is not there yet; without names, for all.
"""
import pathlib
import sys
from typing import NamedTuple

import torch

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
import architectures  # noqa: E402


class Row(NamedTuple):
    """One measurement: a network at a batch. `kind` is architectures.build's, or the path of a file."""

    name: str
    kind: str
    options: dict
    batch: int

    @property
    def network(self) -> str:
        return self.name.rsplit("-b", 1)[0]

    @property
    def bundled(self) -> bool:
        return self.kind.endswith(".onnx")


ROWS = [
    Row("progressive1024-b1", "progressive", {"resolution": 1024}, 1),
    Row("progressive1024-b4", "progressive", {"resolution": 1024}, 4),
    Row("progressive256-b4", "progressive", {"resolution": 256}, 4),
    Row("generator-b64", "models/default/generator.onnx", {}, 64),
    Row("attributes-b64", "models/default/attributes.onnx", {}, 64),
    Row("age_fit-b64", "models/default/age_fit.onnx", {}, 64),
    Row("age_judge-b64", "models/default/age_judge.onnx", {}, 64),
    # Unfused, since a fused export has a fixed batch for the peers; the engine runs either alike.
    Row("stylegan2_256-b4", "stylegan2", {"resolution": 256, "fused": False}, 4),
    Row("resnet18-b1", "resnet18", {}, 1),
    Row("resnet50-b1", "resnet50", {}, 1),
    Row("mobilenet_v2-b1", "mobilenet_v2", {}, 1),
]


def model_path(row: Row, folder: pathlib.Path) -> pathlib.Path:
    return ROOT / row.kind if row.bundled else folder / f"{row.network}.onnx"


def build(row: Row, **more) -> torch.nn.Module:
    return architectures.build(row.kind, **row.options, **more)


def input_shape(row: Row) -> list[int]:
    return architectures.input_shape(row.kind, row.options)


def write(row: Row, folder: pathlib.Path) -> pathlib.Path:
    path = model_path(row, folder)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        architectures.export(build(row), input_shape(row), str(part))
        part.rename(path)
    return path


if __name__ == "__main__":
    for wanted in ROWS:
        if len(sys.argv) == 2 or wanted.name in sys.argv[2:] or wanted.network in sys.argv[2:]:
            print(write(wanted, pathlib.Path(sys.argv[1])))
