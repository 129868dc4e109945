"""The report of an evaluation: metrics and tables as files, figures, and a page."""

from actionzoo.report.report import write_report

__all__ = ["write_report"]
