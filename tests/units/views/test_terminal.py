"""The terminal: sparks, findings, verdicts, and a live block that never touches the script's own output.

The block is tested in a real pseudo-terminal, whose bytes a terminal emulator of others (pyte) draws:
what the script wrote, through any channel, must be on that screen as if there had been no block.
"""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babysit.record import Evidence, Finding, Remedy, Run
from babysit.views.terminal import LiveBlock, finding_text, line, verdict_text
from babysit.views.terminal.judgement import console
from babysit.views.terminal.spark import BLOCKS, level, spark
from babysit.views.terminal.whole import run_text
from babysit.views.verdict import folded

pyte = pytest.importorskip("pyte")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

EVIL = "\x1b[31m[red]<script>alert(1)</script>[/red]\x07\r\u202e"


def shown(parts) -> str:
    out = console(io.StringIO())
    for part in parts:
        out.print(part)
    return out.file.getvalue()


@given(st.lists(st.floats(), max_size=200), st.integers(1, 60))
def test_a_spark_fits_and_is_made_of_its_blocks(values, width):
    drawn = spark(values, width)
    assert len(drawn) <= width
    assert set(drawn) <= {*BLOCKS, "×"}


def test_a_spark_keeps_a_spike_among_many_values():
    values = [1.0] * 10_000
    values[4321] = 9.0
    assert spark(values, 20).count("█") == 1


@given(st.floats())
def test_a_level_is_one_character(value):
    assert len(level(value)) == 1


def sick() -> tuple[Run, list[Finding]]:
    run = Run.of({"loss.train": [2.3, 4.0, 90.0], "update.ratio": {"net.0.weight": [0.1, 0.2, 0.4]}})
    root = Finding(
        "learning-rate-too-high",
        "The loss rose from 2.3 to 90 in 2 steps.",
        severity="error",
        stage="confirmed",
        step=2,
        where="net.0.weight",
        source="train.py:41",
        evidence=(Evidence("update.ratio", "net.0.weight", 2, 0.4, "below 0.1", 0.1),),
        remedies=(Remedy("Divide the learning rate by 10", {"lr": "*0.1"}, "optim.SGD(net.parameters(), lr=0.01)"),),
    )
    dead = Finding("dead-relu", "net.1: 90 % of the units are dead.", where="net.1", explained_by=root.id)
    return run, [dead, root]


def test_a_verdict_names_the_root_and_folds_what_it_explains():
    run, findings = sick()
    text = shown(verdict_text(SimpleNamespace(status="findings", findings=findings, reason=""), run))
    assert text.index("learning-rate-too-high") < text.index("dead-relu")
    assert "explains dead-relu (net.1)" in text
    assert "1 finding " in text
    assert "update.ratio of net.0.weight 0.4 at step 2, expected below 0.1" in text
    assert "→ Divide the learning rate by 10" in text
    assert "lr=0.01" in text


def test_a_note_is_short_and_keeps_its_way_out():
    run, findings = sick()
    note = replace(findings[1], severity="info")
    text = shown(verdict_text(SimpleNamespace(status="findings", findings=[note], reason=""), run))
    assert note.message in text
    assert "a note" in text
    assert "→ Divide the learning rate by 10" in text
    assert "lr=0.01" not in text
    assert "update.ratio" not in text
    told = shown(verdict_text(SimpleNamespace(status="findings", findings=[note, findings[0]], reason=""), run))
    assert "explains dead-relu" in told


def test_a_healthy_verdict_is_one_line_that_says_why():
    verdict = SimpleNamespace(status="healthy", findings=[], reason="the loss fell from 2.3 to 0.1")
    text = shown(verdict_text(verdict, Run.of({"loss.train": [2.3, 0.1]})))
    assert text.count("\n") == 1
    assert "✔ healthy  the loss fell from 2.3 to 0.1" in text


def test_findings_that_explain_one_another_are_all_shown():
    ring = [Finding("a", "…", explained_by="b"), Finding("b", "…", explained_by="a")]
    assert [root.id for root, _ in folded(ring)] == ["a", "b"]


def test_text_from_outside_stays_text():
    evidence = Evidence(EVIL, EVIL, 1, EVIL, EVIL)
    bad = Finding(EVIL, EVIL, where=EVIL, source=EVIL, evidence=(evidence,), remedies=(Remedy(EVIL, None, EVIL),))
    text = shown([*finding_text(bad), *verdict_text(SimpleNamespace(status=EVIL, findings=[bad], reason=EVIL))])
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
    assert "[red]<script>" in text
    run = Run.of({"loss.train": [1.0], "activation.dead": {EVIL: [0.9]}})
    assert "\x1b" not in line(run)


