"""The catalogue: no part without a source, a page made of them, recipes that say where values come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.credit import Credit, TurnTable
from turnwise.errors import UnknownName
from turnwise.trainers.catalogue import costs
from turnwise.trainers.catalogue.absent import ABSENT
from turnwise.trainers.catalogue.entries import entries, find
from turnwise.trainers.catalogue.needs import needs_of
from turnwise.trainers.catalogue.origins import chain, origins
from turnwise.trainers.catalogue.page import DOCS, page
from turnwise.trainers.credit.base import Estimator

ENTRIES = entries()
# what the project follows: a part bears the reference, or docs/papers.md says what is missing
FOLLOWED = (
    "2402.03300 2503.20783 2402.14740 2501.03262 2505.10978 2602.22817 2510.20022 2605.26684 2606.22995 "
    "2602.16165 2510.14967 2504.20073 1506.02438 2402.19446 2405.15821 2510.15414 2510.05592 2508.10548 "
    "2504.14870 2503.14476 2505.16282 2507.19849 2509.21240 2509.08755 2506.07976 1707.06347 2507.18071 "
    "2506.13585 2511.20347 2512.04220 2506.01939 2510.18855 "
    "2509.13232 2505.23564 2509.24203 CANON 2508.19201 2511.13288 2506.02864 RiskPO 2609.35082 GraphHCA "
    "2605.13217 VETTA R1-Router 2509.22115 VADE sGPO 2510.19807 2507.10628 2404.08495 2506.02355 2510.00915 "
    "DCPO HAPO Lp-Reg GTPO DisCO 2509.02522 2509.01684 2412.16145 A-LoL NLPO 2510.08191 2604.11037 PPR "
    "CRAFT-GUI"
)


def test_the_page_is_what_the_parts_say() -> None:
    made = page((DOCS / "papers.jinja").read_text())
    assert (DOCS / "papers.md").read_text() == made, "docs/papers.md is not up to date: run `make papers`"
    rows = "\n".join(line for line in made.splitlines() if line.startswith("| "))
    assert [name for name in FOLLOWED.split() if name not in rows] == []


def test_what_is_said_to_be_absent_is() -> None:
    told = " ".join(f"{entry.source.paper} {entry.source.ref}" for entry in ENTRIES)
    assert [method.name for method in ABSENT if re.search(rf"\b{re.escape(method.ref)}\b", told)] == []
    assert all(method.why for method in ABSENT)


def test_no_part_is_without_a_source_and_none_of_ours_has_a_paper() -> None:
    assert len(ENTRIES) > 45
    wrong = [entry.name for entry in ENTRIES if bool(entry.source.paper) == (entry.source.exact == "ours")]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "kind", "needs"),
    [
        ("grpo", "credit", ("groups",)),
        ("gigpo", "credit", ("column `state_key`", "groups")),
        ("reinforce_pp", "credit", ("column `num_tokens`",)),
        ("turn_ppo", "credit", ("critic `value`",)),
        ("length", "reward", ("column `num_tokens`",)),
        ("gold_prob", "annotator", ("of the environment `answer`",)),
        ("ppo", "loss", ()),
        ("disco", "loss", ("groups", "which episodes were won", "one more forward pass")),
    ],
)
def test_what_a_part_needs(name: str, kind: str, needs: tuple[str, ...]) -> None:
    (entry,) = find(name, kind)
    assert entry.needs == needs


def test_needs_are_those_of_the_function_and_nothing_that_was_written_down() -> None:
    def mine(table: TurnTable) -> Credit:
        return Credit(table.numbers("mood") * table.reward)

    assert needs_of(Estimator("credit estimator", "mine", mine, {}), {}) == ("column `mood`",)


def test_costs_are_read_where_results_lie_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credit-speed.md").write_text("| estimator | s |\n|---|---|\n| grpo | 0.25 | 2 |\n")
    monkeypatch.setattr(costs, "RESULTS", tmp_path)
    costs.costs.cache_clear()
    assert costs.costs("credit")["grpo"].text == "0.25 s for 100 000 turns"
    assert costs.costs("loss") == {}
    costs.costs.cache_clear()


def test_a_recipe_says_where_each_value_comes_from(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'extends = "hgpo"\n[credit]  # mine\nhistory = 4  # [choice] the author\'s "#4"\n'
        '[loss]\nname = "dapo"\n'
    )
    found = {(value.section, value.key): value for value in origins(str(mine))}
    history, gamma = found["credit", "history"], found["credit", "alpha"]
    assert (history.value, history.stated_in, history.why) == (4, str(mine), '[choice] the author\'s "#4"')
    assert (gamma.value, gamma.stated_in, gamma.why) == (1.0, "hgpo", "[paper]")
    assert found["optim", "betas"].stated_in == "grpo"
    assert (found["optim", "schedule"].stated_in, found["optim", "schedule"].why) == ("", "")
    assert ("loss", "clip_low") not in found  # it belonged to the base's loss
    assert chain(str(mine)) == [str(mine), "hgpo", "grpo"]


def test_the_commands_show_one_whole() -> None:
    shown = CliRunner().invoke(app, ["methods", "hgpo"]).output
    assert "arXiv 2602.22817" in shown and "parameter history: default 2: " in shown
    (found,) = json.loads(CliRunner().invoke(app, ["methods", "hgpo", "--json"]).output)
    assert (found["exact"], found["recipes"], found["recipe_key"]) == ("golden", ["hgpo"], "credit")
    alpha = next(each for each in found["parameters"] if each["name"] == "alpha")
    assert (alpha["required"], alpha["default"], "weight" in alpha["meaning"]) == (False, 1.0, True)
    values = json.loads(CliRunner().invoke(app, ["recipes", "hgpo", "--json"]).output)["values"]
    assert {"key": "credit.history", "value": 2, "stated_in": "hgpo", "why": "[paper]"} in values
    shown = CliRunner().invoke(app, ["recipes", "hgpo"]).output
    assert re.search(r"history +2 +hgpo +\[paper\]", shown)


def test_unknown_names_are_answered_with_close_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'hgpo'"):
        find("hgppo")
    with pytest.raises(UnknownName, match="did you mean 'credit'"):
        entries("credits")
