"""The HTTP door (docs/api.md): a thin one, through the same engine as the command line. `repository.app.create_app` opens it."""
