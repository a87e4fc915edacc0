"""``UserError``: a mistake in the call, which the person who made it can put right."""


class UserError(Exception):
    """Its text is all that is printed, in one line."""