def test_a_finding_is_printed_once():
    stream = io.StringIO()
    block = LiveBlock(stream)
    _, findings = sick()
    for _ in range(3):
        block.finding(findings[1])
    assert stream.getvalue().count("learning-rate-too-high") == 1


def test_without_a_terminal_there_are_plain_lines_and_no_codes():
    stream = io.StringIO()
    run, findings = sick()
    with LiveBlock(stream) as block:
        block.update(run, force=True)
        block.finding(findings[1])
        block.verdict(SimpleNamespace(status="findings", findings=findings, reason=""), run)
    text = stream.getvalue()
    assert "babysit: step 2, loss 90, update ratio 0.4" in text
    assert "\x1b" not in text


def test_a_stream_that_fails_harms_nobody():
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError("gone")

    run, findings = sick()
    with LiveBlock(Broken()) as block:
        block.update(run, force=True)
        block.finding(findings[0])
        block.verdict(SimpleNamespace(status="findings", findings=findings, reason=""))


def test_a_stream_of_another_encoding_gets_what_it_can_show():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    block = LiveBlock(stream)
    block.finding(sick()[1][1])
    assert b"learning-rate-too-high" in raw.getvalue()


# in a real terminal

SCRIPT_HEAD = """
    import os, subprocess, sys, time
    from types import SimpleNamespace
    from babysit.record import Run, Finding
    from babysit.views.terminal import LiveBlock
    run = Run.of({"loss.train": [2.3, 1.9], "activation.dead": {"relu1": [0.1], "relu2": [0.9]},
                  "update.ratio": {"w": [1e-3]}})
    block = LiveBlock(); assert block._footer.usable
"""


