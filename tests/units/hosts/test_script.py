"""A script runs as Python runs it: the same output, exit code, traceback, names; and nothing of ours stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from babysit.errors import RecipeError
from babysit.hosts.script import run_script, without_ours

TRAIN = """
import torch, torch.nn.functional as F
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(40, 4); y = torch.randint(0, 3, (40,))
for step in range({steps}):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""

ECHO = """
import sys, os, __main__
print(sys.argv, sys.path[0], __name__, __file__, os.getcwd(), __main__.__file__ == __file__, __spec__ is None, __package__)
print(sorted(name for name in globals() if not name.startswith("__")), "Ünïcode")
class A: pass
import pickle; print(type(pickle.loads(pickle.dumps(A()))) is A)
"""


def write(folder, name, text):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def run(folder, *command, **options):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, env=env, check=False, timeout=120, **options)  # fmt: skip


WATCH = ("-m", "babysit", "watch", "--no-record", "--quiet")


def both(folder, *args):
    """The same program by Python itself and watched."""
    return run(folder, *args), run(folder, *WATCH, *args)


def test_the_script_sees_what_python_would_show_it(tmp_path):
    write(tmp_path, "sub/echo.py", ECHO)
    plain, watched = both(tmp_path, "sub/echo.py", "--epochs", "5", "-m", "--json=x", "--", "-h")
    assert plain.returncode == watched.returncode == 0
    assert plain.stdout == watched.stdout


def test_a_module_too(tmp_path):
    write(tmp_path, "pkg/__init__.py", "")
    write(tmp_path, "pkg/other.py", "value = 3")
    write(tmp_path, "pkg/echo.py", "from .other import value\nprint(value, __spec__.name)\n" + ECHO)
    write(tmp_path, "pkg/__main__.py", "print('the package', __package__)")
    for name in ("pkg.echo", "pkg"):
        plain, watched = both(tmp_path, "-m", name, "-x", "1")
        assert plain.returncode == watched.returncode == 0, watched.stderr
        assert plain.stdout.replace(str(tmp_path), "") == watched.stdout.replace(str(tmp_path), "")


def test_a_folder_with_a_main_file(tmp_path):
    write(tmp_path, "app/__main__.py", "import helper\nprint(helper.value)")
    write(tmp_path, "app/helper.py", "value = 7")
    assert run(tmp_path, *WATCH, "app").stdout == "7\n"


FAILURES = {
    "raises": "def f():\n    raise KeyError('gone')\ntry:\n    f()\nexcept KeyError as e:\n    raise ValueError('bad') from e\n",
    "inside torch": "import torch\nx = torch.ones(2, requires_grad=True)\nx.backward()\n",
    "in a forward": "import torch\nm = torch.nn.Sequential(torch.nn.Linear(2, 2))\nm(torch.ones(3, 5))\n",
    "in a criterion": "import torch\ntorch.nn.CrossEntropyLoss()(torch.ones(2, 3), torch.ones(4, dtype=torch.long))\n",
    "in a closure": "import torch\np = torch.nn.Parameter(torch.ones(1))\no = torch.optim.SGD([p], 0.1)\ndef c():\n    raise OSError(3, 'x')\no.step(c)\n",
    "syntax": "print('before')\nif True\n    pass\n",
    "group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])\n",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_script_keeps_its_traceback_and_exit_code(tmp_path, name):
    write(tmp_path, "fails.py", FAILURES[name])
    plain, watched = both(tmp_path, "fails.py")
    assert plain.returncode == watched.returncode == 1
    assert without_module_calls(watched.stderr).startswith(without_module_calls(plain.stderr))
    if "module.py" not in plain.stderr:
        assert watched.stderr.startswith(plain.stderr)


def without_module_calls(text):
    """A traceback without PyTorch's own steps from a module to its forward, which differ where a module has hooks."""
    return re.sub(r'  File "[^"]*torch/nn/modules/module.py".*\n(    .*\n)*', "", text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit('no way')", 1),
        ("exit(-1)", 255),
    ],
)
def test_exit_codes_are_kept(tmp_path, text, code):
    write(tmp_path, "exits.py", f"print('here')\n{text}\n")
    plain, watched = both(tmp_path, "exits.py")
    assert plain.returncode == watched.returncode == code
    assert plain.stdout == watched.stdout
    assert plain.stderr in watched.stderr


def test_a_missing_script_is_named(tmp_path):
    done = run(tmp_path, *WATCH, "nowhere.py")
    assert done.returncode == 2
    assert "nowhere.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(tmp_path, *WATCH, "-m", "no_such_module").returncode == 2


