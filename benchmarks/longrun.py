"""A long training: does memory, the number of open files or the time of a step grow?

    python benchmarks/longrun.py                    # 100,000 steps, about a quarter of an hour
    python benchmarks/longrun.py --steps 10000

`ganzoo train lsgan width=8 --data digits`, with the checkpoints and pictures of any run, is watched
from outside. Rows go to results/longrun.csv, one for each twentieth of the training: the step that
was reached, seconds since the start, resident memory in MB (10⁶ bytes), open files, threads, and
milliseconds per step since the row before, from the run's own history.
"""

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import psutil
import tables

PATH = Path(__file__).parent.parent / "results" / "longrun.csv"
ROWS = 20


def history(run):
    """(epochs, seconds in them) so far."""
    try:
        with open(run / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        return len(rows), sum(float(row["seconds"]) for row in rows)
    except FileNotFoundError:
        return 0, 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100_000)
    steps = parser.parse_args().steps
    facts = {
        "steps": steps,
        **tables.facts(),
        "command": "python benchmarks/longrun.py",
    }
    per_epoch = 1797 // 64
    found = []
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["train", "lsgan", "width=8", "--data", "digits", "--steps", str(steps)]
        code = "import sys; from ganzoo import cli; sys.exit(cli.main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, *words, "--no-export", "--out", str(run)]
        began, before = time.monotonic(), (0, 0.0)
        process = psutil.Popen(command)
        while process.poll() is None:
            time.sleep(0.2)
            epochs, seconds = history(run)
            if epochs * per_epoch * ROWS < steps * (len(found) + 1):
                continue
            try:
                found.append(
                    {
                        "step": epochs * per_epoch,
                        "seconds": round(time.monotonic() - began, 1),
                        "rss": round(process.memory_info().rss / 1e6, 1),
                        "files": process.num_fds(),
                        "threads": process.num_threads(),
                        "ms_per_step": round(
                            1e3 * (seconds - before[1]) / ((epochs - before[0]) * per_epoch), 3
                        ),
                    }
                )
            except psutil.NoSuchProcess:  # it ended meanwhile
                break
            before = epochs, seconds
            print(found[-1], flush=True)
        assert process.returncode == 0, "the training failed"
    tables.write(PATH, [row | facts for row in found], ("command",))


if __name__ == "__main__":
    main()
