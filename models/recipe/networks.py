"""The networks: generator, critic, attribute classifier and two age estimators.

Images are (N, 3, 64, 64), RGB, in [-1, 1]. Only operators that the farm's engine knows are used in what is exported.
"""
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LATENT = 128
ATTRIBUTES = 40
FIRST_AGE, LAST_AGE = 15, 85
RESOLUTIONS = (4, 8, 16, 32, 64)
GENERATOR_CHANNELS = {4: 128, 8: 128, 16: 64, 32: 32, 64: 16}
CRITIC_CHANNELS = {64: 16, 32: 32, 16: 64, 8: 128, 4: 128}
SLOPE = 0.2


def to_sphere(z: Tensor) -> Tensor:
    """Latents as the farm gives them to the generator: scaled to length sqrt(dimension)."""
    return z * math.sqrt(z.shape[1]) / z.norm(dim=1, keepdim=True)


def pixel_norm(x: Tensor) -> Tensor:
    """Divide each pixel's channel vector (or each latent) by its root mean square."""
    return x / torch.sqrt(torch.mean(x * x, dim=1, keepdim=True) + 1e-8)


class EqualisedConv2d(nn.Conv2d):
    """Convolution whose weights are N(0, 1) and scaled at run time, so that Adam moves all layers alike."""

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float = math.sqrt(2.0)):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)
        self.scale = gain / math.sqrt(inputs * kernel * kernel)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)

    def folded(self) -> nn.Conv2d:
        plain = nn.Conv2d(self.in_channels, self.out_channels, self.kernel_size, padding=self.padding)
        plain.weight.data.copy_(self.weight.data * self.scale)
        plain.bias.data.copy_(self.bias.data)
        return plain


class EqualisedLinear(nn.Linear):
    """Dense layer with the same run-time scaling."""

    def __init__(self, inputs: int, outputs: int, gain: float = math.sqrt(2.0)):
        super().__init__(inputs, outputs)
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)
        self.scale = gain / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias)

    def folded(self) -> nn.Linear:
        plain = nn.Linear(self.in_features, self.out_features)
        plain.weight.data.copy_(self.weight.data * self.scale)
        plain.bias.data.copy_(self.bias.data)
        return plain


def fold_equalised(module: nn.Module) -> nn.Module:
    """Replace, in place, every equalised layer by a plain one with the scale in its weights (for export)."""
    for name, child in module.named_children():
        if isinstance(child, (EqualisedConv2d, EqualisedLinear)):
            setattr(module, name, child.folded())
        else:
            fold_equalised(child)
    return module


class Activation(nn.Module):
    """LeakyReLU and pixel norm. A module of its own, so that training may compile it: it is memory-bound."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(F.leaky_relu(x, SLOPE))


class GeneratorBlock(nn.Module):
    """Upsample (except at 4x4), then two 3x3 convolutions (one at 4x4), each with LeakyReLU and pixel norm."""

    def __init__(self, inputs: int, outputs: int, upsample: bool):
        super().__init__()
        self.upsample = upsample
        layers = [EqualisedConv2d(inputs, outputs, 3)]
        if upsample:
            layers.append(EqualisedConv2d(outputs, outputs, 3))
        self.convs = nn.ModuleList(layers)
        self.activation = Activation()

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        for conv in self.convs:
            x = self.activation(conv(x))
        return x


class Generator(nn.Module):
    """Progressive-GAN generator."""

    def __init__(self) -> None:
        super().__init__()
        first = GENERATOR_CHANNELS[4]
        self.first = first
        self.activation = Activation()
        # The smaller gain of the dense layer is the progressive GAN's own.
        self.dense = EqualisedLinear(LATENT, first * 16, gain=math.sqrt(2.0) / 4)
        # Begin with one learned constant, as if the latent said nothing: what matters in it is then found much sooner.
        nn.init.zeros_(self.dense.weight)
        nn.init.normal_(self.dense.bias)
        blocks, inputs = [], first
        for resolution in RESOLUTIONS:
            outputs = GENERATOR_CHANNELS[resolution]
            blocks.append(GeneratorBlock(inputs, outputs, upsample=resolution > 4))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.to_rgb = EqualisedConv2d(inputs, 3, 1, gain=1.0)

    def coarse_parameters(self) -> list[nn.Parameter]:
        return [*self.dense.parameters(), *self.blocks[:2].parameters()]

    def coarse(self, z: Tensor) -> Tensor:
        """The features at 8x8, where it is settled what is to be drawn."""
        x = self.dense(pixel_norm(z)).reshape(-1, self.first, 4, 4)
        x = self.activation(x)
        for block in self.blocks[:2]:
            x = block(x)
        return x

    def forward(self, z: Tensor) -> Tensor:
        x = self.coarse(z)
        for block in self.blocks[2:]:
            x = block(x)
        return self.to_rgb(x)


def minibatch_deviation(x: Tensor) -> Tensor:
    """Append one channel: the features' mean standard deviation over the batch (against mode collapse)."""
    deviation = torch.sqrt(x.var(dim=0, unbiased=False) + 1e-8).mean()
    return torch.cat([x, deviation.expand(x.shape[0], 1, *x.shape[2:])], dim=1)


