"""``python -m keras_ts``: the command line."""

import sys

from keras_ts.command.run import main

if __name__ == "__main__":
    sys.exit(main())
