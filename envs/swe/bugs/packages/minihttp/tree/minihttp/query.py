"""Percent encoding, and queries."""

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def quote(text, safe="/"):
    """Return a text in which all but letters, digits, `-._~` and what is safe is encoded, as UTF-8."""
    kept = _SAFE | set(safe.encode())
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())


def unquote(text, plus=False):
    """Return what an encoded text stands for; bytes that are no UTF-8 become U+FFFD.

    Args:
        text: a percent sign without two hexadecimal digits stands for itself.
        plus: whether `+` is a space.
    """
    if plus:
        text = text.replace("+", " ")
    found = bytearray()
    data = text.encode()
    place = 0
    while place < len(data):
        digits = data[place + 1 : place + 3]
        if data[place] == ord("%") and _hexadecimal(digits):
            found.append(int(digits, 16))
            place += 3
        else:
            found.append(data[place])
            place += 1
    return found.decode("utf-8", "replace")


def parse_query(text):
    """Return the pairs (name, value) of a query, in their order; a name without `=` has the value ""."""
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote(name, plus=True), unquote(value, plus=True)))
    return pairs


def build_query(pairs):
    """Return the query of pairs; `parse_query` reads the same ones."""
    return "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in pairs)


def _hexadecimal(digits):
    return len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits)
