"""The study through the farm beside the time that PyTorch needs for its labelling alone.

    python3 tests/bench/study/bench.py [--faces 100000] [--evaluate 10000] [--whole] [--threads 2] [--torch-faces 4096]
                                          [--only farm|torch]

Ours: from submit to the written report, on the default bundle, with one worker whose networks are loaded: --faces made and
labelled, a boundary for each of the 40 attributes (and for age), --evaluate other faces aged and judged, as they are and
along the plain and the projected direction, report. --whole is all that `facefarm study` does, sheets and sweeps as well.
PyTorch: generator, classifier and one age estimator in float32, from latents that are there, by models/recipe's networks
(weights are random, which costs the same), the faster of contiguous and channels-last tensors at batches of 64 and 256; timed
over --torch-faces before the farm's run and after it, and scaled to --faces. Printed: both, and PyTorch's time over ours,
which is to be at least 3. --only measures one of both, where a machine is not to be had for all of it at once. Needs torch and numpy.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/bench/farm"), str(ROOT)]
import farm  # noqa: E402

PEER = """
import sys, time
sys.path.insert(0, {root!r})
import torch
from models.recipe import export
torch.set_num_threads({threads})
torch.manual_seed(0)
none = export.Path("/none")
generator, classifier, estimator = (export.load_network(name, none) for name in ("generator", "attributes", "age_fit"))
best = None
with torch.inference_mode():
    for layout in (torch.contiguous_format, torch.channels_last):
        networks = [network.to(memory_format=layout) for network in (generator, classifier, estimator)]
        for batch in (64, 256):
            z = torch.randn({faces} // batch, batch, 128)
            for i, latents in enumerate([z[0], *z]):
                image = networks[0](latents)
                networks[1](image), networks[2](image)
                if i == 0:
                    started = time.monotonic()
            each = (time.monotonic() - started) / (len(z) * batch)
            best = each if best is None else min(best, each)
print(best)
"""


def torch_seconds(faces: int, threads: int) -> float:
    """Of a face."""
    done = subprocess.run([sys.executable, "-c", PEER.format(root=str(ROOT), threads=threads, faces=faces)], check=True,
                          capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def stages(arguments: argparse.Namespace) -> str:
    return (f"  - {{kind: label, name: labels, count: {arguments.faces}}}\n"
            "  - {kind: fit, name: boundaries, from: labels}\n"
            f"  - {{kind: evaluate, name: ageing, start: {arguments.faces}, count: {arguments.evaluate}, from: boundaries, "
            "targets: [age], conditions: [Male, Eyeglasses], distance: 3}\n")


def study(running: farm.Farm, arguments: argparse.Namespace) -> float:
    started = time.monotonic()
    if arguments.whole:
        job = int(running.tell("study", "--faces", str(arguments.faces), "--samples", "0", "--evaluate",
                               str(arguments.evaluate)).split()[-1])
    else:
        job = running.submit(stages(arguments))
    running.finish(job)
    labelled = time.monotonic() - started
    subprocess.run([farm.FACEFARM, "report", "--db", running.database, "--store", running.store, "--job", str(job),
                    "--output", running.folder / "report"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    for name, begun, ended in running.query(
            "SELECT name, started_ms, ended_ms FROM stage WHERE job_id = ? ORDER BY position", job):
        print(f"  {name:12} {(ended - begun) / 1e3:8.1f} s")
    print(f"  {'report':12} {seconds - labelled:8.1f} s", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("faces", 100000), ("evaluate", 10000), ("threads", 2), ("torch-faces", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--only", choices=["farm", "torch"])
    arguments = parser.parse_args()
    torch = [] if arguments.only == "farm" else [torch_seconds(arguments.torch_faces, arguments.threads)]
    if arguments.only == "torch":
        print(f"PyTorch's labelling of {arguments.faces} faces, from {arguments.torch_faces}: "
              f"{torch[0] * arguments.faces:.1f} s, a third of it {torch[0] * arguments.faces / 3:.1f} s")
        return
    with farm.Farm(farm.ROOT / "models/default") as running:
        running.worker("w", f"cpu:{arguments.threads}")
        running.finish(running.submit("  - {kind: label, name: labels, count: 64}\n", seed=99))
        ours = study(running, arguments)
    if arguments.only == "farm":
        print(f"study of {arguments.faces} faces, {arguments.evaluate} aged: {ours:.1f} s")
        return
    torch.append(torch_seconds(arguments.torch_faces, arguments.threads))
    theirs = statistics.mean(torch) * arguments.faces
    print(f"study of {arguments.faces} faces, {arguments.evaluate} aged: {ours:.1f} s; PyTorch's labelling alone, from "
          f"{arguments.torch_faces} faces before and after: {theirs:.1f} s, a third of it {theirs / 3:.1f} s; "
          f"PyTorch / ours {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
