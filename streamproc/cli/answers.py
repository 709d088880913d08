"""The answer to each configuration record, one word, and the line that counts them: alike offline and live."""

from collections import Counter
from collections.abc import Collection
from typing import Literal, get_args

Answer = Literal["accepted", "blocked", "rejected"]


def answer_to(*, accepted: bool, blocked: Collection[str]) -> Answer:
    """Return the answer of a verdict; a blocked record is in force and does not fire."""
    if not accepted:
        return "rejected"
    return "blocked" if blocked else "accepted"


def counted(answers: Counter[Answer]) -> str:
    """Return the line that counts all answers."""
    records = "1 record" if answers.total() == 1 else f"{answers.total()} records"
    return f"{records}: {', '.join(f'{answers[answer]} {answer}' for answer in get_args(Answer))}"
