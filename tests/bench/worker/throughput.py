"""The generator through the whole worker (device, PNG, files, results) beside the bare engine, interleaved.

    python3 tests/bench/worker/throughput.py [--rounds 5] [--seconds 4] [--bundle default|progressive1024 ...]
                                             [--device cpu|cpu:1 ...] [--output png|tar]

Each round runs the bare engine (bench_engine: the generator alone, images stay on the device) and then a sample job
of about --seconds through a real broker and a worker whose networks are loaded. The ratio is the worker's faces a second,
from submit to the job's end in the database, over the engine's; medians of the rounds. On `cpu` encoding takes
place on the cores that compute, so the ratio cannot be above engine's share of the processor time, which is printed
beside it: the engine's core-milliseconds a face over the worker's. On `cpu:1` the device is one core and PNG is made on
another. Faces are left until the farm ends: ext4 looks for a new file's inode past all that were freed in the last half minute,
which costs more than the file. The network of progressive1024 is random, written to build/bench by tests/bench/engine/export.py.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "farm"))
import farm  # noqa: E402

BATCH = {"default": 64, "progressive1024": 4}

PROGRESSIVE = """format: facefarm-bundle/1
name: progressive1024
description: random weights, for a bench
licence: none
tolerance: 0.001
generator:
  file: generator.onnx
  sha256: {sha256}
  input: input
  latent: {{space: z, dimension: 512, prior: normal, normalisation: sphere}}
  output: {{tensor: output, channels: rgb, height: 1024, width: 1024, range: [-1, 1]}}
classifier:
  file: attributes.onnx
  sha256: {classifier}
  input: {{tensor: image, channels: rgb, height: 64, width: 64, range: [-1, 1]}}
  output: logits
  attributes: [{attributes}]
"""


def make_bundle(name: str) -> pathlib.Path:
    if name == "default":
        return farm.ROOT / "models/default"
    exporter = farm.ROOT / "tests/bench/engine/export.py"
    subprocess.run([sys.executable, exporter, farm.CACHE, name], check=True, stdout=subprocess.DEVNULL)
    folder = farm.CACHE / name
    folder.mkdir(exist_ok=True)
    generator, classifier = folder / "generator.onnx", folder / "attributes.onnx"
    generator.unlink(missing_ok=True)
    os.link(farm.CACHE / f"{name}.onnx", generator)
    shutil.copy(farm.ROOT / "models/default/attributes.onnx", classifier)  # a bundle has one; sample jobs do not run it
    (folder / "bundle.yaml").write_text(PROGRESSIVE.format(
        sha256=hashlib.sha256(generator.read_bytes()).hexdigest(),
        classifier=hashlib.sha256(classifier.read_bytes()).hexdigest(),
        attributes=", ".join(f"a{i}" for i in range(40))))
    return folder


def bare(generator: pathlib.Path, batch: int, threads: int, seconds: float) -> float:
    """Faces a second of the engine alone."""
    def run(rounds: int) -> dict:
        done = subprocess.run([farm.BUILD / "tests/engine/bench_engine", "--json", "--tolerance", "1e-3", "--batch",
                               str(batch), "--threads", str(threads), "--rounds", str(rounds), generator],
                              check=True, capture_output=True, text=True, env=farm.environment())
        return json.loads(done.stdout)
    if generator not in rounds_of:
        rounds_of[generator] = max(5, min(1001, int(seconds * 1000 / run(3)["ms"])))
    return run(rounds_of[generator])["rows_per_s"]


rounds_of: dict[pathlib.Path, int] = {}


def job(running: farm.Farm, worker: subprocess.Popen, count: int, output: str, seed: int) -> tuple[float, float]:
    """Seconds and processor seconds of a sample job."""
    spent, started = farm.processor_seconds(worker), time.monotonic()
    number = running.submit(f"  - {{kind: sample, name: faces, count: {count}, output: {output}}}\n", seed)
    running.finish(number)
    seconds = time.monotonic() - started
    return seconds, farm.processor_seconds(worker) - spent


def compare(name: str, device: str, arguments: argparse.Namespace) -> None:
    folder = make_bundle(name)
    batch, threads = BATCH[name], int(device.partition(":")[2] or os.cpu_count())
    engine, whole, cpu = [], [], []
    with farm.Farm(folder) as running:
        worker = running.worker("w", device, "--batch", str(batch))
        job(running, worker, 4 * batch, arguments.output, 1)
        count = 0
        for i in range(arguments.rounds):
            engine.append(bare(folder / "generator.onnx", batch, threads, arguments.seconds / 2))
            if not count:
                count = max(batch, int(engine[0] * arguments.seconds) // batch * batch)
            seconds, spent = job(running, worker, count, arguments.output, i + 2)
            whole.append(count / seconds)
            cpu.append(spent / count)
    bare_rate, rate = statistics.median(engine), statistics.median(whole)
    ratio = statistics.median(w / e for w, e in zip(whole, engine))
    share = threads / bare_rate / statistics.median(cpu)
    print(f"{name:16} {device:6} {arguments.output:4} engine {bare_rate:8.1f} faces/s  worker {rate:8.1f}  ratio "
          f"{ratio:.3f}  ({min(w / e for w, e in zip(whole, engine)):.3f} to {max(w / e for w, e in zip(whole, engine)):.3f})"
          f"  |  core-ms a face: engine {threads / bare_rate * 1e3:.3f}, worker {statistics.median(cpu) * 1e3:.3f}, "
          f"share {share:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--bundle", nargs="+", choices=list(BATCH), default=list(BATCH))
    parser.add_argument("--device", nargs="+", default=["cpu", "cpu:1"])
    parser.add_argument("--output", choices=["png", "tar"], default="png")
    arguments = parser.parse_args()
    for name in arguments.bundle:
        for device in arguments.device:
            compare(name, device, arguments)


if __name__ == "__main__":
    main()
