"""Writes the bundle: ONNX files, reference outputs and bundle.yaml.

    python -m recipe.export --checkpoints DIR --bundle models/default

A network without a checkpoint in DIR is exported with its initial weights, which is enough to test an engine.
"""
import argparse
import hashlib
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from torch import Tensor, nn

from .attributes import NAMES
from .networks import (FIRST_AGE, LAST_AGE, LATENT, AgeEstimatorPlain, AgeEstimatorResidual, AttributeClassifier,
                       Generator, fold_equalised, to_sphere)

OPSET = 13
OPERATORS = set(
    "Conv Gemm MatMul Add Sub Mul Div Sqrt Pow ReduceMean LeakyRelu Relu Tanh Sigmoid Clip Resize Reshape Flatten "
    "MaxPool AveragePool GlobalAveragePool BatchNormalization Softmax Constant Concat Identity".split())
NETWORKS = {
    "generator": Generator, "attributes": AttributeClassifier,
    "age_fit": AgeEstimatorPlain, "age_judge": AgeEstimatorResidual,
}


def randomise_vectors(network: nn.Module) -> None:
    """Random biases and batch-norm statistics, since zeros and ones would hide an engine's mistakes."""
    for values in network.state_dict().values():
        if values.dim() == 1:
            values.uniform_(0.5, 1.0)


def load_network(name: str, checkpoints: Path) -> nn.Module:
    """The network as it is exported: scales folded, evaluation mode."""
    torch.manual_seed(0)
    network = NETWORKS[name]()
    path = checkpoints / f"{name}.pt"
    if path.exists():
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    else:
        randomise_vectors(network)
    return fold_equalised(network).eval()


def write_onnx(network: nn.Module, example: Tensor, input_name: str, output_name: str, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network, (example,), str(path), opset_version=OPSET, dynamo=False,
            input_names=[input_name], output_names=[output_name],
            dynamic_axes={input_name: {0: "N"}, output_name: {0: "N"}})
    model = onnx.load(str(path))
    shape = model.graph.output[0].type.tensor_type.shape
    for dimension, size in zip(shape.dim[1:], network(example).shape[1:], strict=True):
        dimension.dim_value = size  # the exporter loses it behind Resize
    onnx.save(model, str(path))
    onnx.checker.check_model(model)
    foreign = {node.op_type for node in model.graph.node} - OPERATORS
    if foreign:
        raise SystemExit(f"{path}: operators outside the farm's list: {sorted(foreign)}")


def describe(bundle: Path) -> dict:
    """The content of bundle.yaml."""
    def file(name: str) -> dict:
        path = bundle / name
        return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    # Built anew at each use: a shared object would become an anchor and alias in the YAML.
    def image() -> dict:
        return {"tensor": "image", "channels": "rgb", "height": 64, "width": 64, "range": [-1, 1]}

    def estimator(role: str) -> dict:
        return {"name": role, "role": role, **file(f"age_{role}.onnx"), "input": image(), "output": "age",
                "bins": {"first": FIRST_AGE, "last": LAST_AGE, "step": 1}}

    return {
        "format": "facefarm-bundle/1",
        "name": "default",
        "description": "Drawn faces, 64x64: progressive-GAN generator, 40 CelebA attributes, two age estimators",
        "licence": "Apache-2.0",
        "tolerance": 1e-3,  # allows the engine Winograd's F(4x4,3x3)
        "generator": {
            **file("generator.onnx"), "input": "z",
            "latent": {"space": "z", "dimension": LATENT, "prior": "normal", "normalisation": "sphere"},
            "output": image()},
        "classifier": {
            **file("attributes.onnx"), "input": image(), "output": "logits", "attributes": list(NAMES)},
        "age_estimators": [estimator("fit"), estimator("judge")],
    }


def write_reference(networks: dict[str, nn.Module], folder: Path) -> None:
    """Inputs and PyTorch float32 outputs that an engine is tested against."""
    folder.mkdir(parents=True, exist_ok=True)
    z = to_sphere(torch.randn(8, LATENT, generator=torch.Generator().manual_seed(8)))
    image = networks["generator"](z)
    arrays = {"z": z, "image": image, "logits": networks["attributes"](image),
              "age_fit": networks["age_fit"](image), "age_judge": networks["age_judge"](image)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array.numpy(), dtype=np.float32))


@torch.no_grad()
def export(checkpoints: Path, bundle: Path) -> None:
    bundle.mkdir(parents=True, exist_ok=True)
    networks = {name: load_network(name, checkpoints) for name in NETWORKS}
    z, image = torch.zeros(2, LATENT), torch.zeros(2, 3, 64, 64)
    write_onnx(networks["generator"], z, "z", "image", bundle / "generator.onnx")
    write_onnx(networks["attributes"], image, "image", "logits", bundle / "attributes.onnx")
    write_onnx(networks["age_fit"], image, "image", "age", bundle / "age_fit.onnx")
    write_onnx(networks["age_judge"], image, "image", "age", bundle / "age_judge.onnx")
    write_reference(networks, bundle / "reference")
    text = yaml.safe_dump(describe(bundle), sort_keys=False, default_flow_style=None, width=110)
    (bundle / "bundle.yaml").write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    arguments = parser.parse_args()
    export(arguments.checkpoints, arguments.bundle)


if __name__ == "__main__":
    main()
