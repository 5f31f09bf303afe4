"""Sets a sample table, written in TOML, as an Excel workbook: a title row, a header row, frozen panes, summed columns.

TOML: `title`, and per `[[sheet]]` `name`, `columns`, `rows`; `totals = true` adds a row that sums each numeric column.
Sums are stored as values, for a reader that computes no formulas would find none.
"""

import io
import tomllib
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from connectors.alfresco.simulator.sample.ooxml import finish

_BOLD = Font(bold=True)
_TINT = PatternFill("solid", fgColor="E2E8F2")
_WRAP = Alignment(wrap_text=True, vertical="top")
_WIDEST_COLUMN = 70  # characters; longer texts wrap


def render_xlsx(text: str, *, author: str, made_at: datetime) -> bytes:
    """Returns the tables in `text` (TOML) as an .xlsx file; equal arguments give equal bytes."""
    tables = tomllib.loads(text)
    book = Workbook()
    book.remove(book.active)
    book.properties.title = tables["title"]
    book.properties.creator = author
    for table in tables["sheet"]:
        _fill(book.create_sheet(table["name"]), table)
    saved = io.BytesIO()
    book.save(saved)
    return finish(saved.getvalue(), made_at=made_at, counts={})


def _fill(sheet: Worksheet, table: dict[str, Any]) -> None:
    columns, rows = table["columns"], list(table["rows"])
    sheet.append(columns)
    for row in rows:
        sheet.append(row)
    if table.get("totals"):
        sheet.append(totals(rows))
        _embolden(sheet, sheet.max_row)
    _embolden(sheet, 1)
    sheet.freeze_panes = "B2"
    for index, column in enumerate(sheet.columns, start=1):
        widest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[get_column_letter(index)].width = min(widest + 2, _WIDEST_COLUMN)
        for cell in column:
            cell.alignment = _WRAP
            if isinstance(cell.value, int):
                cell.number_format = "#,##0"


def totals(rows: list[list[Any]]) -> list[str | int | float | None]:
    """Returns the totals row: the sum of each column of numbers, nothing below a column of text."""
    sums = [
        sum(column) if all(isinstance(value, int | float) for value in column) else None
        for column in zip(*rows, strict=True)
    ]
    return ["Total", *sums[1:]]


def _embolden(sheet: Worksheet, row: int) -> None:
    for cell in sheet[row]:
        cell.font = _BOLD
        cell.fill = _TINT
