"""Hidden cases of lexer: presets."""

from cases.shared import scanned
from lexer import presets


def case_template_preset():
    grammar = presets.template()
    texts = [
        "",
        "just text",
        "a { b } c {x",
        "{{ a }}",
        "{{a}}{{b}}",
        "{{- a -}}",
        "{{ a - b -}} c",
        "{# one #} x {# two #}",
        "{# a # b #}{##}c",
        "{# open",
        "{% if a and not b %}yes{% else %}no{% end %}",
        "{%- for x in y -%}{{ x.y[1](2) }}{%- end -%}",
        "{% iffy %}{% format %}",
        '{{ "plain" }}',
        '{{ "a ${ b } c" }}',
        '{{ "a ${ {b} } c" + \'d"\' }}',
        '{{ "a \\" b \\${x} $ $$" }}',
        '{{ "a ${ "b ${c}" }" }}',
        "{{ 'it\\'s' }}",
        "{{ 'two\nlines' }}",
        '{{ "open }}',
        '{{ "${ open" }}',
        "{{ a == 1 != 2 <= 3 >= 4 < 5 > 6 = 7 }}",
        "{{ 1.5e-3 0x_ff 12abc 1. a.b 1e5 }}",
        "{{ true false andy or and_ äöü ñ1 }}",
        "{{ a }} }} b",
        "{{ } }}",
        "line\n{{ a\n  }}\n x{# c\n #}y {{ z",
    ]
    return [grammar.kinds()] + [scanned(grammar, text) for text in texts]


def case_script_preset():
    grammar = presets.script()
    texts = [
        "",
        "a = 1\nb = 2\r\nc",
        "a # note\nb #",
        "a /* b */ c /* d */ e",
        "a /* b /* c */ d */ e",
        "a /* b\n * c\n **/ d",
        "a /* /* */ b",
        "a */ b",
        "/**/a/***/b/* / * */c",
        "a \\\n b",
        "a \\ b",
        'say "x ${ y\n } z"',
        "f(1, [2])\n\n  g",
        "a\tb\rc",
        "x | y % 2 : 3 / 4 * 5 - 6",
    ]
    return [grammar.kinds()] + [scanned(grammar, text) for text in texts]