def test_ctrl_c_reaches_the_script_and_the_verdict_is_still_given(tmp_path):
    text = TRAIN.format(steps=10**7) + "\n"
    text = text.replace("for step", "import sys\ntry:\n  for step").replace("\n    ", "\n      ")
    text += "except KeyboardInterrupt:\n    print('cleaned up'); raise\n"
    text = text.replace(
        "      optimizer.step()\n", "      optimizer.step()\n      if step == 30: print('running', flush=True)\n"
    )
    write(tmp_path, "long.py", text)
    process = subprocess.Popen(
        [sys.executable, "-m", "babysit", "watch", "--no-record", "--json", "v.json", "long.py"], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cleaned up" in out
    assert "KeyboardInterrupt" in err
    assert json.loads((tmp_path / "v.json").read_text())["steps"] > 30


def test_the_verdict_as_json(tmp_path):
    write(tmp_path, "train.py", TRAIN.format(steps=60) + "print('the script speaks')\n")
    done = run(tmp_path, "-m", "babysit", "watch", "--json", "v.json", "train.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the script speaks\n"
    verdict = json.loads((tmp_path / "v.json").read_text())
    assert verdict["schema"] == 1
    assert verdict["steps"] == 60
    assert set(verdict) == {"schema", "status", "steps", "seconds", "overhead", "findings"}
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "watch-train-1"
    from babysit.record.store import read

    stored = read(folder)
    assert stored.step == 60
    assert len(stored.series("loss.train")) == 60
    assert stored.events_of("end")[-1].detail["reason"] == "finished"


def test_a_record_is_not_written_into_another(tmp_path):
    write(tmp_path, "train.py", TRAIN.format(steps=20))
    assert run(tmp_path, *WATCH[:3], "--out", "kept", "train.py").returncode == 0
    again = run(tmp_path, *WATCH[:3], "--out", "kept", "train.py")
    assert again.returncode == 2
    assert "another --out" in again.stderr


def test_fail_on_and_stop_on(tmp_path):
    sick = TRAIN.format(steps=500).replace("    optimizer.zero_grad()\n", "")
    write(
        tmp_path,
        "sick.py",
        "try:\n" + "\n".join(f"    {line}" for line in sick.splitlines()) + "\nfinally:\n    print(step)\n",
    )
    done = run(tmp_path, *WATCH, "--fail-on", "error", "--stop-on", "error", "sick.py")
    assert done.returncode == 1, done.stderr
    assert int(done.stdout) < 20
    assert "gradients-accumulate" in done.stderr
    write(tmp_path, "fine.py", "print('no training here')")
    assert run(tmp_path, *WATCH, "--fail-on", "warning", "fine.py").returncode == 0


# in this process


def test_everything_is_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (list(sys.argv), list(sys.path), sys.modules["__main__"])
    file = write(
        tmp_path, "train.py", TRAIN.format(steps=12) + "import sys; sys.argv.append('x'); sys.path.append('y')\n"
    )
    outcome = run_script(str(file), ["--a"])
    assert (outcome.code, outcome.ended, outcome.failed) == (0, "finished", False)
    assert outcome.run.step == 12
    assert (sys.argv, sys.path, sys.modules["__main__"]) == before


@pytest.mark.parametrize(("last", "told"), [
    ("raise ValueError('3 channels\\nand more')", {"reason": "error", "error": "ValueError: 3 channels"}),
    ("raise KeyboardInterrupt", {"reason": "interrupted"}), ("import sys; sys.exit(3)", {"reason": "exit", "code": 3}),
    ("pass", {"reason": "finished"}),
])  # fmt: skip
def test_how_it_ended_is_in_the_record(tmp_path, last, told):
    file = write(tmp_path, "train.py", TRAIN.format(steps=12) + last + "\n")
    outcome = run_script(str(file), report=False)
    assert outcome.run.events_of("end")[-1].detail == told


def test_enough_steps_end_it(tmp_path):
    file = write(tmp_path, "train.py", TRAIN.format(steps=1000))
    outcome = run_script(str(file), budget_steps=25)
    assert outcome.ended == "stopped"
    assert outcome.run.step == 25
    assert outcome.run.events_of("end")[-1].detail["reason"] == "stopped"


def test_an_edit_is_applied_live(tmp_path):
    file = write(tmp_path, "train.py", TRAIN.format(steps=15))
    slow = run_script(str(file), edit={"lr": "*0.01", "clip_norm": 1.0})
    plain = run_script(str(file))
    assert plain.run.series("loss.train").first == slow.run.series("loss.train").first
    assert slow.run.last("loss.train") > plain.run.last("loss.train")
    assert not slow.idle
    with pytest.raises(RecipeError):
        run_script(str(file), edit={"lrr": 1})


def test_our_frames_are_taken_out_everywhere():
    try:
        try:
            run_script(os.devnull + "x")
        except RecipeError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        without_ours(error)
        trace, files = error.__cause__.__traceback__, []
        while trace is not None:
            files.append(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        assert files == [__file__]


def test_a_frame_interrupted_where_python_knows_no_line(tmp_path):
    # an interrupt can come at an instruction that belongs to no line (PEP 626): its tb_lineno is None
    module = compile("def f():\n    raise KeyboardInterrupt\nf()\n", str(tmp_path / "x.py"), "exec")
    f = module.co_consts[0]
    no_lines = b"".join(bytes([0b1_1111_000 | min(8, left) - 1]) for left in range(len(f.co_code) // 2, 0, -8))
    module = module.replace(co_consts=(f.replace(co_linetable=no_lines), *module.co_consts[1:]))
    with pytest.raises(KeyboardInterrupt) as caught:
        exec(module)
    trace = without_ours(caught.value).__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert trace.tb_frame.f_code.co_name == "f"
    assert trace.tb_lineno is None
