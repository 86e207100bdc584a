"""New versions of what is kept: migrations, copies for readers, validation data that came late. The original stays as it is."""
