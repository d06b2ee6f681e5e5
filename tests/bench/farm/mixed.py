"""A fast and a slow worker share a job: its time beside what their summed speed predicts.

    python3 tests/bench/farm/mixed.py [--seconds 15] [--rounds 3] [--slower 4 12]

Two workers of one thread each, on a core of their own (taskset). Beside the second so many busy processes are kept on
its core that the kernel's scheduler gives it one share of --slower; they run in every measurement, and take neither caches nor
memory. Each round, with workers whose networks are loaded: a label job on the fast one alone, on the slow one alone, and
one on both, each of about --seconds. Predicted are the faces of the last over the sum of the speeds of the first two.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import farm


class Pair:
    """A farm with two workers, of which either, or both, get tasks: by a label that the job's stage needs."""

    def __init__(self, slower: int):
        self.running = farm.Farm(farm.ROOT / "models/default").__enter__()
        self.cores = sorted(os.sched_getaffinity(0))[:2]
        self.load = [subprocess.Popen(["taskset", "-c", str(self.cores[1]), sys.executable, "-c", "while True: pass"])
                     for _ in range(slower - 1)]
        for core, name in zip(self.cores, ["fast", "slow"]):
            self.running.spawn(name, ["taskset", "-c", core, farm.WORKER, "--broker", self.running.endpoint, "--store",
                                      self.running.store, "--name", name, "--device", "cpu:1", "--label", f"speed={name}"])
        self.running.until(lambda: self.running.query("SELECT count(*) FROM worker")[0][0] == 2, "the workers")

    def close(self) -> None:
        for process in self.load:
            process.kill()
            process.wait()
        self.running.__exit__()

    def job(self, count: int, who: str | None, seed: int) -> float:
        needs = f", needs: {{labels: {{speed: {who}}}}}" if who else ""
        started = time.monotonic()
        self.number = self.running.submit(f"  - {{kind: label, name: labels, count: {count}{needs}}}\n", seed)
        self.running.finish(self.number)
        return time.monotonic() - started

    def shares(self) -> dict[str, int]:
        return dict(self.running.query("SELECT worker, faces FROM throughput WHERE job = ? ORDER BY worker", self.number))


def compare(slower: int, seconds: float, rounds: int) -> None:
    pair = Pair(slower)
    try:
        rates = {}
        for who, count in [("fast", 2048), ("slow", max(256, 2048 // slower))]:
            pair.job(256, who, 1)
            rates[who] = count / pair.job(count, who, 2)
        ratios, real, guess = [], [], []
        for i in range(rounds):
            alone = {}
            for who in rates:
                count = int(rates[who] * seconds)
                alone[who] = count / pair.job(count, who, 10 * i + 3)
            count = int(sum(alone.values()) * seconds)
            guess.append(count / sum(alone.values()))
            real.append(pair.job(count, None, 10 * i + 4))
            ratios.append(real[-1] / guess[-1])
        print(f"{slower:3}: fast {alone['fast']:.0f} faces/s, slow {alone['slow']:.0f} "
              f"({alone['fast'] / alone['slow']:.1f} times); both predicted {statistics.median(guess):.2f} s, real "
              f"{statistics.median(real):.2f}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); "
              f"faces of the last {json.dumps(pair.shares())}", flush=True)
    finally:
        pair.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slower", type=int, nargs="+", default=[4, 12])
    arguments = parser.parse_args()
    for slower in arguments.slower:
        compare(slower, arguments.seconds, arguments.rounds)


if __name__ == "__main__":
    main()