def in_terminal(body: str, *, rows: int = 20, columns: int = 80, kill_after: float | None = None, halfway=None):
    """Run a script in a terminal; the emulated screen, and what it looked like when the script said HALT."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    env.pop("CI", None)
    code = textwrap.dedent(SCRIPT_HEAD) + textwrap.dedent(body)
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=side, stdout=side, stderr=side, env=env, start_new_session=True
    )
    os.close(side)
    screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=1)
    stream = pyte.ByteStream(screen)
    began, snapshot = time.monotonic(), None
    while time.monotonic() - began < 60:
        if kill_after is not None and snapshot is not None:
            os.kill(child.pid, signal.SIGKILL)
            kill_after = None
        if not select.select([main], [], [], 0.2)[0]:
            if child.poll() is not None:
                break
            continue
        try:
            data = os.read(main, 65536)
        except OSError:
            break
        if not data:
            break
        stream.feed(data)
        if any("HALT" in row for row in screen.display) and snapshot is None:
            snapshot = [row.rstrip() for row in screen.display]
            if halfway is not None:
                halfway(main, screen)
    child.wait(timeout=30)
    os.close(main)
    return [row.rstrip() for row in screen.display], snapshot, child.returncode, screen


def test_whatever_the_script_writes_stays_whole_beside_the_block():
    body = """
        for index in range(30):
            block.update(run, force=True)
            print(f"line {index} by print")
            os.write(1, f"line {index} by fd\\n".encode())
            if index % 10 == 0:
                subprocess.run(["echo", f"line {index} by child"])
        for share in range(0, 101, 10):
            sys.stderr.write(f"\\rbar {share} %"); sys.stderr.flush()
            block.update(run, force=True)
        sys.stderr.write("\\n")
        print("HALT", flush=True); block.update(run, force=True); time.sleep(0.5)
        block.close()
        print("after")
    """
    final, _, code, screen = in_terminal(body)
    assert code == 0
    old = ["".join(cell.data for _, cell in sorted(row.items())).rstrip() for row in screen.history.top]
    everything = [row for row in old + final if row]
    script = []
    for index in range(30):
        script += [f"line {index} by print", f"line {index} by fd"]
        script += [f"line {index} by child"] if index % 10 == 0 else []
    assert everything == [*script, "bar 100 %", "HALT", "after"]


def test_the_block_stands_at_the_bottom_and_goes_without_a_trace():
    body = """
        print("first")
        block.update(run, force=True)
        print("HALT", flush=True)
        block.update(run, force=True); time.sleep(0.7)
        block.close()
    """
    final, halfway, code, screen = in_terminal(body)
    assert code == 0
    assert [row for row in final if row] == ["first", "HALT"]
    assert screen.margins is None or (screen.margins.top, screen.margins.bottom) == (0, 19)

    bottom = "\n".join(halfway[-4:])
    assert "babysit · step 1" in bottom
    assert "relu2 90 % dead" in bottom
    assert "0.001 of the weights a step" in bottom


def test_a_half_written_line_goes_on_where_it_was():
    body = """
        sys.stdout.write("half"); sys.stdout.flush()
        block.update(run, force=True)
        sys.stdout.write(" and half\\n"); sys.stdout.flush()
        block.close()
    """
    final, *_ = in_terminal(body)
    assert [row for row in final if row] == ["half and half"]


def test_a_finding_and_the_verdict_stand_in_the_scroll():
    body = """
        block.update(run, force=True)
        block.finding(Finding("dead-relu", "relu2: 90 % of the units are dead", where="relu2"))
        print("script goes on")
        block.verdict(SimpleNamespace(status="healthy", findings=[], reason="it learns"))
    """
    final, *_ = in_terminal(body)
    text = "\n".join(row for row in final if row)
    assert text.index("▲ dead-relu") < text.index("script goes on") < text.index("✔ healthy  it learns")


def test_a_killed_script_leaves_a_terminal_that_works():
    body = """
        block.update(run, force=True)
        print("HALT", flush=True)
        time.sleep(60)
    """
    final, _, code, screen = in_terminal(body, kill_after=0.1)
    assert code == -signal.SIGKILL
    assert screen.margins is None or (screen.margins.top, screen.margins.bottom) == (0, 19)
    assert [row for row in final if row] == ["HALT"]


def test_a_resized_terminal_keeps_the_scripts_lines():
    def smaller(main, screen):
        fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 16, 60, 0, 0))
        screen.resize(16, 60)

    body = """
        print("first")
        block.update(run, force=True)
        print("HALT", flush=True)
        for _ in range(10):
            time.sleep(0.1); block.update(run, force=True)
        print("later")
        block.close()
    """
    final, _, code, _ = in_terminal(body, halfway=smaller)
    assert code == 0
    assert "later" in final
    assert not any("babysit" in row for row in final)


def test_a_terminal_too_small_has_no_block():
    body = "block.update(run, force=True)\nprint('fine')"
    head = SCRIPT_HEAD.replace("; assert block._footer.usable", "; assert not block._footer.usable")
    assert head != SCRIPT_HEAD
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + body], capture_output=True, text=True, check=True
    )
    assert done.stdout == "fine\n"
    assert "\x1b" not in done.stderr


# a whole run


def test_show_prints_curves_layers_and_what_is_wrong(tmp_path):
    from click.testing import CliRunner

    from babysit.cli.show import command
    from babysit.record import Store

    store = Store(tmp_path / EVIL.replace("/", "_"))
    for step in range(50):
        readings = {("loss.train", ""): 2.3 - step / 40, ("activation.dead", EVIL): step / 50}
        store.append(step, {**readings, ("activation.dead", "relu1"): 0.0, ("update.ratio", "relu1.weight"): 1e-3})
    store.set_findings([Finding("dead-relu", f"{EVIL} is dead", where=EVIL, severity="warning")])
    store.close()
    result = CliRunner().invoke(command, [str(store.folder)])
    assert result.exit_code == 0, result.output
    assert "2.3" in result.output
    assert "relu1" in result.output
    assert "\x1b" not in result.output
    assert "<script>alert(1)" in result.output
    result = CliRunner().invoke(command, [str(store.folder), "--json"])
    assert json.loads(result.output)["readings"]["activation.dead"]["relu1"] == 0.0


def test_a_deep_network_shows_its_most_ill_layers_and_counts_the_rest():
    run = Run.of({"loss.train": [1.0], "activation.dead": {f"layer{i}": [i / 100] for i in range(50)}})
    text = shown(run_text(run))
    assert "layer49" in text
    assert "layer3 " not in text
    assert "and 26 healthier ones" in text
    assert "layer3 " in shown(run_text(run, all_layers=True))


def test_two_ways_out_are_one_sentence():
    note = Finding("overfitting", "…", severity="info", remedies=(Remedy("Stop early"), Remedy("Add weight decay")))
    assert "→ Stop early, or add weight decay" in shown(
        verdict_text(SimpleNamespace(status="healthy", findings=[note], reason=""))
    )
