"""What is printed: the faces of a card, the slip that an applicant takes home, the receipt of a card handed over.

Each is a function from a record to a PDF: the same record gives the same bytes. The PDF holds what is to be printed
and nothing else of a person: no name in its metadata, no file name, no text that is not seen.

fpdf2 and the fonts are loaded at the first sheet. Fonts come from Debian's packages, by path (`fonts`).
"""

from __future__ import annotations

from .card import card_face
from .receipt import handover_receipt
from .records import CardFace, ChecklistLine, HandoverReceipt, Slip
from .slip import slip

__all__ = ["CardFace", "ChecklistLine", "HandoverReceipt", "Slip", "card_face", "handover_receipt", "slip"]
