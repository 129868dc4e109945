"""The command `actionzoo`: one module a command, assembled by `main`."""
