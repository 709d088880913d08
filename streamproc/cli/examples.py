"""How each command's help ends: with the command as people type it."""


def examples(*commands: str) -> str:
    """Return a command's epilog: examples, one a line, not wrapped."""
    title = "Examples:" if len(commands) > 1 else "Example:"
    return "\n".join(["\b", title, *(f"  {command}" for command in commands)])
