"""The report of an evaluation: numbers and tables as files, figures, and a page."""
