"""The published networks that people bring to the engine, written after their papers.

Randomly initialised from a fixed seed: the tests compare the engine with PyTorch on them, the bench
measures both. Runs under Debian's PyTorch 1.13 and newer ones. `base` and `most` give the channels as
in the papers, min(base / resolution, most); small ones make small networks of the same structure.

    build("progressive", resolution=1024)    progressive GAN (Karras et al. 2018)
    build("stylegan", resolution=1024)       StyleGAN (Karras et al. 2019)
    build("stylegan2", resolution=256)       StyleGAN 2 (Karras et al. 2020), as ADA's code lays it out
    build("dcgan", resolution=64)            DCGAN (Radford et al. 2016)
    build("vae", resolution=64)              decoder of a variational autoencoder
    build("resnet18"), build("resnet50"), build("mobilenet_v2")    torchvision's
"""
import inspect
import math

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-8


def channels(resolution: int, base: int, most: int) -> int:
    return max(1, min(base // resolution, most))


def resolutions(last: int) -> list[int]:
    return [2**i for i in range(2, int(math.log2(last)) + 1)]


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    return x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + EPSILON)


def pixel_norm_tuned(x: torch.Tensor) -> torch.Tensor:
    """The same with one pass less over the tensor, for a fair peer."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


class ScaledConv(nn.Conv2d):
    """A convolution whose weights carry He's constant; `scale_after` applies it to the output instead,
    as code that shares its weights with a training run does."""

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: int, gain: float, scale_after: bool = False):
        super().__init__(inputs, outputs, kernel, padding=padding)
        scale = gain / math.sqrt(inputs * kernel * kernel)
        nn.init.normal_(self.weight, std=1.0 if scale_after else scale)
        nn.init.normal_(self.bias, std=0.1)
        self.scale = scale if scale_after else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.scale is None:
            return super().forward(x)
        return F.conv2d(x, self.weight, None, 1, self.padding) * self.scale + self.bias.view(1, -1, 1, 1)


class Progressive(nn.Module):
    """z [N, latent] -> [N, 3, R, R]."""

    def __init__(self, resolution: int, base: int = 16384, most: int = 512, latent: int = 512,
                 norm=pixel_norm, scale_after: bool = False):
        super().__init__()
        sizes = resolutions(resolution)
        width = [channels(r, base, most) for r in sizes]
        gain = math.sqrt(2)
        self.norm = norm
        self.first = ScaledConv(latent, width[0], 4, 3, gain, scale_after)
        self.blocks = nn.ModuleList(
            ScaledConv(inputs, outputs, 3, 1, gain, scale_after)
            for i, outputs in enumerate(width)
            for inputs in ([width[i - 1], outputs] if i else [outputs]))
        self.to_rgb = ScaledConv(width[-1], 3, 1, 0, 1.0, scale_after)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.norm(z)[:, :, None, None]
        x = self.norm(F.leaky_relu(self.first(x), 0.2))
        for i, conv in enumerate(self.blocks):
            if i % 2:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self.norm(F.leaky_relu(conv(x), 0.2))
        return self.to_rgb(x)


class Dense(nn.Module):
    """A fully connected layer with the constant of its learning rate, as in StyleGAN's mapping."""

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.weight_gain, self.bias_gain = rate * gain / math.sqrt(inputs), rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bias, weight = self.bias * self.bias_gain, self.weight * self.weight_gain
        return torch.addmm(bias.unsqueeze(0), x, weight.t())  # a bias [1, outputs], as ADA's code has it


class Mapping(nn.Module):
    def __init__(self, latent: int, layers: int, gain: float):
        super().__init__()
        self.layers = nn.ModuleList(Dense(latent, latent, rate=0.01, gain=gain) for _ in range(layers))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = pixel_norm_tuned(z)
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2) * math.sqrt(2)
        return w


def instance_norm(x: torch.Tensor) -> torch.Tensor:
    x = x - torch.mean(x, dim=[2, 3], keepdim=True)
    return x / torch.sqrt(torch.mean(x**2, dim=[2, 3], keepdim=True) + EPSILON)


