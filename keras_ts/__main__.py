"""``python -m keras_ts``: the command line."""

import sys

from keras_ts.command.run import parse_arguments, run
from keras_ts.command.table import UserError, read_table


def main() -> int:
    """Run the command; report a mistake in the call or its data in a line, with exit status 2."""
    arguments = parse_arguments()
    try:
        run(arguments, *read_table(arguments))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
