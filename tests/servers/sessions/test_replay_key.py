"""What a journal compares of a reply: all of it, or with a replay key all but the observation."""

from __future__ import annotations

from typing import Any

import pytest

from turnwise.servers.protocol.encoding import digest, encode_core


def core(observation: str, **info: Any) -> bytes:
    return encode_core({"env_id": "e", "observation": observation, "end": None, "info": info})


def test_the_key_stands_for_the_observation_alone() -> None:
    noon = core("12:00", replay_key="exit 0", state_key="k")
    assert digest(noon) == digest(core("12:01", replay_key="exit 0", state_key="k"))
    assert digest(noon) != digest(core("12:00", replay_key="exit 1", state_key="k"))
    assert digest(noon) != digest(core("12:00", replay_key="exit 0", state_key="l"))


@pytest.mark.parametrize("info", [{}, {"told": '"replay_key": "x"'}, {"told": {"replay_key": "x"}}])
def test_without_one_every_byte_counts(info: dict[str, Any]) -> None:
    assert digest(core("12:00", **info)) != digest(core("12:01", **info))
    text = 'it says "replay_key": "x"'
    assert digest(core(text)) != digest(core(text + "!"))
