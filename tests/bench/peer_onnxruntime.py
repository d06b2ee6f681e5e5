"""The engine beside ONNX Runtime on the same cores: interleaved, medians of medians, the ratio.

    python3 tests/bench/peer_onnxruntime.py BENCH_ENGINE [--threads 2] [--rounds 7] [MODEL.onnx ...]

BENCH_ENGINE is the built tests/bench/bench_engine.c. Needs onnxruntime and numpy; nothing else does.
"""
import argparse
import json
import statistics
import subprocess
import time

import numpy as np
import onnxruntime

MODELS = [f"models/default/{name}.onnx" for name in ("generator", "attributes", "age_fit", "age_judge")]
BATCHES = (1, 8, 64)


def ours(program: str, model: str) -> dict[int, float]:
    """Milliseconds by batch."""
    text = subprocess.run([program, "--json", "--tolerance", "1e-3", model], check=True, capture_output=True, text=True).stdout
    return {line["batch"]: line["ms"] for line in map(json.loads, text.splitlines())}


def theirs(session: onnxruntime.InferenceSession, batch: int) -> float:
    shape = [batch, *session.get_inputs()[0].shape[1:]]
    feed = {session.get_inputs()[0].name: np.random.default_rng(0).standard_normal(shape, dtype=np.float32)}
    times = []
    for _ in range(16):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def open_session(model: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}, {arguments.threads} threads; milliseconds, medians")
    for model in arguments.models:
        session = open_session(model, arguments.threads)
        mine, peer = {b: [] for b in BATCHES}, {b: [] for b in BATCHES}
        for _ in range(arguments.rounds):
            measured = ours(arguments.program, model)
            for batch in BATCHES:
                mine[batch].append(measured[batch])
                peer[batch].append(theirs(session, batch))
        for batch in BATCHES:
            a, b = statistics.median(mine[batch]), statistics.median(peer[batch])
            print(f"{model:34} batch {batch:3}  ours {a:9.3f}  onnxruntime {b:9.3f}  ratio {b / a:5.2f}")


if __name__ == "__main__":
    main()
