"""`serve` as the command line runs it: python -m tests.service.serving WORKERS."""

import sys

from bundle import CoupleError
from service.server import serve
from service.settings import Settings


def main() -> None:
    try:
        serve(Settings(), workers=int(sys.argv[1]))
    except CoupleError as error:
        sys.stderr.write(f"couple: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
