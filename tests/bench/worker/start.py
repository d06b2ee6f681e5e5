"""How long a worker takes from its start to its first face, with warm caches.

    python3 tests/bench/worker/start.py [--rounds 7] [--device cpu] [--bundle models/default] [--log]

Each round submits a sample job of one face to a real broker and starts a worker; the time runs from exec of the worker
to the moment that the job is done in the database, the face in a PNG file, the result committed. The first round starts
with empty caches, waits until they are filled (the worker writes them beside its work), and does not count. --log shows
what the last worker said of its phases.
"""
import argparse
import pathlib
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "farm"))
import farm  # noqa: E402

ONE_FACE = "  - {kind: sample, name: face, count: 1, output: png}\n"


def empty_caches() -> None:
    for name in ("pocl", "cache"):
        shutil.rmtree(farm.CACHE / name, ignore_errors=True)
        (farm.CACHE / name).mkdir(parents=True)


def first_face(running: farm.Farm, number: int, device: str) -> float:
    job = running.submit(ONE_FACE, seed=number + 1)
    started = time.monotonic()
    worker = running.worker(f"w{number}", device, log="debug")
    running.finish(job)
    seconds = time.monotonic() - started
    if number == 0:
        running.until(lambda: running.log_line("w0", "(kernels are kept)"), "the caches")
    running.stop(worker)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bundle", type=pathlib.Path, default=farm.ROOT / "models/default")
    parser.add_argument("--log", action="store_true")
    arguments = parser.parse_args()
    empty_caches()
    with farm.Farm(arguments.bundle) as running:
        times = [first_face(running, i, arguments.device) for i in range(arguments.rounds + 1)]
        if arguments.log:
            print((running.folder / f"w{arguments.rounds}.log").read_text(), end="")
    warm = sorted(times[1:])
    print(f"worker's exec to its first committed face: median {statistics.median(warm):.3f} s "
          f"({warm[0]:.3f} to {warm[-1]:.3f}, {len(warm)} rounds); with empty caches {times[0]:.1f} s")


if __name__ == "__main__":
    main()
