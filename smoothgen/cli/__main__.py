"""python -m smoothgen.cli: the same commands where no script is installed."""

from smoothgen.cli.main import main

main()
