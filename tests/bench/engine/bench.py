"""The engine beside PyTorch and ONNX Runtime on the same cores.

    python3 tests/bench/engine/bench.py [NAME ...] [--threads 2] [--rounds 7] [--compile] [--no-torch] [--memory]

measures the rows named (all of export.py's without names; a part of a name selects too), on the build in
build/release. Each round runs the engine and every peer once, in turn; the table gives medians over the
rounds, the fastest peer's time over ours (above 1 we are faster), and with --memory each process's peak
of resident memory. PyTorch runs with contiguous and with channels-last tensors, progressive GANs with
pixel norm as the usual code spells it and as a tuned one does; a variant that the first round shows to be
a fifth slower than PyTorch's best is not run again. --compile adds torch.compile. Networks and PoCL's
kernels are cached in build/bench. Needs torch, torchvision, onnx, onnxruntime and numpy.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import export

PROGRAM = export.ROOT / "build/release/tests/engine/bench_engine"
CACHE = export.ROOT / "build/bench"
ROUND_MS = 300.0  # a round repeats calls for about so long
HOPELESS = 1.2
TOLERANCE = "1e-3"  # of the outputs, as float32 peers' transforms have


def calls_of(ms: float) -> int:
    return max(1, min(15, int(ROUND_MS / ms)))


class Engine:
    """Ours: a process a round, whose first call is not counted."""

    def __init__(self, row: export.Row, threads: int):
        self.path, self.row, self.threads = export.write(row, CACHE), row, threads

    def measure(self, calls: int) -> dict[str, float]:
        command = [PROGRAM, "--json", "--tolerance", TOLERANCE, "--rounds", str(calls), "--batch", str(self.row.batch),
                   "--threads", str(self.threads), self.path]
        environment = {**os.environ, "POCL_CACHE_DIR": str(CACHE / "pocl")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def close(self) -> None:
        pass


class Peer:
    """A process that stays, warm, and waits on a pipe while others are measured."""

    def __init__(self, row: export.Row, variant: str, threads: int):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("peer.py"), row.name, variant, CACHE, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{variant} did not start")

    def measure(self, calls: int) -> dict[str, float]:
        print(calls, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def variants(row: export.Row, arguments: argparse.Namespace) -> list[str]:
    if row.bundled or arguments.no_torch:
        return ["onnxruntime"]
    norms = ["", "+tuned"] if row.kind == "progressive" else [""]
    torch = [f"torch{layout}{norm}" for layout in ("", "+channels_last") for norm in norms]
    return ["onnxruntime", *torch, *(["torch+compile"] if arguments.compile else [])]


def open_all(row: export.Row, arguments: argparse.Namespace) -> dict[str, Engine | Peer]:
    runners = {"ours": Engine(row, arguments.threads)}
    for variant in variants(row, arguments):
        try:
            runners[variant] = Peer(row, variant, arguments.threads)
        except RuntimeError as reason:
            print(f"{row.name}: {reason}", file=sys.stderr)
    return runners


def run_rounds(runners: dict[str, Engine | Peer], rounds: int) -> dict[str, list[dict]]:
    calls = {name: calls_of(runner.measure(1)["ms"]) for name, runner in runners.items()}
    measured = {name: [] for name in runners}
    hopeless = set()
    for _ in range(rounds):
        for name, runner in runners.items():
            if name not in hopeless:
                measured[name].append(runner.measure(calls[name]))
        torch = {name: m[0]["ms"] for name, m in measured.items() if name.startswith("torch")}
        hopeless = {name for name, ms in torch.items() if ms > HOPELESS * min(torch.values())}
    return measured


def report(row: export.Row, measured: dict[str, list[dict]], memory: bool) -> None:
    ms = {name: statistics.median(m["ms"] for m in all_of) for name, all_of in measured.items()}
    peers = {name: value for name, value in ms.items() if name != "ours"}
    best = min(peers, key=peers.get)
    text = "  ".join(f"{name} {value:.2f}{'*' if name == best else ''}" for name, value in peers.items())
    print(f"{row.name:20} ours {ms['ours']:9.2f} ms  ratio {peers[best] / ms['ours']:5.2f}  |  {text}", flush=True)
    if memory:
        peaks = "  ".join(f"{name} {max(m['peak_mib'] for m in all_of):.0f}" for name, all_of in measured.items())
        print(f"{'':20} peak MiB: {peaks}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    rows = [row for row in export.ROWS if not arguments.names or any(name in row.name for name in arguments.names)]
    for row in rows:
        runners = {}
        try:
            runners = open_all(row, arguments)
            report(row, run_rounds(runners, arguments.rounds), arguments.memory)
        except RuntimeError as reason:
            print(f"{row.name:20} {reason}", flush=True)
        for runner in runners.values():
            runner.close()


if __name__ == "__main__":
    main()
