"""`python -m isthmus.cloud`: the cloud on its own, without the umbrella command."""

from isthmus.cloud.command import main

if __name__ == "__main__":
    main()
