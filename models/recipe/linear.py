"""Linear boundaries in latent space: class-balanced L2-regularised squared-hinge SVMs, all attributes at once."""
import numpy as np
import torch
from torch import Tensor

TRAINED_SHARE = 0.8


def fit_boundaries(z: Tensor, labels: Tensor, penalty: float = 1e-2, iterations: int = 12) -> tuple[Tensor, Tensor]:
    """Unit normals (K, d) and offsets (K) for labels (N, K) in {0, 1}, by Newton's method in the primal."""
    rows = torch.cat([z, torch.ones(len(z), 1)], dim=1).double()
    ridge = penalty * torch.eye(rows.shape[1], dtype=torch.float64)
    ridge[-1, -1] = 1e-9  # the offset goes free
    weights = []
    for label in labels.T:
        sign = 2.0 * label.double() - 1
        share = torch.where(label > 0, 0.5 / label.sum(), 0.5 / (len(label) - label.sum())).double()
        w = torch.zeros(rows.shape[1], dtype=torch.float64)
        for _ in range(iterations):
            active = (sign * (rows @ w) < 1).double() * share
            weighted = rows * active.unsqueeze(1)
            w = torch.linalg.solve(rows.T @ weighted + ridge, weighted.T @ sign)
        weights.append(w)
    stacked = torch.stack(weights).float()
    length = stacked[:, :-1].norm(dim=1)
    return stacked[:, :-1] / length.unsqueeze(1), stacked[:, -1] / length


def balanced_accuracy(score: Tensor, labels: Tensor) -> np.ndarray:
    """Mean of both classes' recall, for each column; not a number where a class is absent."""
    right = ((score > 0) == (labels > 0)).float()
    positive = (right * labels).sum(0) / labels.sum(0)
    negative = (right * (1 - labels)).sum(0) / (1 - labels).sum(0)
    return (0.5 * (positive + negative)).numpy()


def boundary_accuracy(z: Tensor, labels: Tensor) -> tuple[np.ndarray, Tensor, Tensor]:
    """Fit on four fifths, test on the rest: balanced accuracies, normals, offsets."""
    cut = int(TRAINED_SHARE * len(z))
    normals, offsets = fit_boundaries(z[:cut], labels[:cut])
    return balanced_accuracy(z[cut:] @ normals.T + offsets, labels[cut:]), normals, offsets
