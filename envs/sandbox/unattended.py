"""Variables by which programs wait for nobody: no pager, no password, no editor that waits for keys.

Both backends give them to every command; an image, a specification and a command may say otherwise.
"""

from __future__ import annotations

from types import MappingProxyType

UNATTENDED = MappingProxyType(
    {
        "TERM": "dumb",
        "PAGER": "cat",
        "MANPAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
        "PIP_NO_INPUT": "1",
        # At the end of its input vim takes standard error for a keyboard, where no key ever comes (after a
        # warning of 2 s that nothing turns off): it leaves as soon as it waits; scripts (-es, -c) do not.
        "VIMINIT": (
            "set noswapfile shortmess=aoOtTIF nomore updatetime=1 | autocmd CursorHold,CursorHoldI * cquit!"
        ),
    }
)
"""Sources: git(1), pip's options, debconf(7), vim's starting.txt (VIMINIT) and autocmd.txt (CursorHold)."""
