"""One peer at one row, in a process of its own: `peer.py NAME VARIANT FOLDER THREADS`, started by bench.py.

VARIANT is `onnxruntime`, or `torch` and what is added to it (torch+channels_last+tuned+compile). Says
"ready"; then answers each line CALLS with a line of JSON: the median milliseconds of that many calls and
the process's peak of resident memory.
"""
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import export


def feed(shape: list[int], batch: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal([batch, *shape], dtype=np.float32)


def open_onnxruntime(row: export.Row, folder: pathlib.Path, threads: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(export.model_path(row, folder)), options,
                                           providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    x = {entry.name: feed(entry.shape[1:], row.batch)}
    return lambda: session.run(None, x)


def open_torch(row: export.Row, variant: list[str], threads: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    tuned = {"norm": export.architectures.pixel_norm_tuned} if "tuned" in variant else {}
    model = export.build(row, **tuned)
    x = torch.from_numpy(feed(export.input_shape(row), row.batch))
    if "channels_last" in variant:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
    if "compile" in variant:
        model = torch.compile(model)

    def call() -> object:
        with torch.inference_mode():
            return model(x)

    return call


def peak_mib() -> float:
    """Not getrusage(): a process that vfork() started has its parent's there."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(call: Callable[[], object], calls: int) -> dict[str, float]:
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return {"ms": statistics.median(times), "peak_mib": peak_mib()}


def main() -> None:
    name, variant, folder, threads = sys.argv[1:]
    row = next(row for row in export.ROWS if row.name == name)
    if variant == "onnxruntime":
        call = open_onnxruntime(row, pathlib.Path(folder), int(threads))
    else:
        call = open_torch(row, variant.split("+")[1:], int(threads))
    call()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(call, int(line))), flush=True)


if __name__ == "__main__":
    main()
