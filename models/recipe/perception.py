"""How far two batches of faces are apart for our own attribute classifier."""
import torch
from torch import Tensor, nn

from .networks import AttributeClassifier


class Perception(nn.Module):
    """Squared differences of the classifier's feature maps and logits, each in units of its variance over a batch."""

    def __init__(self, classifier: AttributeClassifier):
        super().__init__()
        self.classifier = classifier.eval().requires_grad_(False)

    def describe(self, image: Tensor) -> list[Tensor]:
        maps = self.classifier.features(image)
        return [*maps, self.classifier.head(maps[-1])]

    def forward(self, made: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = [map_.float() for map_ in self.describe(truth)]
        found = self.describe(made)
        parts = [((a.float() - b) ** 2).mean() / (b.var(dim=0).mean() + 1e-6) for a, b in zip(found, wanted)]
        return torch.stack(parts).sum()