def transposed_kernel(kernel: torch.Tensor) -> torch.Tensor:
    """Of the transposed convolution that spreads each pixel over the kernel and a 2x2 box. Exporters want a
    transposed convolution's weights as a parameter, not as an expression."""
    kernel = F.pad(kernel.permute(1, 0, 2, 3), [1, 1, 1, 1])
    return kernel[:, :, 1:, 1:] + kernel[:, :, :-1, 1:] + kernel[:, :, 1:, :-1] + kernel[:, :, :-1, :-1]


class StyleLayer(nn.Module):
    """StyleGAN: (upsample,) conv, blur, noise, bias, activation, instance norm, style."""

    def __init__(self, inputs: int, outputs: int, resolution: int, latent: int, up: bool, first: bool = False):
        super().__init__()
        self.up, self.fused_up = up, up and resolution >= 128
        self.first = first
        if not first:
            kernel = torch.randn(outputs, inputs, 3, 3) * math.sqrt(2 / (9 * inputs))
            self.weight = nn.Parameter(transposed_kernel(kernel) if self.fused_up else kernel)
        self.bias = nn.Parameter(0.1 * torch.randn(outputs))
        self.noise_weight = nn.Parameter(0.1 * torch.randn(outputs))
        self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))
        taps = torch.tensor([1.0, 2.0, 1.0])
        taps = taps[:, None] * taps[None, :]
        self.register_buffer("blur", (taps / taps.sum())[None, None].repeat(outputs, 1, 1, 1))
        self.style = Dense(latent, 2 * outputs)

    def convolve(self, x: torch.Tensor) -> torch.Tensor:
        if self.fused_up:
            return F.conv_transpose2d(x, self.weight, stride=2, padding=1)
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return F.conv2d(x, self.weight, padding=1)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        if not self.first:
            x = self.convolve(x)
        if self.up:
            x = F.conv2d(x, self.blur, padding=1, groups=x.shape[1])
        x = x + self.noise * self.noise_weight.view(1, -1, 1, 1)
        x = instance_norm(F.leaky_relu(x + self.bias.view(1, -1, 1, 1), 0.2))
        style = self.style(w).view(-1, 2, x.shape[1], 1, 1)
        return x * (style[:, 0] + 1) + style[:, 1]


