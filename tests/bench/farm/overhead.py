"""A label job through the farm beside the bare engine over the same faces in one process, and two workers beside one.

    python3 tests/bench/farm/overhead.py [--faces 20000] [--rounds 3]

Each round, in turn: the bare engine (bench_label) on both cores; the job on a farm whose worker has both; the same job on
one worker of one core; on two workers of one core each. Jobs run from submit to their end in the database, with workers
whose networks are loaded. Medians. The broker's own work is done on the same cores; processor time, which others on the
machine disturb less than seconds, is printed beside: worker's and broker's over the bare engine's.
"""
import argparse
import resource
import statistics
import subprocess
import time

import farm


def bare(count: int, threads: int) -> tuple[float, float]:
    """Seconds, and processor seconds (of opening as well: some tenths)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([farm.BUILD / "tests/bench/bench_label", str(count), str(threads)], check=True,
                          capture_output=True, text=True, cwd=farm.ROOT, env=farm.environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def job(running: farm.Farm, count: int, seed: int) -> float:
    started = time.monotonic()
    running.finish(running.submit(f"  - {{kind: label, name: labels, count: {count}}}\n", seed))
    return time.monotonic() - started


class Workers:
    """A farm of its own with workers that have run a task each."""

    def __init__(self, devices: list[str]):
        self.running = farm.Farm(farm.ROOT / "models/default").__enter__()
        self.workers = []
        for i, device in enumerate(devices):
            self.workers.append(self.running.worker(f"w{i}", device))
            self.running.until(lambda: self.running.query("SELECT count(*) FROM worker")[0][0] == i + 1, "the worker")
        job(self.running, 2048 * len(devices), 99)

    def processor_seconds(self) -> float:
        return sum(farm.processor_seconds(process) for process in [self.running.broker, *self.workers])

    def measure(self, count: int, seed: int) -> tuple[float, float]:
        before = self.processor_seconds()
        seconds = job(self.running, count, seed)
        return seconds, self.processor_seconds() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    farms = {"both": Workers(["cpu"]), "one": Workers(["cpu:1"]), "two": Workers(["cpu:1", "cpu:1"])}
    times = {name: [] for name in ["bare", *farms]}
    spent = {name: [] for name in times}
    for i in range(arguments.rounds):
        for name in times:
            seconds, cpu = farms[name].measure(arguments.faces, i + 1) if name in farms else bare(arguments.faces, 2)
            times[name].append(seconds)
            spent[name].append(cpu)
    for workers in farms.values():
        workers.running.__exit__()
    median = {name: statistics.median(all_of) for name, all_of in times.items()}
    over = statistics.median(f / b for f, b in zip(times["both"], times["bare"]))
    speedup = statistics.median(o / t for o, t in zip(times["one"], times["two"]))
    print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in median.items()))
    print(f"{arguments.faces} faces through the farm / bare engine: {over:.3f} "
          f"({min(f / b for f, b in zip(times['both'], times['bare'])):.3f} to "
          f"{max(f / b for f, b in zip(times['both'], times['bare'])):.3f})")
    print("processor time / bare engine's: " + "  ".join(
        f"{name} {statistics.median(c / b for c, b in zip(spent[name], spent['bare'])):.3f}" for name in farms))
    print(f"two workers of one core / one: {speedup:.3f} times as fast")


if __name__ == "__main__":
    main()
