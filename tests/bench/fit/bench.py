"""The fit beside numpy's Newton-CG, LIBLINEAR's primal solver and libsvm's linear SVC, on the same samples.

    python3 tests/bench/fit/bench.py [--rows 100000] [--features 512] [--columns 40] [--threads 2] [--rounds 5]

Latents on the sphere with known normals, labels sign(n·z + noise/2). Each round runs ours (from samples in memory
to boundaries, on the build in build/release) and numpy's in turn; then LIBLINEAR fits --liblinear columns (3) of the
same samples, and SVC one column of --svc rows (5000): they take minutes for all. Printed: medians, what a peer's
time is of ours (above 1 we are faster), the mean of the objective (float64, the same function for all), the mean
cosine to the known normals. The first call of ours, which compiles kernels, is not counted. Needs numpy and scikit-learn.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# Older OpenBLAS builds may need these; they slow a current one.
if os.environ.pop("OPENBLAS_CORETYPE", None) or os.environ.pop("OPENBLAS_L2_SIZE", None):
    os.execv(sys.executable, [sys.executable, *sys.argv])

ROOT = pathlib.Path(__file__).parents[3]
PROGRAM = ROOT / "build/release/tests/worker/bench_fit"
COST = 1.0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rows", 100000), ("features", 512), ("columns", 40), ("threads", 2), ("rounds", 5),
                        ("liblinear", 3), ("svc", 5000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


ARGS = options()
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(ARGS.threads)
import numpy  # noqa: E402  (the variables above are read when it is loaded)

import peer  # noqa: E402


def make(rows: int, features: int, columns: int):
    random = numpy.random.default_rng(1)
    x = random.standard_normal((rows, features), dtype=numpy.float32)
    x *= numpy.float32(features**0.5) / numpy.linalg.norm(x, axis=1, keepdims=True)
    normals = random.standard_normal((features, columns))
    normals /= numpy.linalg.norm(normals, axis=0)
    scores = x @ normals.astype(numpy.float32)
    noise = random.standard_normal((rows, columns), dtype=numpy.float32)
    return x, numpy.where(scores + noise / 2 > 0, numpy.float32(1), numpy.float32(-1)), normals


class Ours:
    def __init__(self, folder: pathlib.Path, x, y):
        self.folder = folder
        numpy.save(folder / "x.npy", x)
        numpy.save(folder / "y.npy", y)
        self.run()

    def run(self) -> float:
        """Seconds of the second of two rounds of a fresh process."""
        command = [PROGRAM, self.folder / "x.npy", self.folder / "y.npy", str(COST), "--threads", str(ARGS.threads),
                   "--rounds", "2", "--out", self.folder / "w.npy"]
        environment = {"POCL_CACHE_DIR": str(ROOT / "build/bench/pocl"), **os.environ}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return float(done.stdout.split()[1]) / 1e3

    def normals(self):
        return numpy.load(self.folder / "w.npy").T.astype(float)


def scaled(x, y, w):
    """The unit boundary as a minimiser: the length along it that makes the objective least (Newton in one number)."""
    o = x.astype(float) @ w[:-1] + w[-1]
    length = numpy.ones(w.shape[1])
    for _ in range(50):
        slack = numpy.maximum(1 - y * length * o, 0)
        gradient = length - 2 * COST * (slack * y * o).mean(0)
        length -= gradient / (1 + 2 * COST * ((slack > 0) * o**2).mean(0))
    return w * length


def clock(call, *arguments):
    since = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - since, result


def judge(x, y, truth, w) -> tuple[float, float]:
    cosine = (w[:-1] * truth).sum(0) / numpy.linalg.norm(w[:-1], axis=0)
    return float(peer.loss(x, y, COST, w).mean()), float(cosine.mean())


def single(fit, x, y, truth, columns: int):
    """A solver that takes one column at a time: seconds a column, objective, cosine."""
    took = [clock(fit, x, y[:, k], COST) for k in range(columns)]
    w = numpy.stack([w for _, w in took], axis=1)
    return statistics.mean(s for s, _ in took), *judge(x, y[:, :columns], truth[:, :columns], w)


def line(name: str, seconds: float, ours: float, objective, cosine: float) -> None:
    text = f"{objective:.7f}" if objective is not None else "another"
    print(f"{name:44}  {seconds:9.3f}  {seconds / ours:8.2f}  {text:>10}  {cosine:.5f}", flush=True)


def main() -> None:
    x, y, truth = make(ARGS.rows, ARGS.features, ARGS.columns)
    with tempfile.TemporaryDirectory() as folder:
        ours, times = Ours(pathlib.Path(folder), x, y), {"ours": [], "numpy": []}
        peer.newton(x[:4096], y[:4096], COST)
        for _ in range(ARGS.rounds):
            times["ours"].append(ours.run())
            seconds, (w, _) = clock(peer.newton, x, y, COST)
            times["numpy"].append(seconds)
        found = scaled(x, y, ours.normals())
    mine, numpys = statistics.median(times["ours"]), statistics.median(times["numpy"])
    print(f"{ARGS.columns} columns, {ARGS.rows} samples of dimension {ARGS.features}, {ARGS.threads} threads, C = {COST:g}")
    print(f"{'':44}  {'seconds':>9}  {'of ours':>8}  {'objective':>10}  cosine")
    line("ours", mine, mine, *judge(x, y, truth, found))
    line(f"numpy {numpy.__version__}, Newton-CG, all columns", numpys, mine, *judge(x, y, truth, w))
    if ARGS.liblinear:
        seconds, objective, cosine = single(peer.liblinear, x, y, truth, ARGS.liblinear)
        line(f"LIBLINEAR primal, a column × {ARGS.columns}", seconds * ARGS.columns, mine, objective, cosine)
    if ARGS.svc:
        few = slice(0, ARGS.svc)
        seconds, _, cosine = single(peer.svc, x[few], y[few], truth, 1)
        line(f"SVC, a column of {ARGS.svc} samples × {ARGS.columns}", seconds * ARGS.columns, mine, None, cosine)
    print(json.dumps({**times, "objectives": [judge(x, y, truth, found)[0], judge(x, y, truth, w)[0]]}))


if __name__ == "__main__":
    main()
