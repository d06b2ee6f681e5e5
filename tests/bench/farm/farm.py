"""A real farm for the benches: a broker, workers and a database in a folder of their own, on a free port.

Used by tests/bench/worker, farm and study. Programs are those of build/release; kernels stay compiled in build/bench.
"""
import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build/release"
CACHE = ROOT / "build/bench"
FACEFARM, BROKER, WORKER = BUILD / "cli/facefarm", BUILD / "broker/facefarm-broker", BUILD / "worker/facefarm-worker"
PATIENCE = 1800.0
LOOK_S = 0.002


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "POCL_CACHE_DIR": str(CACHE / "pocl"), "FACEFARM_CACHE": str(CACHE / "cache"), **more}


def processor_seconds(process: subprocess.Popen) -> float:
    """Of all threads of a process so far."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Farm:
    """Starts a broker; `with Farm(bundle) as farm` ends whatever it started. The bundle is a folder."""

    def __init__(self, bundle: pathlib.Path):
        self.bundle, self.children = bundle, []

    def __enter__(self) -> "Farm":
        CACHE.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=CACHE, prefix="farm."))
        self.store, self.database = self.folder / "store", self.folder / "farm.db"
        self.broker = self.spawn("broker", [BROKER, "--db", self.database, "--store", self.store,
                                            "--listen", "tcp://127.0.0.1:*"])
        self.endpoint = self.until(lambda: self.log_line("broker", r"listening on (\S+)"), "the broker")
        self.tell("bundle", "add", str(self.bundle))
        return self

    def __exit__(self, *_) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        if not os.environ.get("FACEFARM_BENCH_KEEP"):
            subprocess.run(["rm", "-rf", self.folder], check=True)

    def spawn(self, name: str, command: list, **more: str) -> subprocess.Popen:
        with open(self.folder / f"{name}.log", "a") as log:
            child = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=environment(**more))
        self.children.append(child)
        return child

    def log_line(self, name: str, pattern: str) -> str | None:
        found = re.search(pattern, (self.folder / f"{name}.log").read_text())
        return found and found[1]

    def until(self, ready, what: str):
        deadline = time.monotonic() + PATIENCE
        while not (value := ready()):
            if time.monotonic() > deadline or self.children[0].poll() is not None:
                sys.exit(f"{what} did not come: see {self.folder}")
            time.sleep(LOOK_S)
        return value

    def tell(self, *words: str) -> str:
        return subprocess.run([FACEFARM, *words, "--broker", self.endpoint], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def submit(self, stages: str, seed: int = 1) -> int:
        spec = self.folder / "job.yaml"
        spec.write_text(f"format: facefarm-job/1\nname: bench\nbundle: {self.bundle_name()}\nseed: {seed}\n"
                        f"stages:\n{stages}")
        return int(self.tell("submit", str(spec)).split()[-1])

    def bundle_name(self) -> str:
        return re.search(r"^name: *(\S+)", (self.bundle / "bundle.yaml").read_text(), re.M)[1]

    def worker(self, name: str, device: str, *more: str, log: str = "info") -> subprocess.Popen:
        return self.spawn(name, [WORKER, "--broker", self.endpoint, "--store", self.store, "--name", name,
                                 "--device", device, *more], FACEFARM_LOG=log)

    def stop(self, child: subprocess.Popen) -> None:
        child.terminate()
        child.wait()
        self.children.remove(child)

    def query(self, sql: str, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(sql, values).fetchall()

    def finish(self, job: int) -> None:
        """Returns when the job is done. The broker tells: asking the database every 2 ms took 0.4 of a core from those
        measured."""
        if subprocess.run([FACEFARM, "job", "wait", str(job), "--broker", self.endpoint], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, timeout=PATIENCE).returncode != 0:
            sys.exit(f"job {job} is not done: see {self.folder}")
