"""Celery and Dask with tasks that do nothing, run by bench.py with a Python that has them.

    peers.py celery REDIS-PORT TASKS WORKERS FOLDER   one line: tasks a second
    peers.py dask TASKS WORKERS
"""
import os
import subprocess
import sys
import time


def app(port):
    import celery

    url = f"redis://127.0.0.1:{port}/0"
    made = celery.Celery("bench", broker=url, backend=url)

    @made.task(name="nothing", acks_late=True)
    def nothing(payload):
        return payload[:64]

    return made, nothing


if os.environ.get("BENCH_REDIS"):  # imported by celery's worker
    celery_app, _ = app(os.environ["BENCH_REDIS"])


def run_celery(port, tasks, workers, folder):
    here = os.path.dirname(os.path.abspath(__file__))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "peers:celery_app", "worker", "-c", str(workers), "-l", "ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "BENCH_REDIS": port, "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        _, nothing = app(port)
        nothing.delay("x" * 100).get(timeout=60)
        start = time.monotonic()
        for result in [nothing.delay("x" * 100) for _ in range(tasks)]:
            result.get(timeout=60)
        print(f"tasks_per_second {tasks / (time.monotonic() - start):.0f}")
    finally:
        worker.terminate()
        worker.wait()


def run_dask(tasks, workers):
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        client.gather(client.map(lambda i: i, range(10), pure=False))
        start = time.monotonic()
        client.gather(client.map(lambda i: "y" * 64, range(tasks), pure=False))
        print(f"tasks_per_second {tasks / (time.monotonic() - start):.0f}")


if __name__ == "__main__":
    if sys.argv[1] == "celery":
        run_celery(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        run_dask(int(sys.argv[2]), int(sys.argv[3]))
