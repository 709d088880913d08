"""New codes for campaigns that make theirs: which ones to try, until one is new.

First some at random, so that codes cannot be guessed from one another. Where most of what a pattern has is given, a
free one is then looked for among neighbours.
"""

import secrets
from collections.abc import Container, Iterator

from streamproc.domain.codes import CodeForm

#: How often codes are tried at random: with half of all possible codes given, one in 256 finds none so.
AT_RANDOM = 8
# Together, rows of neighbours hold all codes of a pattern that has up to a million.
_ROW = 10_000
_ROWS = 100


def at_random(form: CodeForm) -> str:
    """Return any code of this form."""
    return form.code(secrets.randbelow(form.capacity))


def rows(form: CodeForm) -> Iterator[list[str]]:
    """Yield codes in rows of neighbours, from anywhere on; what is free in them can be taken."""
    start = secrets.randbelow(form.capacity)
    whole = range(min(form.capacity, _ROW * _ROWS))
    for first in range(0, len(whole), _ROW):
        yield [form.code((start + place) % form.capacity) for place in whole[first : first + _ROW]]


def new_code(form: CodeForm, given: Container[str]) -> str | None:
    """Return a code that was not given, None if there seems to be no more."""
    for _ in range(AT_RANDOM):
        code = at_random(form)
        if code not in given:
            return code
    return next((code for row in rows(form) for code in row if code not in given), None)
