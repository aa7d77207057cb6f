"""Questions and corpora from files, in every form; what is said of broken ones.

1. Search-R1, plain and HotpotQA-style corpora; question files in each spelling.
2. An episode over each, with the expert; several knowledge bases; a collection on disk.
3. Missing fields, empty files, contradictory arguments are named.
4. The benchmark files load and run (needs the benchmark data).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.envs.check import check_environment, expert_episode
from turnwise.envs.retrieval.documents import KnowledgeBase, Passage
from turnwise.envs.search.loaders import read_passages, read_questions
from turnwise.errors import UnknownName, UsageError

HOTPOT: list[dict[str, Any]] = [
    {
        "_id": "q1",
        "question": "Where was the author of Salt born?",
        "answer": "Ulm",
        "supporting_facts": [["Salt", 0], ["Ada Kern", 1]],
        "context": [
            ["Salt", ["Salt is a novel.", " Ada Kern wrote it."]],
            ["Ada Kern", ["Ada Kern writes.", " She was born in Ulm."]],
            ["Pepper", ["Pepper is a spice."]],
        ],
    },
    {"question": "What is Pepper?", "answer": "a spice", "context": [["Pepper", ["Pepper is a spice."]]]},
]


def write(path: Path, records: object, *, lines: bool = False) -> Path:
    text = "\n".join(map(json.dumps, records)) + "\n" if lines else json.dumps(records)  # type: ignore[call-overload]
    path.write_text(text)
    return path


def test_corpora_in_every_form(tmp_path: Path) -> None:
    expected = [Passage("7", "A", "one"), Passage("1", "B", "two")]
    search_r1 = [{"id": "7", "contents": '"A"\none'}, {"id": 1, "contents": '"B"\ntwo'}]
    plain = [{"id": 7, "title": "A", "text": "one"}, {"title": "B", "text": "two"}]
    for records in (search_r1, plain):
        for lines in (True, False):
            assert list(read_passages(write(tmp_path / "c", records, lines=lines))) == expected
    hotpot = list(read_passages(write(tmp_path / "h.json", HOTPOT)))
    assert [passage.title for passage in hotpot] == ["Salt", "Ada Kern", "Pepper"]
    assert hotpot[0].text == "Salt is a novel. Ada Kern wrote it."


@pytest.mark.parametrize(
    ("record", "answers"),
    [
        ({"question": "q", "answer": "a"}, ("a",)),
        ({"question": "q", "golden_answers": ["a", "b"]}, ("a", "b")),
        ({"Question": "q", "answer": ["a"]}, ("a",)),
        ({"query": "q", "answers": ["a", 5]}, ("a", "5")),
    ],
)
def test_questions_in_every_spelling(
    tmp_path: Path, record: dict[str, Any], answers: tuple[str, ...]
) -> None:
    question = read_questions(write(tmp_path / "q.jsonl", [record], lines=True))[0]
    assert (question.text, question.answers) == ("q", answers)


def test_two_column_context(tmp_path: Path) -> None:
    columns = {"title": ["A", "B"], "sentences": [["one ", "two"], ["three"]]}
    record = {
        "question": "q", "answer": "a", "context": columns,
        "supporting_facts": {"title": ["B"], "sent_id": [0]},
    }  # fmt: skip
    file = write(tmp_path / "q.json", [record])
    passages = {passage.title: passage for passage in read_passages(file)}
    assert passages["A"].text == "one two"
    assert read_questions(file)[0].supporting == (passages["B"].id,)


def test_expert_follows_the_supporting_facts(tmp_path: Path) -> None:
    env = turnwise.make("search/qa-v1", questions=str(write(tmp_path / "h.json", HOTPOT)), question_index=0)
    _, info = env.reset(options={"expert": True})
    said, found = [], 0.0
    done = False
    while not done:
        said.append(info["private"]["expert"])
        _, reward, terminated, truncated, info = env.step(said[-1])
        found += info["rewards"].get("supporting", 0)
        done = terminated or truncated
    assert (
        said == ["<search>Salt</search>", "<search>Ada Kern</search>", "<answer>Ulm</answer>"] or found == 1
    )
    assert (reward, found) == (1.0, 1.0)


def test_contract(tmp_path: Path) -> None:
    file = str(write(tmp_path / "h.json", HOTPOT))
    verdicts = check_environment("search/qa-v1", {"questions": file}, seeds=(0, 1), num_turns=5)
    assert [v for v in verdicts if v.outcome != "passed"] == []


def test_several_knowledge_bases(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", [{"text": "apples are red", "title": "Apple"}], lines=True)
    two = write(tmp_path / "two.jsonl", [{"text": "pears are green", "title": "Pear"}], lines=True)
    questions = write(tmp_path / "q.json", [{"question": "q", "answer": "a"}])
    env = turnwise.make(
        "search/qa-v1", questions=str(questions), corpus={"first": str(one), "second": str(two)}
    )
    env.reset(seed=0)
    assert "Apple" in env.step("<search>apples pears</search>")[0]
    assert "Pear" in env.step('<search kb="second">apples pears</search>')[0]


def test_collection_on_disk(tmp_path: Path) -> None:
    corpus = write(
        tmp_path / "c.jsonl", [{"text": f"word{i} common", "title": f"T{i}"} for i in range(30)], lines=True
    )

    def passages() -> list[Passage]:
        return list(read_passages(corpus))

    memory = KnowledgeBase.cached(corpus, passages)
    for _ in range(2):
        stored = KnowledgeBase.cached(corpus, passages, tmp_path / "cache")
        assert stored.search("common word7", 4) == memory.search("common word7", 4)
        assert stored.digest == memory.digest
        assert list(stored.passages[3:5]) == list(memory.passages[3:5])
    corpus.write_text(json.dumps({"text": "other", "title": "New"}) + "\n")
    assert (
        KnowledgeBase.cached(corpus, passages, tmp_path / "cache").search("other", 1)[0].passage.title
        == "New"
    )


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"answer": "a"}], "record 0 has no field 'question'"),
        ([{"question": "q"}], "record 0 has no field 'answer'"),
        ([{"question": "q", "answer": []}], "record 0 has an empty list of answers"),
        ([{"question": "q", "answer": 4}], "field 'answer': expected str or list, got 4"),
        ([], "holds no questions"),
        ([{"question": "q", "answer": "a", "context": [["t"]]}], "field 'context': expected"),
        ({"question": "q"}, "record 0 has no field 'answer'"),
    ],
)
def test_broken_questions_are_named(tmp_path: Path, records: object, message: str) -> None:
    file = write(tmp_path / "q.json", records)
    with pytest.raises(UsageError, match=message):
        turnwise.make("search/qa-v1", questions=str(file))


def test_broken_corpora_and_contradictions_are_named(tmp_path: Path) -> None:
    questions = str(write(tmp_path / "q.json", [{"question": "q", "answer": "a"}]))
    corpus = str(write(tmp_path / "c.jsonl", [{"title": "t"}], lines=True))
    with pytest.raises(UsageError, match="record 0 has no field 'contents', 'text' or 'context'"):
        turnwise.make("search/qa-v1", questions=questions, corpus=corpus)
    with pytest.raises(UsageError, match="both given"):
        turnwise.make("search/qa-v1", questions=questions, corpus=corpus, retriever="http://x")
    with pytest.raises(UsageError, match="empty mapping"):
        turnwise.make("search/qa-v1", questions=questions, corpus={})
    with pytest.raises(UsageError, match=r"nothing\.json"):
        turnwise.make("search/qa-v1", questions=str(tmp_path / "nothing.json"))
    with pytest.raises(UnknownName, match="split"):
        turnwise.make("search/qa-v1", questions=questions, retriever="http://x", split="tset")


def test_splits_partition_the_questions(tmp_path: Path) -> None:
    records = [{"question": f"q{i}", "answer": "a", "context": [["t", ["s"]]]} for i in range(200)]
    file = str(write(tmp_path / "q.json", records))
    chosen = [
        set(turnwise.make("search/qa-v1", questions=file, split=s).text_env._chosen)
        for s in ("train", "unseen", "test")
    ]
    assert sum(map(len, chosen)) == len(set().union(*chosen)) == 200
    assert len(chosen[0]) > 140


def test_benchmark_files_load_and_run(benchmark_data: Path) -> None:
    folder = benchmark_data / "qa"
    hotpot = turnwise.make("search/qa-v1", questions=str(folder / "hotpot_distractor_100.json"))
    assert len(hotpot.text_env._questions) == 100
    assert all(expert_episode(hotpot, seed) == (True, 2) for seed in range(10))
    corpus = str(folder / "searchr1_example_corpus.jsonl")
    for name, count in (("bamboogle", 125), ("musique", 500)):
        env = turnwise.make("search/qa-v1", questions=str(folder / f"{name}.json"), corpus=corpus)
        assert len(env.text_env._questions) == count
        env.reset(seed=0)
        assert env.step("<search>lobbyist</search>")[0].startswith('<information>Doc 1(Title: "Evan Morris")')
    wiki = turnwise.make(
        "search/qa-v1",
        questions=str(folder / "2wiki.json"),
        corpus=str(folder / "2wikimultihopqa_corpus.json"),
    )
    assert expert_episode(wiki, 0) == (True, 2)
