"""What the command prints, line by line while it works."""


def say(text: str) -> None:
    """Print a text at once."""
    print(text, flush=True)  # noqa: T201
