"""How fast the pages are: opening, updating, and what the server costs a training.

    python bench/pages.py [--quick] [--json FILE]

Needs Chromium. Every number is a median over several openings in one process; the training's cost is a paired ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")

from babysit.record import Event, Run, Store
from babysit.record.store import read
from babysit.views.dashboard import Beside
from babysit.views.page import report

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STATISTICS = ("activation.dead", "activation.std", "activation.mean", "activation.saturated", "activation.zeros", "gradient.activation",
              "update.ratio", "gradient.norm", "weight.norm", "weight.rms", "gradient.rms", "update.norm")  # fmt: skip


def keys(layers: int) -> list[tuple[str, str]]:
    """(what, where) of every statistic of every layer."""
    own = ("update.ratio", "gradient.norm", "weight.norm", "weight.rms", "gradient.rms", "update.norm")
    return [
        (what, f"layers.{index}" + (".weight" if what in own else "")) for what in STATISTICS for index in range(layers)
    ]


def big_run(folder: Path, layers: int, steps: int) -> Store:
    """A run of layers x 12 statistics x steps, still open for writing."""
    store, rng = Store(folder), np.random.default_rng(0)
    store.set_fact(
        "modules",
        [
            {"name": f"layers.{index}", "kind": "Linear", "calls": 1, "parameters": [f"layers.{index}.weight"]}
            for index in range(layers)
        ],
    )
    names = keys(layers)
    for step in range(1, steps + 1):
        write(store, names, rng, step)
        if step % 500 == 0:
            store.append(step, {("loss.val", ""): 1.0, ("accuracy.val", ""): 0.9}, 1e9 + step * 0.01)
            store.add_event(Event(step, "epoch", "", {"number": step // 500}))
        if step % 2000 == 0:
            store.flush()
    store.flush()
    return store


def write(store: Store, names: list, rng: np.random.Generator, step: int) -> None:
    """One step's readings."""
    values = rng.random(len(names))
    own = {("loss.train", ""): 2.3 * float(np.exp(-step / 4000)) + 0.05 * values[0], ("lr", ""): 1e-3}
    store.append(step, {**own, **dict(zip(names, values, strict=True))}, 1e9 + step * 0.01)


