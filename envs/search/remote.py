"""A client for any server that speaks Search-R1's `/retrieve`."""

from __future__ import annotations

import time
from typing import Any

import httpx

from ...errors import RequestRefused, ServerError, ServerUnreachable, UsageError
from ..retrieval.documents import Hit, Passage, parse_contents

_PAUSE_S = 0.2
_HERE = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class RemoteKnowledge:
    """A search engine behind `POST /retrieve {"queries", "topk", "return_scores"}`, shared between threads.

    Args:
        url: of the server, with or without `/retrieve`.
        timeout_s: the longest wait for one answer.
        num_tries: how often a call that got no answer, or a 5xx, is made in all.

    Raises:
        UsageError: if the url is not an http url.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0, num_tries: int = 3) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"retriever {url!r}: expected a url like http://127.0.0.1:8000/retrieve")
        self._url = url if url.rstrip("/").endswith("/retrieve") else url.rstrip("/") + "/retrieve"
        self._num_tries = num_tries
        self._client = httpx.Client(timeout=timeout_s, mounts=dict.fromkeys(_HERE))  # no proxy

    @property
    def digest(self) -> str:
        """Return the address: what a foreign server searches cannot be known."""
        return self._url

    def search(self, query: str, k: int) -> list[Hit]:
        """Return at most k passages, best first."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: list[str], k: int) -> list[list[Hit]]:
        """Return at most k passages for each query, best first.

        Raises:
            ServerUnreachable: if no try got an answer.
            RequestRefused: if the server refused the call.
            ServerError: if the answer has another form.
        """
        answer = self._post({"queries": queries, "topk": k, "return_scores": True})
        try:
            found = [[_hit(entry) for entry in entries[:k]] for entries in answer["result"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServerError(
                f'{self._url} answered {answer!r:.120}; expected {{"result": [[{{"document": {{"id",'
                f' "contents"}}, "score"}}]]}} ({type(error).__name__}: {error})'
            ) from error
        if len(found) != len(queries):
            raise ServerError(
                f"{self._url} answered {len(found)} lists of passages to {len(queries)} queries"
            )
        return found

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _post(self, body: dict[str, Any]) -> Any:
        for number in range(self._num_tries):
            try:
                response = self._client.post(self._url, json=body)
            except httpx.TransportError as error:
                failure = f"{type(error).__name__}: {error}"
            else:
                if response.status_code < 400:
                    return _decoded(response, self._url)
                if response.status_code < 500:
                    raise RequestRefused(
                        response.status_code, "refused", f"{self._url}: {response.text[:200]}"
                    )
                failure = f"status {response.status_code}"
            if number + 1 < self._num_tries:
                time.sleep(_PAUSE_S * 2**number)
        raise ServerUnreachable(
            f"{self._url} gave no answer in {self._num_tries} tries (last: {failure}); is it up?"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> RemoteKnowledge:
        return self


def _decoded(response: httpx.Response, url: str) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ServerError(f"{url} answered {response.text[:120]!r}; expected JSON") from error


def _hit(entry: dict[str, Any]) -> Hit:
    """Read one result; servers that were not asked for scores leave the wrapping out."""
    document = entry.get("document", entry)
    title, text = parse_contents(str(document["contents"]))
    return Hit(Passage(str(document.get("id", title)), title, text), float(entry.get("score", 0.0)))
