"""Whole documents: pairs, tables and arrays of tables."""

from .cursor import Cursor
from .values import Inline, read_key, read_value


def loads(text):
    """Return the tables of a document as dicts.

    Raises TomlError where it is not TOML.
    """
    return _Document(text).read()


class _Document:
    def __init__(self, text):
        self.cursor = Cursor(text)
        self.root = {}
        self.table = self.root
        self.opened = set()  # tables that a header named: it may do so once
        self.dotted = set()  # tables made by dotted keys: no header may open them
        self.arrays = set()  # lists that are arrays of tables

    def read(self):
        cursor = self.cursor
        cursor.skip_lines()
        while not cursor.at_end():
            start = cursor.position
            if cursor.skip("[["):
                self._open_array(start)
            elif cursor.skip("["):
                self._open_table(start)
            else:
                self._read_pair(start)
            cursor.end_line()
            cursor.skip_lines()
        return _plain(self.root)

    def _open_table(self, start):
        keys = read_key(self.cursor)
        self.cursor.expect("]")
        parent = self._walk(keys[:-1], start)
        table = parent.setdefault(keys[-1], {})
        known = not isinstance(table, dict) or isinstance(table, Inline)
        if known or id(table) in self.opened or id(table) in self.dotted:
            raise self.cursor.error(f"{keys[-1]!r} is given already", start)
        self.opened.add(id(table))
        self.table = table

    def _open_array(self, start):
        keys = read_key(self.cursor)
        self.cursor.expect("]]")
        parent = self._walk(keys[:-1], start)
        if keys[-1] not in parent:
            parent[keys[-1]] = []
            self.arrays.add(id(parent[keys[-1]]))
        tables = parent[keys[-1]]
        if id(tables) not in self.arrays:
            raise self.cursor.error(f"{keys[-1]!r} is no array of tables", start)
        self.table = {}
        self.opened.add(id(self.table))
        tables.append(self.table)

    def _walk(self, keys, start):
        """Return the table that the first parts of a header lead to, made where it is missing."""
        table = self.root
        for key in keys:
            table = table.setdefault(key, {})
            if isinstance(table, list) and id(table) in self.arrays:
                table = table[-1]
            if not isinstance(table, dict) or isinstance(table, Inline):
                raise self.cursor.error(f"{key!r} is no table that can be made longer", start)
        return table

    def _read_pair(self, start):
        keys = read_key(self.cursor)
        self.cursor.expect("=")
        self.cursor.skip_spaces()
        table = self.table
        for key in keys[:-1]:
            if key not in table:
                table[key] = {}
                self.dotted.add(id(table[key]))
            table = table[key]
            if not isinstance(table, dict) or isinstance(table, Inline) or id(table) in self.opened:
                raise self.cursor.error(f"{key!r} is no table that can be made longer", start)
        if keys[-1] in table:
            raise self.cursor.error(f"{keys[-1]!r} is given already", start)
        table[keys[-1]] = read_value(self.cursor)


def _plain(value):
    """Return a value in which inline tables are dicts like others."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