@contextlib.contextmanager
def served(root: str) -> Iterator[tuple[str, int]]:
    """`babysit serve` as its user starts it: (address, process id)."""
    command = [sys.executable, "-m", "babysit", "serve", root, "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        url = child.stdout.readline().split()[0]
        with urllib.request.urlopen(url) as answer:
            answer.read()
        yield url, child.pid
    finally:
        child.terminate()
        child.wait()


_SEEN = """() => {
  const cards = [...document.querySelectorAll(".card")].filter((one) => !one.hidden && one.getBoundingClientRect().top < innerHeight);
  return cards.length > 2 && cards.every((one) => one.querySelector(".main-svg") || one.querySelector(".body > *"));
}"""


def pages(result: dict, layers: int, steps: int, repeats: int) -> None:
    """Opening and updating a large run in a real browser: until the first figure, and until all that can be seen."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as root, sync_playwright() as driver:
        store = big_run(Path(root) / "big", layers, steps)
        names, rng = keys(layers), np.random.default_rng(1)
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        first: dict[str, list[float]] = {"cold": [], "warm": []}
        whole: dict[str, list[float]] = {"cold": [], "warm": []}
        updated, told, drawn = [], [], []
        for _ in range(repeats):
            with served(root) as (url, _):
                for kind in ("cold", "warm"):
                    page = chromium.new_page(viewport={"width": 1280, "height": 900})
                    began = time.perf_counter()
                    page.goto(f"{url}#/run/big", wait_until="commit")
                    page.wait_for_selector("[data-name=loss] .main-svg")
                    first[kind].append(time.perf_counter() - began)
                    while not page.evaluate(_SEEN) and time.perf_counter() - began < 20:
                        page.wait_for_timeout(10)
                    whole[kind].append(time.perf_counter() - began)
                    page.close()
                page = chromium.new_page(viewport={"width": 1280, "height": 900})
                page.add_init_script(_TIMER)
                page.goto(f"{url}#/run/big")
                page.wait_for_selector("[data-name=loss] .main-svg")
                page.wait_for_timeout(1500)
                for _ in range(5):
                    steps += 1
                    page.evaluate("window.taken = null")
                    began = time.perf_counter()
                    write(store, names, rng, steps)
                    while (taken := page.evaluate("window.taken")) is None and time.perf_counter() - began < 10:
                        page.wait_for_timeout(10)
                    told.append(time.perf_counter() - began)
                    if taken is not None:
                        updated.append(taken["all"] / 1000)
                        drawn.append(taken["draw"] / 1000)
                    page.wait_for_timeout(700)
                page.close()
        chromium.close()
        store.close()
        began = time.perf_counter()
        read(Path(root) / "big")
        result["read_s"] = time.perf_counter() - began
    for kind in ("cold", "warm"):
        result[f"open_{kind}_s"] = statistics.median(first[kind])
        result[f"open_{kind}_all_s"] = statistics.median(whole[kind])
    result |= {"written_to_seen_s": statistics.median(told), "update_s": statistics.median(updated),
               "update_draw_s": statistics.median(drawn), "readings": layers * len(STATISTICS) * steps}  # fmt: skip


# from the request for cards to the last change of the page that it leads to: what an update takes
_TIMER = """
const original = window.fetch;
window.fetch = async (...given) => {
  if (!String(given[0]).includes("/api/cards")) return original(...given);
  const began = performance.now();
  const answer = await original(...given);
  const body = await answer.clone().text();
  const came = performance.now();
  let last = performance.now();
  const watch = new MutationObserver(() => { last = performance.now(); });
  watch.observe(document.body, { subtree: true, childList: true, attributes: true });
  setTimeout(() => { watch.disconnect(); window.taken = { all: last - began, draw: last - came, size: body.length }; }, 250);
  return answer;
};
"""


def server_cost(result: dict, seconds: float) -> None:
    """CPU time of a server that a page listens to while a run is written every 10 ms, and what the writer feels."""
    import httpx

    with tempfile.TemporaryDirectory() as root:
        store = big_run(Path(root) / "live", 6, 200)
        began = time.perf_counter()
        serving = served(root)
        url, pid = serving.__enter__()
        result["server_up_s"] = time.perf_counter() - began
        stop = threading.Event()

        def listen() -> None:
            with (
                contextlib.suppress(httpx.HTTPError),  # the server is ended while we listen
                httpx.Client(timeout=30) as client,
                client.stream("GET", f"{url}api/events", params={"name": "live"}) as answer,
            ):
                for line in answer.iter_lines():
                    if line.startswith("data"):
                        client.get(
                            f"{url}api/cards",
                            params={"name": "live", "panel": ["loss", "updates", "learning-rate"], "width": 900},
                        )
                    if stop.is_set():
                        return

        threading.Thread(target=listen, daemon=True).start()
        time.sleep(1)
        before, began = _cpu(pid), time.perf_counter()
        names, rng, step = keys(6), np.random.default_rng(0), 200
        while time.perf_counter() - began < seconds:
            step += 1
            write(store, names, rng, step)
            time.sleep(0.01)
        result["server_core_share"] = (_cpu(pid) - before) / (time.perf_counter() - began)
        stop.set()
        serving.__exit__(None, None, None)
        store.close()


# a page that listens and asks for what changed, as a browser does
_LISTENER = """
import sys, httpx
url = sys.argv[1]
with httpx.Client(timeout=30) as client, client.stream("GET", f"{url}api/events", params={"name": "live"}) as answer:
    print("up", flush=True)
    for line in answer.iter_lines():
        if line.startswith("data"):
            client.get(f"{url}api/cards", params={"name": "live", "panel": ["loss", "updates"], "width": 900})
"""


def slowed(result: dict, pairs: int) -> None:
    """A training's time with a page beside it against without, in short stretches in turn: the page's process is held."""
    with tempfile.TemporaryDirectory() as root:
        store = big_run(Path(root) / "live", 6, 100)
        names, rng = keys(6), np.random.default_rng(0)
        a, b = rng.random((160, 160)), rng.random((160, 160))
        beside = Beside(root)
        command = ["nice", "-n", "10", sys.executable, "-c", _LISTENER, beside.url]
        listener = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert listener.stdout is not None
        listener.stdout.readline()
        processes, step = (beside.process, listener.pid), 1000

        def train(on: bool) -> tuple[float, float]:
            nonlocal step
            for one in processes:
                os.kill(one, signal.SIGCONT if on else signal.SIGSTOP)
            time.sleep(0.1)
            wall, own = time.perf_counter(), time.thread_time()
            for index in range(400):
                step += 1
                for _ in range(6):
                    a @ b
                if index % 10 == 0:
                    write(store, names, rng, step)
            return time.perf_counter() - wall, time.thread_time() - own

        train(True)
        ratios = []
        for index in range(pairs):
            found = {on: train(on) for on in ((True, False) if index % 2 else (False, True))}
            ratios.append([with_page / without for with_page, without in zip(found[True], found[False], strict=True)])
        for one in processes:
            os.kill(one, signal.SIGCONT)
        listener.kill()
        listener.wait()
        beside.close()
        store.close()
    walls = [wall for wall, _ in ratios]
    result["training_ratio"] = statistics.median(walls)
    result["training_ratio_error"] = 1.25 * statistics.stdev(walls) / len(walls) ** 0.5
    result["training_ratio_cpu"] = statistics.median(own for _, own in ratios)


def many_runs(result: dict) -> None:
    """A folder of 1,000 runs, 100 of them damaged."""
    from babysit.views.dashboard.library import Library

    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root) / "run-0")
        for step in range(1, 200):
            store.append(step, {("loss.train", ""): 2.3 / step, ("lr", ""): 0.1}, float(step))
        store.close()
        whole = (Path(root) / "run-0" / "run.sqlite").read_bytes()
        for index in range(1, 1000):
            folder = Path(root) / f"run-{index}"
            folder.mkdir()
            (folder / "run.sqlite").write_bytes(whole[: len(whole) // 3] if index % 10 == 0 else whole)
        (Path(root) / "run-0" / "run.sqlite").write_bytes(b"damaged")
        library = Library(root)
        began = time.perf_counter()
        entries = library.entries()
        result["list_1000_first_s"] = time.perf_counter() - began
        began = time.perf_counter()
        library.entries()
        result["list_1000_again_s"] = time.perf_counter() - began
        result["list_1000_damaged"] = sum(entry.kind == "damaged" for entry in entries)
        _listed(result, root)


def _listed(result: dict, root: str) -> None:
    """The same folder in a browser: until all runs are listed, and how many are named as damaged."""
    from playwright.sync_api import sync_playwright

    with served(root) as (url, _), sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        page.goto(f"{url}#/", wait_until="commit")
        page.wait_for_selector(".list tbody tr:nth-child(1000)")
        result["list_1000_page_s"] = time.perf_counter() - began
        result["list_1000_page_damaged"] = page.locator(".list tr.bad").count()
        chromium.close()


def sizes(result: dict) -> None:
    """The report of a run of 20 layers and 5,000 steps."""
    with tempfile.TemporaryDirectory() as root:
        big_run(Path(root) / "run", 20, 5000).close()
        run: Run = read(Path(root) / "run")
        began = time.perf_counter()
        path = report(run, Path(root) / "report.html")
        result["report_s"] = time.perf_counter() - began
        result["report_mb"] = path.stat().st_size / 1e6


def _cpu(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, default=3, help="openings; 3 by default")
    parser.add_argument("--json")
    chosen = parser.parse_args()
    result: dict = {"load": os.getloadavg()[0]}
    pages(result, 50, 2_000 if chosen.quick else 20_000, 1 if chosen.quick else chosen.repeats)
    server_cost(result, 5 if chosen.quick else 20)
    slowed(result, 10 if chosen.quick else 60)
    many_runs(result)
    sizes(result)
    wanted = {"open_cold_s": 1.0, "open_warm_s": 1.0, "open_cold_all_s": 1.0, "open_warm_all_s": 1.0, "written_to_seen_s": 1.0, "update_s": 0.1, "server_up_s": 0.5, "server_core_share": 0.02, "training_ratio": 1.01, "report_mb": 6.0}  # fmt: skip
    for name, value in result.items():
        limit = f"   wanted < {wanted[name]:g}" if name in wanted else ""
        print(f"{name:22} {value:>14.4g}{limit}")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
