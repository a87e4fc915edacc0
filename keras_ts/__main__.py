"""``python -m keras_ts``: runs the one command that the package has."""

import sys

from keras_ts.command.run import parse_arguments, run
from keras_ts.command.table import UserError, read_table


def main() -> int:
    """Run the command; a mistake in the call is one line and exit status 2."""
    arguments = parse_arguments()
    try:
        run(arguments, *read_table(arguments))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
