"""`python -m babysit` is `babysit`."""

from .cli import main

if __name__ == "__main__":
    main()
