"""Run a server: settings in, processes that listen until they are asked to stop."""

from __future__ import annotations

import os
import stat
import sys

from ...errors import UsageError
from ..http.dispatch import Calls
from ..sessions.journal.files import journal_of
from .build import build_application, build_hosting, build_service, load_keys, load_offer
from .config import ServerConfig
from .listening import announce, announce_benchmarks, listen
from .logs import configure_logs
from .process import run_server
from .supervisor import supervise


def serve(config: ServerConfig) -> int:
    """Serve until SIGTERM or SIGINT, then finish what runs and stop.

    Returns:
        0 after SIGTERM, 130 after SIGINT.

    Raises:
        UsageError: if the settings cannot be served.
        ServerError: if workers end again and again.
    """
    if config.until_eof:
        check_standard_input()
    if config.workers > 1:
        return supervise(config)
    keys = load_keys(config)
    offer = load_offer(config, keys)
    if config.journal is not None:
        journal_of(config.journal, 0, 1)
    (listening,) = listen(config.host, config.port)  # before a journal is made, which nobody would write
    with listening:
        service = build_service(config, config.id_prefix)
        calls = Calls(service, hosting=build_hosting(offer, service, config.drain_s))
        app = build_application(config, service, keys, calls=calls)
        configure_logs(as_json=config.log_json)

        def on_start() -> None:
            announce(config, listening)
            announce_benchmarks(offer, keys)

        return run_server(
            app,
            config,
            listening,
            on_start=on_start,
            stop_at_end_of=sys.stdin.fileno() if config.until_eof else None,
            telemetry=config.telemetry,
        )


def check_standard_input() -> None:
    """Refuse what can have no end that tells of somebody's death."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        raise UsageError(
            "--until-eof: standard input is a file or a device; expected a pipe that whoever starts the "
            "server holds open"
        )
