"""`python -m isthmus.edge`: the edge on its own, without the umbrella command."""

from isthmus.edge.command import main

if __name__ == "__main__":
    main()
