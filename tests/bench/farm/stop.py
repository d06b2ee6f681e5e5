"""How long a worker takes to stop when a running task is not wanted any more, by stage, on one core.

    python3 tests/bench/farm/stop.py [--rounds 10] [--case label fit …]

A job's only task runs for minutes. It is paused at a random moment (a cancel is the same `revoke` on the wire), and a job
of one empty task is submitted: what passes from the pause to that one's end, less what such a job takes on an idle worker,
is how long the device was not free. Then the job goes on. Median and longest of the rounds. A small job before has the
worker load the bundle, compile its kernels and measure its steps (worker/engine/network.h's pace). The network of progressive1024
is random, as in tests/bench/worker/throughput.py; without a batch it has the worker's own, 64.
"""
import argparse
import json
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "worker"))
import farm  # noqa: E402
import throughput  # noqa: E402

LABELS = "  - {kind: label, name: labels, count: 4096}\n"
PLANES = LABELS + "  - {kind: fit, name: planes, from: labels}\n"
LONG = "task_size: 65536"

PACE_RUNS = 2

CASES = {  # stages, the one that is stopped, bundle, batch
    "label": (f"  - {{kind: label, name: it, count: 65536, {LONG}}}\n", "default", None),
    "sample": (f"  - {{kind: sample, name: it, count: 65536, {LONG}}}\n", "default", None),
    "edit": (PLANES + "  - {kind: edit, name: it, from: planes, targets: [Smiling, Male, Young, Eyeglasses, age], "
                      "faces: 64, distances: {from: -3, to: 3, steps: 64}, conditions: [all], task_size: 320}\n", "default", None),
    "evaluate": (PLANES + "  - {kind: evaluate, name: it, from: planes, targets: [age, Smiling], count: 4096, "
                          "task_size: 4096, distances: {from: -3, to: 3, steps: 7}, conditions: [all]}\n", "default", None),
    "fit": ("  - {kind: label, name: labels, count: 16384}\n"
            "  - {kind: fit, name: it, from: labels, costs: [0.1, 1, 10, 100], folds: 10, learning_curve: 8, "
            "compare: [least_squares, ridge], task_size: 41}\n", "default", None),
    "progressive1024, batch 4": (f"  - {{kind: sample, name: it, count: 1000, {LONG}}}\n", "progressive1024", 4),
    "progressive1024": (f"  - {{kind: sample, name: it, count: 1000, {LONG}}}\n", "progressive1024", None),
}


def leased(running: farm.Farm, job: int) -> bool:
    stages = json.loads(running.tell("job", "show", str(job), "--json"))["stages"]
    return any(stage["name"] == "it" and stage["leased"] for stage in stages)


def probe(running: farm.Farm) -> float:
    started = time.monotonic()
    running.finish(running.submit("  - {kind: probe, name: probe, count: 1}\n"))
    return time.monotonic() - started


def measure(name: str, rounds: int) -> None:
    stages, bundle, batch = CASES[name]
    with farm.Farm(throughput.make_bundle(bundle)) as running:
        worker = running.worker("w", "cpu:1", *(["--batch", str(batch)] if batch else []))
        probe(running)
        idle = statistics.median(probe(running) for _ in range(5))
        samples = f"  - {{kind: sample, name: first, count: {PACE_RUNS * (batch or 64)}}}\n"
        running.finish(running.submit(samples + (PLANES if bundle == "default" else "")))
        job = running.submit(stages)
        running.until(lambda: leased(running, job), "the task")
        times = []
        for _ in range(rounds):
            time.sleep(random.uniform(0.5, 2.0))  # the moment is what is drawn; nothing is waited for
            if not leased(running, job):
                sys.exit(f"{name}: the task has ended: it must take longer")
            started = time.monotonic()
            running.tell("job", "pause", str(job))
            probe(running)
            times.append(time.monotonic() - started - idle)
            running.tell("job", "resume", str(job))
            running.until(lambda: leased(running, job), "the task again")
        running.stop(worker)
    print(f"{name:26} stops in {1e3 * statistics.median(times):6.0f} ms, at most {1e3 * max(times):6.0f}  "
          f"({rounds} rounds)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    random.seed(1)
    for name in arguments.case:
        measure(name, arguments.rounds)


if __name__ == "__main__":
    main()