class Critic(nn.Module):
    """Progressive-GAN critic: per resolution two 3x3 convolutions (one at 64x64, the dearest) and average pooling,
    then the minibatch deviation at 4x4 and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.from_rgb = EqualisedConv2d(3, CRITIC_CHANNELS[64], 1)
        self.stages = nn.ModuleList()
        for resolution in (64, 32, 16, 8):
            here, below = CRITIC_CHANNELS[resolution], CRITIC_CHANNELS[resolution // 2]
            convs = [EqualisedConv2d(here, below, 3)]
            if resolution < 64:
                convs.insert(0, EqualisedConv2d(here, here, 3))
            self.stages.append(nn.ModuleList(convs))
        self.conv = EqualisedConv2d(CRITIC_CHANNELS[4] + 1, 128, 3)
        self.dense = EqualisedLinear(128 * 16, 128)
        self.score = EqualisedLinear(128, 1, gain=1.0)

    def forward(self, image: Tensor) -> Tensor:
        x = F.leaky_relu(self.from_rgb(image), SLOPE)
        for stage in self.stages:
            for conv in stage:
                x = F.leaky_relu(conv(x), SLOPE)
            x = F.avg_pool2d(x, 2)
        x = F.leaky_relu(self.conv(minibatch_deviation(x)), SLOPE)
        x = F.leaky_relu(self.dense(x.flatten(1)), SLOPE)
        return self.score(x)


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs), nn.ReLU())


class AttributeClassifier(nn.Module):
    """Plain convolutional net; the head sees an 8x8 grid, since attributes are known by where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([
            nn.Sequential(conv_bn(3, 16, 5, 2), conv_bn(16, 32)),
            nn.Sequential(conv_bn(32, 48, 3, 2), conv_bn(48, 64)),
            nn.Sequential(conv_bn(64, 96, 3, 2), conv_bn(96, 32, 1)),
        ])
        self.hidden = nn.Linear(32 * 64, 160)
        self.logits = nn.Linear(160, ATTRIBUTES)

    def features(self, image: Tensor) -> list[Tensor]:
        maps, x = [], image
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def head(self, last: Tensor) -> Tensor:
        return self.logits(F.relu(self.hidden(last.reshape(-1, 32 * 64))))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image)[-1])


class AgeExpectation(nn.Module):
    """Softmax over the ages 15..85, then the expectation in years."""

    def __init__(self, inputs: int):
        super().__init__()
        self.logits = nn.Linear(inputs, LAST_AGE - FIRST_AGE + 1)
        self.register_buffer("ages", torch.arange(FIRST_AGE, LAST_AGE + 1, dtype=torch.float32).reshape(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.logits(x), dim=1) @ self.ages


class AgeEstimatorPlain(nn.Module):
    """Age estimator `fit`: a plain strided convolutional net."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(3, 16, 5, 2), conv_bn(16, 32, 3, 2), conv_bn(32, 48), conv_bn(48, 64, 3, 2), conv_bn(64, 32, 1))
        self.hidden = nn.Linear(32 * 64, 96)
        self.age = AgeExpectation(96)

    def embed(self, image: Tensor) -> Tensor:
        return F.relu(self.hidden(self.body(image).reshape(-1, 32 * 64)))

    def forward(self, image: Tensor) -> Tensor:
        return self.age(self.embed(image))


class SeparableResidual(nn.Module):
    """x + pointwise(depthwise(pointwise(x)))."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(channels, channels, 3, 1, groups=channels),
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class AgeEstimatorResidual(nn.Module):
    """Age estimator `judge`: depthwise-separable residual blocks and max pooling, unlike the other in every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(3, 24, 3, 2), SeparableResidual(24), conv_bn(24, 64, 1), nn.MaxPool2d(2),
            SeparableResidual(64), SeparableResidual(64), conv_bn(64, 96, 1), nn.MaxPool2d(2),
            SeparableResidual(96), SeparableResidual(96), conv_bn(96, 24, 1))
        self.hidden = nn.Linear(24 * 64, 96)
        self.age = AgeExpectation(96)

    def embed(self, image: Tensor) -> Tensor:
        return F.relu(self.hidden(self.body(image).reshape(-1, 24 * 64)))

    def forward(self, image: Tensor) -> Tensor:
        return self.age(self.embed(image))