class StyleGan(nn.Module):
    """z [N, latent] -> [N, 3, R, R], with the truncation of the coarse layers."""

    def __init__(self, resolution: int, base: int = 16384, most: int = 512, latent: int = 512, layers: int = 8,
                 truncation: float = 0.7):
        super().__init__()
        sizes = resolutions(resolution)
        width = [channels(r, base, most) for r in sizes]
        self.mapping = Mapping(latent, layers, math.sqrt(2))
        self.register_buffer("average", 0.1 * torch.randn(1, latent))
        self.truncation = truncation
        self.constant = nn.Parameter(torch.randn(1, width[0], 4, 4))
        self.layers = nn.ModuleList()
        for i, (size, wide) in enumerate(zip(sizes, width)):
            self.layers.append(StyleLayer(width[max(i - 1, 0)], wide, size, latent, up=i > 0, first=i == 0))
            self.layers.append(StyleLayer(wide, wide, size, latent, up=False))
        self.to_rgb = ScaledConv(width[-1], 3, 1, 0, 1.0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.mapping(z)
        coarse = self.average + (w - self.average) * self.truncation
        x = self.constant  # rows come with the first style
        for i, layer in enumerate(self.layers):
            x = layer(x, coarse if i < 8 else w)
        return self.to_rgb(x)


def setup_filter() -> torch.Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    taps = taps[:, None] * taps[None, :]
    return taps / taps.sum()


def upfirdn(x: torch.Tensor, taps: torch.Tensor, up: int = 1, padding: tuple = (0, 0, 0, 0), gain: float = 1.0,
            rows: bool = False):
    """Zeros put between the samples, padding, one FIR filter for every channel; `rows` takes each channel for a
    picture of its own, as rosinality's code has it."""
    c, h, w = (int(size) for size in x.shape[1:])  # ints are constants to an exporter
    if up > 1:
        x = F.pad(x.reshape(-1, c, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(-1, c, h * up, w * up)
    x = F.pad(x, list(padding))
    kernel = (taps * gain).flip([0, 1])[None, None]
    if rows:
        x = F.conv2d(x.reshape(-1, 1, *(int(size) for size in x.shape[2:])), kernel)
        return x.reshape(-1, c, *(int(size) for size in x.shape[2:]))
    return F.conv2d(x, kernel.repeat(c, 1, 1, 1), groups=c)


class ModulatedConv(nn.Module):
    """y = conv(x, W·s [· demodulation]); `fused` spells it as one grouped convolution with a weight for
    each image, otherwise the input and the output are scaled."""

    def __init__(self, inputs: int, outputs: int, kernel: int, latent: int, up: bool, demodulate: bool, fused: bool,
                 rows: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.affine = Dense(latent, inputs, bias=1.0)
        self.up, self.demodulate, self.fused, self.kernel, self.rows = up, demodulate, fused, kernel, rows
        self.gain = 1.0 if demodulate else 1.0 / math.sqrt(inputs * kernel * kernel)
        self.register_buffer("taps", setup_filter())

    def resample(self, x: torch.Tensor, weight: torch.Tensor, groups: int) -> torch.Tensor:
        if not self.up:
            return F.conv2d(x, weight, padding=self.kernel // 2, groups=groups)
        outputs, inputs = weight.shape[0] // groups, weight.shape[1]
        if groups == 1:
            weight = weight.transpose(0, 1)
        else:
            weight = weight.reshape(groups, outputs, inputs, self.kernel, self.kernel).transpose(1, 2)
            weight = weight.reshape(groups * inputs, outputs, self.kernel, self.kernel)
        x = F.conv_transpose2d(x, weight.flip([2, 3]), stride=2, groups=groups)
        return upfirdn(x, self.taps, padding=(1, 1, 1, 1), gain=4.0, rows=self.rows)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        style = self.affine(w) * self.gain
        inputs, height, width = (int(size) for size in x.shape[1:])
        n = int(style.shape[0]) if self.fused else -1
        weight = self.weight.unsqueeze(0) * style.reshape(n, 1, inputs, 1, 1)
        if self.demodulate:
            factor = (weight.square().sum(dim=[2, 3, 4]) + EPSILON).rsqrt()
        if not self.fused:
            x = self.resample(x * style.reshape(-1, inputs, 1, 1), self.weight, 1)
            return x * factor.reshape(-1, self.weight.shape[0], 1, 1) if self.demodulate else x
        if self.demodulate:
            weight = weight * factor.reshape(n, -1, 1, 1, 1)
        x = x.reshape(1, -1, height, width)
        x = self.resample(x, weight.reshape(-1, inputs, self.kernel, self.kernel), n)
        return x.reshape(n, -1, *x.shape[2:])


class SynthesisLayer(nn.Module):
    def __init__(self, inputs: int, outputs: int, resolution: int, latent: int, up: bool, fused: bool, clamp: float,
                 rows: bool):
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, latent, up, True, fused, rows)
        self.register_buffer("noise", torch.randn(resolution, resolution))
        self.noise_strength = nn.Parameter(torch.tensor(0.1))
        self.bias = nn.Parameter(0.1 * torch.randn(outputs))
        self.clamp = clamp

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        x = self.conv(x, w) + self.noise * self.noise_strength
        x = F.leaky_relu(x + self.bias.reshape(1, -1, 1, 1), 0.2) * math.sqrt(2)
        return x.clamp(-self.clamp, self.clamp)


class ToRgb(nn.Module):
    def __init__(self, inputs: int, latent: int, fused: bool, clamp: float):
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, 1, latent, False, False, fused)
        self.bias = nn.Parameter(0.1 * torch.randn(3))
        self.clamp = clamp

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (self.conv(x, w) + self.bias.reshape(1, -1, 1, 1)).clamp(-self.clamp, self.clamp)


class StyleGan2(nn.Module):
    """z [N, latent] -> [N, 3, R, R]; the noise is a constant, as for generation."""

    def __init__(self, resolution: int, base: int = 16384, most: int = 512, latent: int = 512, layers: int = 8,
                 fused: bool = True, clamp: float = 256.0, rows: bool = False):
        super().__init__()
        sizes = resolutions(resolution)
        width = [channels(r, base, most) for r in sizes]
        self.fused, self.rows = fused, rows
        self.mapping = Mapping(latent, layers, 1.0)
        self.constant = nn.Parameter(torch.randn(width[0], 4, 4))
        self.layers, self.to_rgb = nn.ModuleList(), nn.ModuleList()
        for i, (size, wide) in enumerate(zip(sizes, width)):
            if i:
                self.layers.append(SynthesisLayer(width[i - 1], wide, size, latent, True, fused, clamp, rows))
            self.layers.append(SynthesisLayer(wide, wide, size, latent, False, fused, clamp, rows))
            self.to_rgb.append(ToRgb(wide, latent, fused, clamp))
        self.register_buffer("taps", setup_filter())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.mapping(z)
        x = torch.cat([self.constant.unsqueeze(0)] * (int(z.shape[0]) if self.fused else 1))
        image = None
        for i, to_rgb in enumerate(self.to_rgb):
            if i:
                x = self.layers[2 * i - 1](x, w)
                image = upfirdn(image, self.taps, up=2, padding=(2, 1, 2, 1), gain=4.0, rows=self.rows)
            x = self.layers[2 * i](x, w)
            y = to_rgb(x, w)
            image = y if image is None else image + y
        return image


def random_statistics(module: nn.Module) -> None:
    """Batch norms as after training: means and variances that are not 0 and 1."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean, std=0.1)
            nn.init.uniform_(norm.running_var, 0.8, 1.2)
            nn.init.uniform_(norm.weight, 0.8, 1.2)
            nn.init.normal_(norm.bias, std=0.1)


def deconv_block(inputs: int, outputs: int, stride: int, padding: int, activation: nn.Module) -> list[nn.Module]:
    conv = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
    nn.init.normal_(conv.weight, std=math.sqrt(2 * stride * stride / (16 * inputs)))
    return [conv, nn.BatchNorm2d(outputs), activation]


def dcgan(resolution: int = 64, base: int = 4096, most: int = 1024, latent: int = 100) -> nn.Module:
    """z [N, latent, 1, 1] -> [N, 3, R, R]."""
    width = [channels(r, base, most) for r in resolutions(resolution // 2)]
    layers = deconv_block(latent, width[0], 1, 0, nn.ReLU(True))
    for inputs, outputs in zip(width, width[1:]):
        layers += deconv_block(inputs, outputs, 2, 1, nn.ReLU(True))
    return nn.Sequential(*layers, nn.ConvTranspose2d(width[-1], 3, 4, 2, 1, bias=False), nn.Tanh())


class View(nn.Module):
    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, *self.shape)


def vae(resolution: int = 64, base: int = 1024, most: int = 256, latent: int = 128) -> nn.Module:
    """z [N, latent] -> [N, 3, R, R], values from 0 to 1."""
    width = [channels(r, base, most) for r in resolutions(resolution // 2)]
    layers = [nn.Linear(latent, 16 * width[0]), nn.LeakyReLU(0.2), View(width[0], 4, 4)]
    for inputs, outputs in zip(width, width[1:]):
        layers += deconv_block(inputs, outputs, 2, 1, nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.ConvTranspose2d(width[-1], 3, 4, 2, 1), nn.Sigmoid())


def torchvision_model(name: str, **options) -> nn.Module:
    import torchvision  # only who builds a classifier needs it

    return getattr(torchvision.models, name)(**options)


BUILDERS = {"progressive": Progressive, "stylegan": StyleGan, "stylegan2": StyleGan2, "dcgan": dcgan, "vae": vae}
CLASSIFIERS = ("resnet18", "resnet50", "mobilenet_v2")


def build(kind: str, seed: int = 0, **options) -> nn.Module:
    torch.manual_seed(seed)
    model = BUILDERS[kind](**options) if kind in BUILDERS else torchvision_model(kind, **options)
    random_statistics(model)
    return model.eval()


def input_shape(kind: str, options: dict) -> list[int]:
    """Of one row."""
    if kind in CLASSIFIERS:
        return [3, 224, 224]
    latent = options.get("latent", {"dcgan": 100, "vae": 128}.get(kind, 512))
    return [latent, 1, 1] if kind == "dcgan" else [latent]


def export(model: nn.Module, shape: list[int], path: str, symbolic: bool = True, opset: int = 13) -> None:
    """Writes an ONNX file whose batch is symbolic, or 1: a convolution with computed weights, such as fused
    modulation, is exported for fixed sizes only. torch's tracing exporter, which every version has."""
    options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    if symbolic:
        options["dynamic_axes"] = {"input": {0: "batch"}, "output": {0: "batch"}}
    with torch.no_grad():
        torch.onnx.export(model, torch.randn(1, *shape), path, opset_version=opset, input_names=["input"],
                          output_names=["output"], **options)
