"""A setting is declared once: read from a table, and made an option of a command.

1. Every kind of field is read from a decoded table; what does not fit is named with what is expected.
2. A wrong key and a wrong word are answered with the closest right one.
3. Options come from the fields that have a `Setting`, nested ones too; other parameters stay theirs.
4. The default of a parameter, an instance, gives the defaults of its options.
5. A new field is an option, a variable and a line of the file, and nothing else has to change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from turnwise.commands.options_from import with_settings
from turnwise.errors import UnknownName, UsageError
from turnwise.settings import FLAT, REST, Setting, read, table


def _pairs(rows: list[str]) -> dict[str, int]:
    return {key: int(value) for key, value in (row.split("=") for row in rows)}


@dataclass(frozen=True)
class Inner:
    top_p: Annotated[float, Setting("Nucleus.", least=0, most=1)] = 1.0
    hidden: int = 3


@dataclass(frozen=True)
class Outer:
    place: Annotated[Path | None, Setting("Where.")] = None
    size_bytes: Annotated[int, Setting("How much, in MB.", name="size_mb", unit=1 << 20)] = 2 << 20
    names: Annotated[tuple[str, ...], Setting("Who.", name="name")] = ()
    kind: Annotated[Literal["tags", "plain"], Setting("Which.")] = "tags"
    pairs: Annotated[dict[str, int], Setting("K=V.", form=list[str], parse=_pairs)] = field(
        default_factory=dict
    )
    inner: Inner = Inner()
    rows: tuple[Inner, ...] = ()
    limit: int | str = 0
    size: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Around:
    inner: Annotated[Inner, FLAT] = Inner(hidden=5)
    last: int = 0


def test_the_keys_of_a_flat_field_stand_among_the_others():
    given = read(Around, {"top_p": 0.5, "last": 1}, "recipe")
    assert given == Around(Inner(0.5, hidden=5), last=1)
    assert table(given) == {"top_p": 0.5, "hidden": 5, "last": 1}
    assert read(Around, table(given), "recipe") == given
    assert read(Around, {}, "recipe") == Around()
    with pytest.raises(UnknownName, match="did you mean 'hidden'"):
        read(Around, {"hiden": 1}, "recipe")
    with pytest.raises(UnknownName, match="inner"):
        read(Around, {"inner": {}}, "recipe")


@dataclass(frozen=True)
class Open:
    name: str = ""
    others: Annotated[dict[str, Any], REST] = field(default_factory=dict)


def test_keys_of_no_field_go_to_the_one_that_takes_the_rest():
    given = read(Open, {"name": "a", "gamma": 0.5, "others": 1}, "recipe")
    assert given == Open("a", {"gamma": 0.5, "others": 1})
    assert table(given) == {"name": "a", "gamma": 0.5, "others": 1}
    assert read(Open, {}, "recipe") == Open()
    with pytest.raises(UsageError, match="name = 1; expected a text"):
        read(Open, {"name": 1, "gamma": 0.5}, "recipe")


def test_a_table_of_settings_makes_equal_ones_also_with_dataclasses_inside():
    given = Outer(inner=Inner(top_p=0.25), rows=(Inner(hidden=4),))
    assert read(Outer, table(given), "recipe") == given


def test_every_kind_of_field_is_read():
    table: dict[str, Any] = {"place": "a/b", "names": ["x", "y"], "kind": "plain", "pairs": {"a": 1}}
    table |= {"inner": {"top_p": 1}, "rows": [{"hidden": 4}, {}], "limit": "all", "size": [3, 4]}
    read_back = read(Outer, table, "recipe")
    assert read_back == Outer(
        place=Path("a/b"),
        names=("x", "y"),
        kind="plain",
        pairs={"a": 1},
        inner=Inner(top_p=1.0),
        rows=(Inner(hidden=4), Inner()),
        limit="all",
        size=(3, 4),
    )
    assert type(read_back.inner.top_p) is float


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"place": 1}, r"recipe: place = 1; expected a path$"),
        ({"size_bytes": "2"}, r"size_bytes = '2'; expected a whole number"),
        ({"size_bytes": True}, r"size_bytes = True; expected a whole number"),
        ({"names": "x"}, r"names = 'x'; expected a list of texts, as \[\"x\"\]"),
        ({"names": ["x", 1]}, r"names = \['x', 1\]; expected a list of texts"),
        ({"kind": 3}, r"kind = 3; expected one of 'tags', 'plain'"),
        ({"pairs": {"a": "b"}}, r"pairs.a = 'b'; expected a whole number"),
        ({"pairs": [1]}, r"pairs = \[1\]; expected a table"),
        ({"inner": 1}, r"inner = 1; expected a section \[inner\]"),
        ({"inner": {"top_p": "x"}}, r"inner.top_p = 'x'; expected a number"),
        ({"rows": [{"hidden": 0.5}]}, r"rows\[0\].hidden = 0.5; expected a whole number"),
        ({"limit": 0.5}, r"limit = 0.5; expected a whole number or a text"),
        ({"size": [1]}, r"size = \[1\]; expected a list of whole numbers"),
    ],
)
def test_a_wrong_value_is_named(table, told):
    with pytest.raises(UsageError, match=told):
        read(Outer, table, "recipe")


def test_wrong_names_are_answered_with_right_ones():
    with pytest.raises(UnknownName, match="unknown key in recipe 'plase': did you mean 'place'"):
        read(Outer, {"plase": 1}, "recipe")
    with pytest.raises(UnknownName, match=r"unknown key in \[rows\[0\]\] 'top': did you mean 'top_p'"):
        read(Outer, {"rows": [{"top": 1}]}, "recipe")
    with pytest.raises(UnknownName, match="value of kind 'tag': did you mean 'tags'"):
        read(Outer, {"kind": "tag"}, "recipe")


def test_a_key_without_a_default_is_needed():
    @dataclass(frozen=True)
    class Needs:
        name: str

    globals()["Needs"] = Needs
    with pytest.raises(UsageError, match="recipe: name is missing; expected a text"):
        read(Needs, {}, "recipe")


def _call(command: Any, *arguments: str, **variables: str) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    done = CliRunner().invoke(app, arguments, env=variables)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output


def test_options_come_from_fields_beside_other_arguments(tmp_path):
    seen: list[Any] = []

    @with_settings("T_")
    def command(
        agent: Annotated[str, typer.Argument()],
        outer: Outer = Outer(kind="plain", limit=7),
        loud: bool = False,
    ) -> None:
        seen.append((agent, outer, loud))

    _call(command, "me")
    assert seen[-1] == ("me", Outer(kind="plain", limit=7), False)
    flags = ["--loud", "--name", "a", "--name", "b", "--size-mb", "3", "--pairs", "k=1", "--top-p", "0.5"]
    _call(command, "me", *flags, T_KIND="tags", T_PLACE="p")
    made = Outer(Path("p"), 3 << 20, ("a", "b"), "tags", {"k": 1}, Inner(top_p=0.5), limit=7)
    assert seen[-1] == ("me", made, True)
    file = tmp_path / "settings.toml"
    file.write_text('kind = "tags"\nsize_mb = 1\nname = ["c"]\n')
    _call(command, "me", "--config", str(file))
    assert seen[-1][1] == Outer(size_bytes=1 << 20, names=("c",), limit=7)
    with pytest.raises(AssertionError, match="top-p"):
        _call(command, "me", "--top-p", "2")
    with pytest.raises(AssertionError, match="No such option"):
        _call(command, "me", "--hidden", "2")


def test_without_a_prefix_there_are_flags_alone():
    seen: list[Any] = []

    @with_settings()
    def command(inner: Inner) -> None:
        seen.append(inner)

    _call(command, "--top-p", "0.25", TOP_P="0.75")
    assert seen == [Inner(top_p=0.25)]
    with pytest.raises(AssertionError, match="No such option"):
        _call(command, "--config", "x")
