"""``python -m repository.cli`` is ``kho``."""

from repository.cli import main

main()
