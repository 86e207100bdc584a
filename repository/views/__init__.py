"""What programs see: the JSON shapes of docs/cli.md, noun by noun. One place for the command line and for HTTP."""
