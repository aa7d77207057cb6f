"""Two grammars that are ready for use."""

from .rules import Grammar, Include, Rule

_SPACE = Rule("SPACE", r"\s+", skip=True)
_VALUES = [
    Rule("NUMBER", r"[0-9][0-9a-zA-Z_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?"),
    Rule("NAME", r"[^\W\d]\w*", words=("and", "or", "not", "true", "false")),
    Rule("OPERATOR", r"[=!<>]=|[-+*/%<>=.,:|]"),
    Rule("STRING", r"'(?:[^'\\\n]|\\.)*'"),
    Rule("QUOTE", r'"', push="string"),
    Rule("OPEN", r"[(\[]"),
    Rule("CLOSE", r"[)\]]"),
]
_STRING = [
    Rule("CHARS", r'(?:[^"\\$]|\\.)+'),
    Rule("CHARS", r"\$"),
    Rule("INSERT", r"\$\{", push="inserted"),
    Rule("QUOTE", r'"', pop=1),
]
_INSERTED = [_SPACE, Rule("END", r"\}", pop=1), Rule("BRACE", r"\{", push="inserted"), Include("values")]


def template() -> Grammar:
    """Return the grammar of a template: text, {{ values }}, {% statements %} and {# comments #}."""
    return Grammar(
        {
            "main": [
                Rule("COMMENT", r"\{#(?:[^#]|#(?!\}))*#\}", skip=True),
                Rule("BEGIN", r"\{\{-?", push="value"),
                Rule("STATEMENT", r"\{%-?", push="statement"),
                Rule("TEXT", r"(?:[^{]|\{(?![{%#]))+"),
            ],
            "value": [_SPACE, Rule("END", r"-?\}\}", pop=1), Include("values")],
            "statement": [
                _SPACE,
                Rule("END", r"-?%\}", pop=1),
                Rule("KEYWORD", r"(?:if|for|in|else|end)\b"),
                Include("values"),
            ],
            "values": _VALUES,
            "string": _STRING,
            "inserted": _INSERTED,
        }
    )


def script() -> Grammar:
    """Return the grammar of a small script: line ends count, comments are # ... and /* ... */."""
    return Grammar(
        {
            "main": [
                Rule("NEWLINE", r"\r\n|\n|\r"),
                Rule("BLANK", r"[ \t]+|\\\r?\n", skip=True),
                Rule("COMMENT", r"#[^\r\n]*", skip=True),
                Rule("COMMENT", r"/\*", skip=True, push="comment"),
                Include("values"),
            ],
            "comment": [
                Rule("COMMENT", r"/\*", skip=True, push="comment"),
                Rule("COMMENT", r"\*/", skip=True, pop=1),
                Rule("COMMENT", r"[^*/]+|[*/]", skip=True),
            ],
            "values": _VALUES,
            "string": _STRING,
            "inserted": _INSERTED,
        }
    )
