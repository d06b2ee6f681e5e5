#!/usr/bin/env python3
"""The farm's queue beside others, with tasks that do nothing: durable throughput, the round trip of one task, a
thousand workers, sizes from 10^4 to 10^9, what idling costs. Ours and the peers take turns, medians and ratios
are printed: above 1 we are faster. Who is not installed is skipped, with a line that says so.

    tests/bench/queue/bench.py [--build build/release] [--rounds 3] [--tasks 100000] [--large] [--only WORD]
                               [--python PYTHON-WITH-CELERY-AND-DASK]
"""
import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py")
CREDIT = 2048  # of each of our workers, LIMIT_CREDIT


def numbers(command, timeout=600, env=None):
    """The lines "name value" of a program, as a dictionary; {} where it failed, which is said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        print(f"  {' '.join(command[:3])}: took longer than {timeout} s")
        return {}
    if done.returncode != 0:
        print(f"  {os.path.basename(command[0])} {' '.join(command[1:3])}: {done.stderr.strip()[-200:]}")
        return {}
    pairs = (line.split() for line in done.stdout.splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A peer's server on a port and in a folder of its own."""

    def __init__(self, program, arguments):
        self.program, self.arguments = program, arguments

    def __enter__(self):
        self.port, self.folder = free_port(), tempfile.mkdtemp(prefix="facefarm-peer-")
        fill = {"port": str(self.port), "folder": self.folder}
        self.process = subprocess.Popen([self.program] + [a.format(**fill) for a in self.arguments], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.program} ended at once")
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def find(program):
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Bench:
    def __init__(self, options):
        self.options = options
        self.programs = os.path.join(options.build, "tests", "bench")
        self.found = {}

    def ours(self, *arguments):
        return numbers([os.path.join(self.programs, "bench_farm"), *map(str, arguments)])

    def bare(self, *arguments):
        return numbers([os.path.join(self.programs, "bench_bare"), *map(str, arguments)])

    def served(self, program, arguments, command):
        path = find(program)
        if not path:
            print(f"  skipped: {program} is not installed")
            return {}
        with Server(path, arguments) as server:
            return numbers(command(server))

    def peers(self, *arguments):
        return [os.path.join(self.programs, "bench_peers"), *map(str, arguments)]

    def gearman(self, queue, command):
        arguments = ["--listen=127.0.0.1", "--port={port}", "--log-file=stderr", "--threads=2"]
        return self.served("gearmand", arguments + queue, lambda s: command(s.port))

    def beanstalk(self, binlog, command):
        return self.served("beanstalkd", ["-l", "127.0.0.1", "-p", "{port}"] + binlog, lambda s: command(s.port))

    def redis(self, append, command):
        arguments = ["--bind", "127.0.0.1", "--port", "{port}", "--save", "", "--dir", "{folder}"]
        return self.served("redis-server", arguments + append, command)

    def take(self, name, value, field="tasks_per_second"):
        if field in value:
            self.found.setdefault(name, []).append(value[field])

    def median(self, name):
        return statistics.median(self.found[name]) if self.found.get(name) else None

    def throughput(self):
        tasks, python = self.options.tasks, self.options.python
        sqlite = ["--queue-type=libsqlite3", "--libsqlite3-db={folder}/queue.db"]
        fsync, always = ["-b", "{folder}", "-f0"], ["--appendonly", "yes", "--appendfsync", "always"]
        few = max(tasks // 50, 1000)

        def gearman(count, most, queue=()):
            return self.gearman(list(queue), lambda port: self.peers("gearman", port, count, 2, most))

        def beanstalk(count, binlog=()):
            return self.beanstalk(list(binlog), lambda port: self.peers("beanstalk", port, count, 2))

        def celery(append=()):
            return self.redis(list(append), lambda server: [python, SCRIPT, "celery", str(server.port), str(few), "2",
                                                            server.folder])

        runs = [
            ("ours, 2 workers", lambda: self.ours("throughput", tasks, 2, CREDIT)),
            ("bare broker, batches of 64", lambda: self.bare("farm", tasks, 2, 256, 64)),
            ("ours, 4 workers", lambda: self.ours("throughput", tasks, 4, CREDIT)),
            ("bare broker, one by one", lambda: self.bare("farm", tasks, 2, 256, 1)),
            ("gearmand, RAM, background", lambda: gearman(tasks, 0)),
            ("gearmand, RAM, 200 in flight", lambda: gearman(tasks, 200)),
            ("gearmand, SQLite", lambda: gearman(few, 0, sqlite)),
            ("beanstalkd, RAM", lambda: beanstalk(tasks)),
            ("beanstalkd, fsync", lambda: beanstalk(few, fsync)),
            ("Celery and Redis, RAM", celery),
            ("Celery and Redis, fsync", lambda: celery(always)),
            ("Dask", lambda: numbers([python, SCRIPT, "dask", str(few), "2"])),
            ("bare inserts into SQLite, 256 at once", lambda: self.bare("sqlite", tasks, 256)),
            ("bare echo, CurveZMQ, 256 in flight", lambda: self.bare("echo", tasks, 256)),
        ]
        for _ in range(self.options.rounds):
            for name, run in runs:
                value = run()
                for field in ("tasks_per_second", "rows_per_second", "messages_per_second"):
                    self.take(name, value, field)
        print("tasks that do nothing, a second; durable is ours, the bare broker and what says SQLite or fsync")
        base = self.median("ours, 2 workers")
        for name, _ in runs:
            value = self.median(name)
            if value is None:
                print(f"  {name:40s} –")
            else:
                print(f"  {name:40s} {value:10,.0f}   {base / value if base else 0:8.2f}")
        if self.options.large:
            print(f"  10,000,000 tasks, 2 workers: {self.ours('throughput', 10_000_000, 2, CREDIT)}")

    def latency(self):
        rounds, fsync = 1000, ["-b", "{folder}", "-f0"]

        def beanstalk(binlog):
            return self.beanstalk(binlog, lambda port: self.peers("beanstalk-latency", port, rounds))

        runs = [
            ("ours, a job of one task (two commits)", lambda: self.ours("latency", rounds), "job"),
            ("ours, a task of an open job (one commit)", lambda: self.ours("latency", rounds), "task"),
            ("bare broker (one commit)", lambda: self.bare("latency", rounds), "task"),
            ("gearmand, RAM", lambda: self.gearman([], lambda p: self.peers("gearman-latency", p, rounds)), "task"),
            ("beanstalkd, RAM", lambda: beanstalk([]), "task"),
            ("beanstalkd, fsync", lambda: beanstalk(fsync), "task"),
        ]
        for _ in range(self.options.rounds):
            for name, run, prefix in runs:
                value = run()
                for part in ("p50", "p99", "p999"):
                    self.take(f"{name} {part}", value, f"{prefix}_{part}_us")
        print("one task when idle, microseconds: p50, p99, p99.9")
        for name, _, _ in runs:
            parts = [self.median(f"{name} {part}") for part in ("p50", "p99", "p999")]
            print(f"  {name:44s}" + "".join(f"{p:10,.0f}" if p is not None else "         –" for p in parts))

    def connections(self):
        print("the broker's memory with 1,000 workers:")
        for name, value in self.ours("connections", 1000).items():
            print(f"  {name:24s} {value:10,.0f}")

    def sizes(self):
        value = self.ours("sizes")
        print("the broker's time for a job of so many samples, microseconds, and its memory, KiB:")
        for power in range(4, 10):
            submit, show, cancel, memory = (value.get(f"1e{power}_{what}", float("nan"))
                                            for what in ("submit_us", "show_us", "cancel_us", "rss_kib"))
            print(f"  1e{power}  submit {submit:7.1f}  show {show:7.1f}  cancel {cancel:7.1f}  memory {memory:9,.0f}")

    def flood(self):
        print("a job of 20 ms tasks beside a million hostile messages:")
        for name, value in self.ours("flood", 1000000).items():
            print(f"  {name:<40} {value:12.2f}")

    def idle(self):
        worker = os.path.join(self.options.build, "worker", "facefarm-worker")
        print("processor time of an idle farm, percent of one core, over ten seconds:")
        for name, value in self.ours("idle", 10, worker).items():
            print(f"  {name:24s} {value:8.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="ten million tasks, too")
    parser.add_argument("--only", choices=["throughput", "latency", "connections", "sizes", "flood", "idle"])
    parser.add_argument("--python", default=sys.executable)
    bench = Bench(parser.parse_args())
    for part in ("throughput", "latency", "connections", "sizes", "flood", "idle"):
        if bench.options.only in (None, part):
            getattr(bench, part)()


if __name__ == "__main__":
    main()
