"""``python -m xviz.cli``: what the console script does, wherever the package lies."""

from xviz.cli import main

if __name__ == "__main__":
    main()
