"""Hidden cases of lexer: what several files of them use."""

from lexer import ScanError, Scanner


def tried(function, *args, **named):
    try:
        return function(*args, **named)
    except ScanError as error:
        return ["ScanError", error.line, error.column]
    except Exception as error:  # noqa: BLE001
        return type(error).__name__


def plain(tokens):
    return [(token.kind, token.text, token.start, token.end, token.line, token.column) for token in tokens]


def scanned(grammar, text, **named):
    """Return the tokens up to the end or the error, and that error."""
    found, error = [], None
    try:
        for token in Scanner(grammar, **named).scan(text):
            found.append(token)
    except ScanError as caught:
        error = [caught.line, caught.column]
    return [plain(found), error]
