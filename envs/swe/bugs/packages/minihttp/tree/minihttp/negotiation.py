"""Which of several media types a client likes best."""


def parse_accept(text):
    """Return (type, quality) for every entry of an Accept header, in their order.

    Parameters other than `q` are left out; a quality that is no number from 0 to 1 counts as 0.
    """
    found = []
    for entry in text.split(","):
        kind, *parameters = [part.strip() for part in entry.lower().split(";")]
        if not kind:
            continue
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _quality(value.strip())
        found.append((kind, quality))
    return found


def best_match(text, offers):
    """Return the offer that a client likes best, or None if it accepts none of them.

    For an offer the entry counts that is most specific: `text/html` before `text/*` before `*/*`. Of offers
    that are liked equally, the first one is returned.

    Args:
        text: an Accept header; one that is empty accepts everything.
        offers: media types, what the server prefers first.
    """
    entries = parse_accept(text) or [("*/*", 1.0)]
    liked = {offer: _quality_of(offer.lower(), entries) for offer in offers}
    best = max(offers, key=liked.__getitem__, default=None)
    return best if best is not None and liked[best] > 0 else None


def _quality_of(offer, entries):
    for pattern in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for kind, quality in entries:
            if kind == pattern:
                return quality
    return 0.0


def _quality(text):
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
