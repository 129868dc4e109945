"""The models that ship with actionzoo, and the catalog of all that have a name."""
