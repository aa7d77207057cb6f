"""Task folders written by hand after the public description: read whole, played, judged."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.envs.sandbox import HOST, SandboxError
from turnwise.envs.swe.folders import Choices, FolderError, load_folders
from turnwise.envs.swe.folders.config import read_config
from turnwise.envs.swe.folders.files import follow
from turnwise.envs.swe.folders.verify import Unscored, judged, read_rewards
from turnwise.envs.swe.prove import attempt, prove
from turnwise.errors import UsageError

HERE = Choices(image=HOST)
TOML = """
schema_version = "1.4"
[task]
name = "own/greet"
[metadata]
difficulty = "easy"
[agent]
timeout_sec = 120
[verifier]
timeout_sec = 20.0
env = { WORD = "${WORD:-hello}" }
[environment]
memory_mb = 256
network_mode = "no-network"
"""
TEST = """
python3 -m pytest -q -p no:cacheprovider /tests/test_it.py
if [ $? -eq 0 ]; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi
"""
TEST_IT = """
import os, pathlib
def test_it():
    assert pathlib.Path("/app/out.txt").read_text().strip() == os.environ["WORD"]
"""


def write(folder: Path, **more: str) -> Path:
    """Write a task folder that asks for a file out.txt, with further files or others instead."""
    files = {
        "task.toml": TOML,
        "instruction.md": "Write hello into out.txt.",
        "environment/Dockerfile": "FROM debian\nWORKDIR /app\nCOPY start.txt ./\nRUN echo built\n",
        "environment/start.txt": "begin\n",
        "tests/test.sh": TEST,
        "tests/test_it.py": TEST_IT,
        "solution/solve.sh": "cat /solution/word > out.txt\n",
        "solution/word": "hello\n",
        **more,
    }
    for path, text in files.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return folder


def one(folder: Path, choices: Choices = HERE, **more: str):
    return load_folders(write(folder, **more), choices)[0]


def test_a_folder_is_read_and_what_has_no_effect_is_named(tmp_path):
    toml = TOML.replace(
        'network_mode = "no-network"', 'mcp_servers = [{ name = "x" }]\ngpus = 1\ncolour = "red"'
    )
    task = one(
        tmp_path / "a",
        **{"task.toml": toml + "[verifier.hooks]\nx = 1\n", "environment/docker-compose.yaml": ""},
    )
    assert (task.id, task.instruction) == ("own/greet", "Write hello into out.txt.")
    assert (task.spec.image, task.spec.workdir, task.spec.network) == (HOST, "/app", "none")
    assert (task.spec.limits.memory_bytes, task.timeout_s) == (256 << 20, 120.0)
    assert task.metadata == {"difficulty": "easy", "verifier": "shared"}
    said = [line.removeprefix(f"{tmp_path / 'a'}/") for line in task.warnings]
    assert sorted(said) == [
        "environment/Dockerfile: not followed: RUN echo built",
        "environment/docker-compose.yaml: sidecars are not supported",
        "task.toml: field environment.colour is not known and has no effect",
        "task.toml: field environment.gpus is not supported and has no effect",
        "task.toml: field environment.mcp_servers is not supported and has no effect",
        "task.toml: field verifier.hooks is not known and has no effect",
        "task.toml: says nothing of the network: none here, public elsewhere",
    ]


def test_older_spellings(tmp_path):
    toml = 'version = "1.0"\n[environment]\ndocker_image = "x:1"\nmemory = "4G"\nstorage = "512M"\n'
    toml += "allow_internet = true\n"
    (tmp_path / "task.toml").write_text(toml)
    place = read_config(tmp_path / "task.toml").place
    assert (place.image, place.memory_bytes, place.disk_bytes, place.network) == (
        "x:1",
        4 << 30,
        512 << 20,
        "public",
    )
    (tmp_path / "task.toml").write_text(
        '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["*.x.org", "10.0.0.0/8"]'
    )
    assert read_config(tmp_path / "task.toml").place.network == ("*.x.org", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[agent", "not TOML"),
        ('version = "2.0"', "field version: version '2.0' is not known"),
        ("a = " + "[" * 5000 + "]" * 5000, "not TOML: .*recursion"),
        (
            "[agent]\ntimeout_sec = -1",
            "field agent.timeout_sec: expected a positive number of at most 1e.09, got -1",
        ),
        (f"[agent]\ntimeout_sec = {'9' * 400}", "field agent.timeout_sec: expected a positive number"),
        ("[environment]\nmemory_mb = 1e300", "field environment.memory_mb: expected a positive number"),
        (
            "[environment]\nmemory_mb = 1e-7",
            "field environment.memory_mb: expected at least 1048576 bytes, got 0",
        ),
        ('[environment]\nmemory = "4 lots"', "field environment.memory: expected a size"),
        (f'[environment]\nmemory = "{"9" * 400}G"', "field environment.memory: expected a size"),
        ('[environment]\nmemory = "0G"', "field environment.memory: expected a size"),
        ('[environment.env]\n"A=B" = "1"', "field environment.env.A=B: expected letters, digits and _"),
        ('[environment.env]\nA = "\\u0000"', "field environment.env.A: expected .* no NUL"),
        ('[environment]\nworkdir = "/a\\u0000"', "field environment.workdir: expected an absolute path"),
        (
            '[environment]\nmemory = "4G"\nmemory_mb = 1',
            "field environment.memory: '4G' contradicts memory_mb = 1",
        ),
        ('[environment]\nnetwork_mode = "some"', "field environment.network_mode: expected one of public"),
        ('[environment]\nallowed_hosts = ["x"]', "field environment.allowed_hosts: only with"),
        (
            '[environment]\nnetwork_mode = "allowlist"\nallowed_hosts = ["http://x"]',
            "field environment.allowed_hosts: the host 'http://x' means nothing",
        ),
        ('[environment]\nos = "windows"', "field environment.os: only linux"),
        (
            '[verifier]\nenvironment_mode = "shared"\n[verifier.environment]',
            "field verifier.environment_mode: shared",
        ),
        ('[[steps]]\nname = "../x"', r"field steps\[0\].name: expected the name of a folder"),
        ('[[steps]]\nname = "a"\n[[steps]]\nname = "A"', "field steps: two steps have one name"),
        ('artifacts = ["/a/../b"]', "field artifacts: expected paths inside the box"),
        ('[verifier]\nenv = { A = "${NOT_GIVEN}" }', None),
    ],
)
def test_an_error_names_file_and_field(toml, said, tmp_path):
    (tmp_path / "task.toml").write_text(toml)
    if said is None:
        assert read_config(tmp_path / "task.toml").verifier.env == {"A": "${NOT_GIVEN}"}
        return
    with pytest.raises(FolderError, match=said) as caught:
        read_config(tmp_path / "task.toml")
    assert str(caught.value).startswith(str(tmp_path / "task.toml"))


def test_a_broken_folder_says_what_is_missing(tmp_path):
    for name, said in [
        ("instruction.md", "missing or empty; expected what the agent"),
        ("tests/test.sh", "missing; expected the script"),
    ]:
        with pytest.raises(FolderError, match=re.escape(f"{name}: {said}")):
            one(tmp_path / name.replace("/", "_"), **{name: None})
    with pytest.raises(
        FolderError,
        match=r"neither environment.docker_image in task.toml nor environment/Dockerfile; expected one",
    ):
        one(tmp_path / "b", Choices(), **{"environment/Dockerfile": None})
    with pytest.raises(FolderError, match="COPY gone: there is no such file"):
        one(tmp_path / "c", **{"environment/Dockerfile": "FROM x\nCOPY gone .\n"})
    with pytest.raises(UsageError, match="holds no task folder"):
        load_folders(tmp_path / "b" / "tests")
    (tmp_path / "l").mkdir()
    write(tmp_path / "l")
    (tmp_path / "l" / "tests" / "link").symlink_to("/etc/passwd")
    with pytest.raises(FolderError, match="leads out of the task folder"):
        load_folders(tmp_path / "l", HERE)[0]._tests()


def test_what_is_no_file_or_too_long_in_a_build_context_is_refused_and_not_read(tmp_path):
    write(tmp_path)
    context = tmp_path / "environment"
    (context / "loop").symlink_to("loop")
    os.mkfifo(context / "pipe")
    with (context / "long").open("wb") as file:
        file.truncate(1 << 40)
    for source, said in [
        ("loop", "COPY loop: there is no such file"),
        ("pipe", "pipe: expected a regular file"),
        ("long", "long: 1099511627776 bytes; at most 268435456 are read"),
        (".", "long: 1099511627776 bytes; at most"),
    ]:
        (context / "Dockerfile").write_text(f"FROM x\nCOPY {source} /x\n")
        with pytest.raises(FolderError, match=said):
            load_folders(tmp_path, HERE)


def test_what_lies_in_a_task_folder_is_no_task_of_its_own(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "a/environment/inner")
    write(tmp_path / "b", **{"task.toml": TOML.replace("own/greet", "own/other")})
    assert [task.folder.name for task in load_folders(tmp_path, HERE)] == ["a", "b"]


def test_a_dockerfile_is_followed_without_running_anything(tmp_path):
    lines = ["FROM x", "WORKDIR /srv", "ENV A=1 B='two words'", "COPY src ./pkg"]
    lines += ["COPY --chown=a start.txt /etc/begin", "RUN x \\", "  y"]
    write(tmp_path, **{"environment/src/a.py": "1", "environment/Dockerfile": "\n".join(lines)})
    recipe = follow(tmp_path / "environment")
    assert recipe.files == {"/srv/pkg/a.py": b"1", "/etc/begin": b"begin\n"}
    assert (recipe.workdir, recipe.env, recipe.skipped) == (
        "/srv",
        {"A": "1", "B": "two words"},
        ["RUN x    y"],
    )


def test_gold_resolves_and_nothing_does_not(tmp_path, backend, run):
    task = one(tmp_path)
    proofs = run(prove([task], backend, times=1))
    assert str(proofs).splitlines()[0] == "own/greet: gold 1/1, empty 0/1"
    assert proofs.rows[0].empty[0].outcome == "empty_patch"


def test_what_was_planted_for_the_verifier_is_gone_and_the_agent_sees_no_tests(tmp_path, backend, run):
    task = one(tmp_path)
    plant = """ls -A /tests /solution /logs/verifier; echo 1 > /logs/verifier/reward.txt
        echo '{"reward": 1}' > /logs/verifier/reward.json; echo 'exit 0' > /tests/test.sh
        echo 'def test_it(): pass' > /tests/test_it.py
        mkdir /tests/pytest; touch /tests/.hidden /tests/pytest/x
        rm -rf /logs/verifier 2>/dev/null; ln -s /app /logs/verifier 2>/dev/null; echo 1 > /app/reward.txt"""

    async def play():
        async with await backend.start(task.spec) as box:
            await task.prepare(box)
            seen = await box.run(
                f"cat start.txt; {plant}; find / -name task.toml -not -path '/proc/*' 2>/dev/null"
            )
            return seen.output, await task.grade(backend, {"x": b""}, box=box)

    seen, verdict = run(play())
    assert seen.startswith("begin\n/logs/verifier:") and "task.toml" not in seen
    assert (verdict.outcome, verdict.reward) == ("tests_failed", 0.0)


def test_a_stored_patch_is_graded_without_the_agents_box(tmp_path, backend, run):
    task = one(tmp_path)
    assert run(task.grade(backend, {"out.txt": b"hello"})).outcome == "resolved"
    assert run(task.grade(backend, {"out.txt": b"bye"})).outcome == "tests_failed"


def test_a_verifier_of_its_own_sees_only_what_is_carried_over(tmp_path, backend, run):
    toml = TOML.replace(
        "timeout_sec = 20.0",
        'environment_mode = "separate"\ncollect = [{ command = "cp out.txt /logs/artifacts/seen" }]',
    )
    toml = 'artifacts = ["/app/out.txt"]\n' + toml
    test = "ls -A /app /logs/artifacts; [ -e /app/other ] && exit 1" + TEST
    task = one(tmp_path, **{"task.toml": toml, "tests/test.sh": test})
    assert task.metadata["verifier"] == "separate"

    async def play(line):
        async with await backend.start(task.spec) as box:
            await task.prepare(box)
            await box.run(line)
            return await task.grade(backend, {"out.txt": b""}, box=box)

    verdict = run(play("echo hello > out.txt; echo x > other"))
    assert verdict.outcome == "resolved" and "seen" in verdict.log and "start.txt" not in verdict.log
    assert run(play("echo bye > out.txt")).outcome == "tests_failed"


STEPS = TOML + """
[[steps]]
name = "one"
min_reward = 0.5
[[steps]]
name = "two"
[steps.verifier]
env = { WORD = "bye" }
"""  # fmt: skip
STEPPED = {
    "tests/more/words.txt": "read again for the second step",
    "steps/one/instruction.md": "First.",
    "steps/one/solution/solve.sh": "echo hello > out.txt",
    "steps/two/instruction.md": "Second.",
    "steps/two/workdir/given.txt": "bye\n",
    "steps/two/workdir/setup.sh": "cp given.txt ready.txt",
    "steps/two/tests/test.sh": "[ -e /tests/test_it.py ] || exit 3" + TEST,
    "steps/two/solution/solve.sh": "cp ready.txt out.txt",
}


@pytest.mark.parametrize(
    ("strategy", "solve", "reward"),
    [
        ("mean", ("right", "right"), 1.0),
        ("mean", ("right", "wrong"), 0.5),
        ("final", ("right", "right"), 1.0),
        ("final", ("right", "wrong"), 0.0),
        ("mean", ("wrong", "right"), 0.0),  # the second step is not reached
    ],
)
def test_steps_are_played_in_one_box(strategy, solve, reward, tmp_path, backend, run):
    toml = f'multi_step_reward_strategy = "{strategy}"\n{STEPS}'
    task = one(tmp_path, **{"task.toml": toml, **STEPPED})
    assert [step.instruction for step in task.steps] == ["First.", "Second."] and task.instruction == "First."
    assert run(task.grade(backend, {"out.txt": b"hello"})).outcome is None
    lines = dict(zip(("own/greet#one", "own/greet#two"), solve, strict=True))
    verdict = run(
        attempt(task, backend, lambda part: part.gold() if lines[part.id] == "right" else {"x": b""})
    )
    assert verdict.reward == reward and (verdict.outcome == "resolved") == (reward == 1.0)


@pytest.mark.parametrize(
    ("test", "outcome", "said"),
    [
        ("exit 0", None, "the verifier wrote no reward; test.sh ended with exit code 0"),
        ("echo nan > /logs/verifier/reward.txt", None, "reward is nan"),
        ("echo much > /logs/verifier/reward.txt", None, "reward.txt cannot be read"),
        ("ln -s /etc /logs/verifier/reward.json", None, "cannot be read"),
        ("head -c 100000 /dev/zero > /logs/verifier/reward.txt", None, "cannot be read"),
        (
            """echo '{"a": 1, "b": 0.5}' > /logs/verifier/reward.json""",
            "tests_failed",
            "the verifier gave 0.75",
        ),
        ("echo 7 > /logs/verifier/reward.txt", "resolved", "a reward of 7 was cut to 1"),
        ("sleep 30", "tests_failed", "the verifier was ended: timeout"),
    ],
)
def test_what_a_verifier_may_write(test, outcome, said, tmp_path, backend, run):
    toml = TOML.replace("timeout_sec = 20.0", "timeout_sec = 1.0")
    task = one(tmp_path, **{"tests/test.sh": test, "task.toml": toml})
    verdict = run(task.grade(backend, {"x": b""}))
    assert verdict.outcome == outcome and said in verdict.cause


def test_the_command_lists_tasks_with_what_has_no_effect_and_proves_them(tmp_path, backend):
    good = write(tmp_path / "a", **{"task.toml": TOML.replace("own/greet", "own/good") + "colour = 1\n"})
    write(tmp_path / "b", **{"task.toml": TOML, "solution/solve.sh": "echo bye > out.txt\n"})
    ends = {"task.toml": TOML.replace("own/greet", "own/ends"), "solution/solve.sh": "exit 3\n"}
    write(tmp_path / "c", **ends)
    words = ["tasks", str(tmp_path), "--prove", "1", "--leaks", "--backend", backend.name, "--image"]
    shown = CliRunner().invoke(app, [*words, HOST])
    assert shown.exit_code == 1, shown.output
    assert "own/good: Write hello into out.txt." in shown.output
    assert f"  {good / 'task.toml'}: field environment.colour is not known and has no effect" in shown.output
    assert "own/greet: gold 0/1, empty 0/1: the verifier gave 0" in shown.output
    ended = "own/ends: the solution ended with 3"
    assert f"own/ends: gold 0/1, empty 0/1: {ended}" in shown.output and "proved: 1 of 3" in shown.output
    assert f"  not searched: {ended}" in shown.output and "leak" not in shown.output
    assert "no solution at the start of 2 of 3" in shown.output
    refused = CliRunner().invoke(app, [*words, f"rootfs:{tmp_path}/gone"])
    assert isinstance(refused.exception, UsageError) and "there is no" in str(refused.exception)


def test_rewards_are_finite_numbers():
    assert read_rewards("reward.json", b'{"reward": 1, "speed": 0.25}') == {"reward": 1.0, "speed": 0.25}
    assert judged({"reward": 0.25, "speed": 1.0}, changed=False).outcome == "empty_patch"
    for data in (b'{"a": true}', b'{"a": "1"}', b'{"a": NaN}', b"{}", b'{"a": 1e999}', b"[" * 100_000):
        with pytest.raises(Unscored):
            read_rewards("reward.json", data)


@pytest.mark.sandbox
def test_a_folder_is_an_environment(tmp_path: Path) -> None:
    write(tmp_path / "greet")
    try:
        env = turnwise.make("swe/files-v0", path=str(tmp_path), image="host", backend="namespace")
    except SandboxError as error:
        pytest.skip(f"no namespace sandbox here: {error}")
    with env:
        observation, info = env.reset(seed=0, options={"expert": True})
        assert "Write hello into out.txt." in observation and "start.txt" in observation
        assert "no tests to be shown" in env.step("run_tests")[0]
        while "outcome" not in info:
            observation, reward, *_, info = env.step(info["private"]["expert"])
        assert (reward, info["outcome"], info["won"]) == (1.0, "resolved", True), observation
        assert info["patch"]["out.txt"] == "hello\n"
        env.reset(seed=0)
        assert env.step("submit")[1] == 0.0
