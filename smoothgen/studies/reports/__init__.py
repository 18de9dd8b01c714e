"""The report of a study: from the rows of a folder to one Markdown page, one HTML page and their pictures.

Each room imports only from rooms before it:

figures: how numbers are printed. blocks: tables, pictures and sections, whatever they are written as. pictures: the
drawings. certified, compared, attacked, fidelity, costs, outcomes, weaknesses: one section each. markdown, html: the
two forms. report: all of it.
"""

from smoothgen.studies.reports.report import made_report, write_report

__all__ = ["made_report", "write_report"]
