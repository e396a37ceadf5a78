"""Who may ask, and what a page may do: checked before anything else looks at a request.

* Only GET and HEAD: no request changes anything.
* `Host` must be the address that is served: a foreign name that resolves to this machine (DNS rebinding) is refused.
* `Origin` and `Sec-Fetch-Site`, where a browser sends them, must be of this page: other sites can't read runs.
* Away from loopback a token is asked for, in the link once and in a cookie afterwards.
* Every answer carries a content security policy that lets the page run its own files only.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

COOKIE = "babysit"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Guard:
    """ASGI middleware. `hosts` are the names that may stand in `Host`; `token` is asked for where there is one."""

    def __init__(self, app: App, hosts: Iterable[str], token: str | None = None) -> None:
        self.app = app
        self.hosts = {host.lower().strip("[]") for host in hosts}
        self.token = token

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no web sockets here
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await _plain(send, *refused)
            return
        fresh = self._token_in_link(scope)

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = {
                    **HEADERS,
                    **({"set-cookie": f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"} if fresh else {}),
                }
                kept = [
                    (name, value) for name, value in message.get("headers", []) if name.decode().lower() not in extra
                ]
                message["headers"] = [*kept, *((name.encode(), value.encode()) for name, value in extra.items())]
            await send(message)

        await self.app(scope, receive, guarded)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "this page only reads: GET and HEAD"
        if len([1 for name, _ in scope["headers"] if name.lower() == b"host"]) != 1 or not self._known(headers["host"]):
            return 421, "this name is not served here"
        origin = headers.get("origin")
        if origin is not None and (origin == "null" or urlsplit(origin).netloc.lower() != headers["host"].lower()):
            return 403, "another site may not read this page"
        site = headers.get("sec-fetch-site", "none")
        opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if site not in ("same-origin", "none") and not (opened and scope["path"] == "/"):
            return 403, "another site may not read this page"
        if self.token and not (self._token_in_link(scope) or self._token_in_cookie(headers)):
            return 401, "the link with the token, as babysit printed it, opens this page"
        return None

    def _known(self, host: str) -> bool:
        name = (urlsplit(f"//{host}").hostname or "").lower() if _is_host(host) else ""
        return name in self.hosts

    def _token_in_link(self, scope: Scope) -> bool:
        told = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return self._is_token(told)

    def _token_in_cookie(self, headers: dict[str, str]) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and self._is_token(morsel.value)

    def _is_token(self, told: str) -> bool:
        return bool(self.token) and hmac.compare_digest(told.encode(), str(self.token).encode())


def loopback(host: str) -> bool:
    """Is this address this machine alone?

    Examples:
        >>> loopback("127.0.0.1"), loopback("localhost"), loopback("::1"), loopback("0.0.0.0"), loopback("box.example")
        (True, True, True, False, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    """One name or address with an optional port; nothing that would be parsed as more than that."""
    try:
        parts = urlsplit(f"//{host}")
        return (
            not (set(host) & set("/?#@\\ \t,"))
            and parts.username is None
            and (parts.port is None or 0 < parts.port < 65536)
        )
    except ValueError:
        return False


async def _plain(send: Any, status: int, words: str) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        *((name.encode(), value.encode()) for name, value in HEADERS.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})
