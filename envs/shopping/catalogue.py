"""A catalogue: products, their prices, and the engine that searches them; read-only and shared.

One catalogue serves every session of a process. A large items file is read once
into a collection on disk, which later runs map into memory in seconds.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ..retrieval.bm25 import Bm25Index
from ..retrieval.draws import draw
from ..retrieval.jsonio import array_records, read_json
from ..retrieval.storage import Records, cache_folder, open_collection, source_tag, write_collection
from .goals import Goal, ProductGoals, human_goals
from .product import Product

_LARGE_BYTES = 64 << 20
_NUM_DECODED = 4_096
_FINE = 1 << 53


class Catalogue:
    """Products and the engine that searches them; never changed after it is made.

    Args:
        products: by id, in the order of the search engine's documents.
        index: over `Product.document` of each product, in that order.
        prices: in dollars, by id; a product without one costs its price, or a draw from its range.
        human: file of instructions in people's words; goals come from it where it is given.
    """

    def __init__(
        self,
        products: Mapping[str, Product],
        index: Bm25Index,
        prices: Mapping[str, float] | None = None,
        *,
        human: Path | None = None,
    ) -> None:
        self.products = products
        self.prices = _Prices(products, prices or {})
        self._asins = list(products)
        self._index = index
        self._human = human

    @classmethod
    def of(cls, products: Iterable[Product], prices: Mapping[str, float] | None = None) -> Catalogue:
        """Make a catalogue in memory; of products with the same id the first counts."""
        held: dict[str, Product] = {}
        for product in products:
            held.setdefault(product.asin, product)
        return cls(held, Bm25Index.build(p.document for p in held.values()), prices)

    @classmethod
    def load(
        cls,
        items: str | Path,
        instructions: str | Path,
        human: str | Path | None = None,
        prices: str | Path | None = None,
        *,
        cache: str | Path | None = None,
    ) -> Catalogue:
        """Load the original files.

        Args:
            items: `items_shuffle*.json`.
            instructions: `items_ins_v2*.json`.
            human: `items_human_ins.json`; the goals come from it where it is given.
            prices: JSON object from product id to dollars; without it a price is drawn from the
                product's range by a hash of its id.
            cache: folder for the collection made of the files. Without it, files of 64 MB and more
                go to the user's cache folder and smaller ones stay in memory.

        Raises:
            UsageError: naming file, record and field of what is wrong.
        """
        files = [Path(file) for file in (items, instructions)]
        tag = source_tag(*files)
        fixed = _read_prices(Path(prices)) if prices is not None else None
        words = Path(human) if human is not None else None
        if cache is None and files[0].stat().st_size < _LARGE_BYTES:
            made = cls.of(_read_products(*files))
            return cls(made.products, made._index, fixed, human=words)
        folder = (Path(cache) if cache is not None else cache_folder()) / f"webshop-{tag}"
        index, records = open_collection(folder, tag) or _make_collection(folder, tag, *files)
        return cls(_StoredProducts(records), index, fixed, human=words)

    def search(self, query: str, k: int = 50) -> list[str]:
        """Return the ids of at most k products, best first."""
        return [self._asins[i] for i in self._index.search(query, k)[0].tolist()]

    def scores(self, query: str, k: int = 50) -> list[tuple[str, float]]:
        """Return (id, score) of at most k products, best first."""
        documents, scores = self._index.search(query, k)
        return [(self._asins[i], score) for i, score in zip(documents.tolist(), scores.tolist(), strict=True)]

    @functools.cached_property
    def goals(self) -> Sequence[Goal]:
        """Return every goal of the catalogue, in the original's shuffled order."""
        if self._human is not None:
            return human_goals(self._human, self.products, self.prices)
        wanted = [p.asin for p in self.products.values() if p.instruction and p.instruction_attributes]
        return ProductGoals(wanted, self.products, self.prices)

    @functools.cached_property
    def digest(self) -> str:
        """Return a short hash of products, index and prices; the same wherever the files lie."""
        digest = hashlib.sha256("\n".join(self._asins).encode())
        digest.update(self._index.digest().encode())
        digest.update(self.prices.fixed_digest())
        return digest.hexdigest()[:16]

    def __deepcopy__(self, memo: dict[int, Any]) -> Catalogue:
        return self


def shared_catalogue(
    items: str | Path,
    instructions: str | Path,
    human: str | Path | None = None,
    prices: str | Path | None = None,
    cache: str | Path | None = None,
) -> Catalogue:
    """Load a catalogue once per process and state of its files; see Catalogue.load."""
    files = [str(file) if file is not None else None for file in (items, instructions, human, prices, cache)]
    tag = source_tag(*(Path(file) for file in files[:4] if file is not None))
    return _load_once(tag, *files)


@functools.lru_cache(maxsize=4)
def _load_once(tag: str, *files: Any) -> Catalogue:
    return Catalogue.load(*files[:4], cache=files[4])


class _Prices(Mapping[str, float]):
    """What a product costs in dollars: the price given, its only price, or a draw from its range."""

    def __init__(self, products: Mapping[str, Product], fixed: Mapping[str, float]) -> None:
        self._products = products
        self._fixed = fixed

    def __getitem__(self, asin: str) -> float:
        if asin in self._fixed:
            return self._fixed[asin]
        low, high = self._products[asin].prices[0], self._products[asin].prices[-1]
        return low + (high - low) * draw("price " + asin, _FINE) / _FINE

    def fixed_digest(self) -> bytes:
        """Hash the prices that were given."""
        return hashlib.sha256(json.dumps(sorted(self._fixed.items())).encode()).digest()

    def __iter__(self) -> Iterator[str]:
        return iter(self._products)

    def __len__(self) -> int:
        return len(self._products)


class _StoredProducts(Mapping[str, Product]):
    """Products of a mapped collection; the last few thousand stay decoded."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._numbers = {asin: number for number, asin in enumerate(records.keys)}
        self._decode = functools.lru_cache(maxsize=_NUM_DECODED)(self._read)

    def __getitem__(self, asin: str) -> Product:
        return self._decode(self._numbers[asin])

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def _read(self, number: int) -> Product:
        return Product.from_stored(self._records[number])


def _make_collection(folder: Path, tag: str, items: Path, instructions: Path) -> tuple[Bm25Index, Records]:
    index = Bm25Index.build(product.document for product in _read_products(items, instructions))
    products = _read_products(items, instructions)
    write_collection(folder, tag, index, ((product.asin, product.as_record()) for product in products))
    opened = open_collection(folder, tag)
    if opened is None:
        raise UsageError(f"{folder} was replaced by another program while it was written; start again")
    return opened


def _read_products(items: Path, instructions: Path) -> Iterator[Product]:
    by_product = read_json(instructions)
    if not isinstance(by_product, dict):
        raise UsageError(f"{instructions}: expected an object from product id to attributes")
    seen: set[str] = set()
    for number, record in enumerate(array_records(items)):
        product = Product.from_original(record, by_product, items, number)
        if product is not None and product.asin not in seen:
            seen.add(product.asin)
            yield product


def _read_prices(path: Path) -> dict[str, float]:
    prices = read_json(path)
    if not isinstance(prices, dict):
        raise UsageError(f"{path}: expected an object from product id to dollars")
    for asin, price in prices.items():
        if isinstance(price, bool) or not isinstance(price, (int, float)):
            raise UsageError(f"{path}: record {asin!r}: expected a price in dollars, got {price!r:.80}")
    return prices
