"""Unique codes: how they look, and what an allocation hands out.

A code is written into finished JSON without being encoded again, so it holds nothing that JSON would have to escape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from streamproc.domain.form import CODE_PATTERN, CODE_TEXT, Form

CODE_LENGTH = 128  # characters
PLACE = "#"
DEFAULT_CHARSET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DEFAULT_LENGTH = 8


def can_be_seen(text: str) -> bool:
    """Tell whether a customer can see all of a code; blanks are seen between characters, but not around them."""
    return text.isprintable() and text == text.strip()


def _pattern(pattern: str) -> str:
    if not can_be_seen(pattern):
        raise PydanticCustomError("unseen", "must hold only what can be seen, without blanks around it")
    return pattern


def _charset(charset: str) -> str:
    if not all(map(can_be_seen, charset)):
        raise PydanticCustomError("unseen", "must hold only characters that can be seen, and no blanks")
    return charset


class CodeSettings(Form):
    """How the codes of a campaign look: each `#` of the pattern, or each of `length`, is a character of the charset."""

    pattern: (
        Annotated[str, StringConstraints(max_length=CODE_LENGTH, pattern=CODE_PATTERN), AfterValidator(_pattern)] | None
    ) = None
    length: Annotated[int, Field(ge=1, le=CODE_LENGTH)] | None = None
    charset: (
        Annotated[str, StringConstraints(max_length=CODE_LENGTH, pattern=CODE_TEXT), AfterValidator(_charset)] | None
    ) = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One code that is asked for. `id` is that of the request and of the publication that it gets.

    `made` is how codes are made when the pool is empty, None for a campaign that has only what was imported. `number`
    grows with the place of the request's record: a request that is made anew has another one.
    """

    id: str
    campaign_id: str
    customer_id: str
    joins_once: bool = False
    made: "CodeForm | None" = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a request got: its own publication, or with `join_once` the customer's earlier one.

    `number` is that of the request which the code was given to, -1 where nobody has noted it.
    """

    publication_id: str
    code: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class CodeForm:
    """How codes are made: texts with one place between each two, and the characters that may stand there."""

    texts: tuple[str, ...]
    charset: str

    @classmethod
    def of(cls, campaign: Mapping[str, Any]) -> "CodeForm":
        """Read it from a campaign; the pattern tells the length, where there is one."""
        settings = campaign.get("code") or {}
        pattern = settings.get("pattern") or PLACE * (settings.get("length") or DEFAULT_LENGTH)
        # A character that stands twice in the charset counts once.
        charset = "".join(dict.fromkeys(settings.get("charset") or DEFAULT_CHARSET))
        return cls(tuple(pattern.split(PLACE)), charset)

    @property
    def capacity(self) -> int:
        """How many codes there can be."""
        return int(len(self.charset) ** (len(self.texts) - 1))

    def code(self, number: int) -> str:
        """Return the code of a number below `capacity`; each has its own."""
        first, *rest = self.texts
        characters = []
        for text in reversed(rest):
            number, place = divmod(number, len(self.charset))
            characters.append(self.charset[place] + text)
        return first + "".join(reversed(characters))
