"""`python -m isthmus.command` is `isthmus`."""

from isthmus.command.main import main

main()
