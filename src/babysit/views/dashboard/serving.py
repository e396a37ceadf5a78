"""Serving the page: in front (`babysit serve`), or beside a training (`--page`)."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import OutputError, RecipeError
from ...record import Run
from .guard import Guard, loopback
from .library import Library

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Served:
    """A page that is being served.

    Attributes:
        url: what to open; with its token, where it has one.
    """

    def __init__(
        self, folder: str | Path, *, host: str, port: int, token: str | None, judge: Callable[[Run], Any] | None,
        listening: socket.socket | None = None,
    ) -> None:  # fmt: skip
        import uvicorn

        from .app import Dashboard

        if not loopback(host) and token is None:
            token = secrets.token_urlsafe(18)
        self._socket = listening or _listen(host, port)
        self.port = self._socket.getsockname()[1]
        self.dashboard = Dashboard(Library(folder, judge))
        names = LOOPBACK if loopback(host) else (*LOOPBACK, *_own_names(host))
        guarded = Guard(self.dashboard.app(), names, token)
        settings = uvicorn.Config(guarded, log_level="error", access_log=False, lifespan="off", limit_concurrency=256, timeout_keep_alive=5,
                                  timeout_graceful_shutdown=1, server_header=False, h11_max_incomplete_event_size=16_384, ws="none")  # fmt: skip
        self.server = uvicorn.Server(settings)
        shown = (
            "localhost"
            if host in ("127.0.0.1", "::1")
            else host
            if host not in ("0.0.0.0", "::")
            else socket.gethostname()
        )
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}/" + (
            f"?token={token}" if token else ""
        )
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until interrupted."""
        self.server.run(sockets=[self._socket])

    def ahead(self) -> None:
        """Read what will most often be asked for first, in a thread, while a browser is being opened."""
        threading.Thread(target=self.dashboard.ahead, name="babysit-ahead", daemon=True).start()

    def start(self) -> Served:
        """Serve in a thread that ends with the process."""
        self._thread = threading.Thread(target=self.run, name="babysit-page", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving; open pages see the connection end."""
        self.server.should_exit = True
        self.dashboard.stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=3)
        self._socket.close()

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    folder: str | Path = "runs", *, host: str = "127.0.0.1", port: int = 6006, token: str | None = None,
    judge: Callable[[Run], Any] | None = None, listening: int | None = None,
) -> Served:  # fmt: skip
    """A page of a folder of runs, not yet served (`run()` or `start()` does).

    Args:
        folder: of runs, or one run's own; it may still be empty.
        host: this machine alone by default; anything else asks for a token.
        port: 0 takes any free one.
        token: to be asked for; made up where the host isn't this machine.
        judge: says what is wrong with an ended run whose record holds no findings.
        listening: the file descriptor of a socket that listens already, on this machine alone.

    Raises:
        OutputError: the port is taken, or the address isn't this machine's.
        RecipeError: the folder is a file.
    """
    if Path(folder).is_file():
        raise RecipeError(f"a folder of runs must be served, but {folder} is a file")
    ready = None if listening is None else socket.socket(fileno=listening)
    return Served(folder, host=host, port=port, token=token, judge=judge, listening=ready)


class Beside:
    """A page that is served beside a command, by a process of its own.

    The process has a lower priority, so that the training shares neither its interpreter's lock nor its memory with it
    and comes first; it ends when this process does, however that ends. The address is there at once: this process
    opens it and hands it on, and whoever comes before the page is up waits for it.

    Attributes:
        url: what to open.
        process: the page's process id.

    Raises:
        OutputError: it can't be started.
    """

    def __init__(self, folder: str | Path, *, port: int = 0) -> None:
        with _listen("127.0.0.1", port) as listening:
            self.url = f"http://localhost:{listening.getsockname()[1]}/"
            # -P: a file of the working folder must not stand in for a module of ours
            command = [sys.executable, "-P", "-m", "babysit", "serve", str(Path(folder).resolve()), "--beside", str(listening.fileno())]  # fmt: skip
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True, pass_fds=[listening.fileno()],
                )  # fmt: skip
            except OSError as error:
                raise OutputError(f"the page must be startable, but: {error}") from error
        self.process = self._child.pid
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        atexit.unregister(self.close)
        with contextlib.suppress(OSError, ValueError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=3)


def serve_in_background(folder: str | Path, *, port: int = 0) -> str:
    """Serve a folder beside a training, until this process ends; the address to open.

    Raises:
        OutputError: it can't be started.
    """
    return Beside(folder, port=port).url


def end_with_parent() -> None:
    """End this process when what started it has gone: its end of our standard input closes, by whatever death."""

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 1024):
                pass
        os._exit(0)

    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    threading.Thread(target=wait, name="babysit-parent", daemon=True).start()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host.strip("[]"), port))
        made.listen(64)
    except (OSError, OverflowError) as error:
        made.close()
        raise OutputError(
            f"port {port} of {host} must be free, but: {getattr(error, 'strerror', None) or error} (--port 0 takes any free one)"
        ) from error
    return made


def _own_names(host: str) -> list[str]:
    """What this machine is called: what may stand in `Host` when it is served to others."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    names = {socket.gethostname(), socket.getfqdn()}
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            names |= {str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, family)}
        except OSError:
            continue
    return [name for name in names if name]
