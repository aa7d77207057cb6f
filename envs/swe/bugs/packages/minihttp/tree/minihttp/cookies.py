"""Cookies: reading what a browser sends, writing what it is to keep."""

from .query import quote, unquote

_SAME_SITE = ("Strict", "Lax", "None")
_SAFE = "!#$&'()*+/:<=>?@[]^`{|}"


def parse_cookies(text):
    """Return name -> value of a `Cookie` header; of several with one name the first counts.

    Values may stand in double quotes, and are percent decoded. Parts without `=` are passed over.
    """
    cookies = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        cookies.setdefault(name, unquote(value))
    return cookies


def set_cookie(
    name, value, *, max_age=None, path="/", domain=None, secure=False, http_only=True, same_site="Lax"
):
    """Return the value of a `Set-Cookie` header.

    Args:
        name: of the cookie.
        value: any text; percent encoded where it must be.
        max_age: seconds; 0 deletes the cookie, None keeps it until the browser is closed.
        path: where it is sent.
        domain: to whom it is sent; only to the sender if None.
        secure: only over an encrypted connection.
        http_only: out of reach of scripts.
        same_site: Strict, Lax or None; the text "None" needs `secure`.

    Raises:
        ValueError: if the name or same_site is not allowed.
    """
    if not name or any(char in name for char in ' =;,"\t\r\n'):
        raise ValueError(f"not a name of a cookie: {name!r}")
    if same_site not in _SAME_SITE or (same_site == "None" and not secure):
        raise ValueError(f"same_site {same_site!r} (secure: {secure})")
    parts = [f"{name}={quote(value, safe=_SAFE)}"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    parts.append(f"Path={path}")
    if domain:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    parts.append(f"SameSite={same_site}")
    return "; ".join(parts)
