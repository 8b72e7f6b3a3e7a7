"""PDFs looked at as a printer and a reader do: pages as pictures and as text, by PDFium."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pypdfium2
from PIL import Image

import issuer
from issuer import application
from issuer.application import PermitApplication
from issuer.assemble import Office
from issuer.paper import CardFace
from tests import printed_codes

SAMPLES = Path(issuer.__file__).parent / "samples"
OFFICE = Office(name="乌托邦示例市居住证办理中心", country="UTO")
TODAY = date(2026, 11, 21)
DPI = 300
NAMES = tuple(path.stem for path in sorted(SAMPLES.glob("[0-9][0-9]-*.json")))


def picture(pdf: bytes, page: int = 0, *, dpi: float = DPI) -> Image.Image:
    """A page as the printer's dots, grey."""
    with pypdfium2.PdfDocument(pdf) as document:
        return document[page].render(scale=dpi / 72, grayscale=True).to_pil().convert("L")


def lines(pdf: bytes, page: int = 0) -> list[str]:
    """The text of a page, line by line."""
    with pypdfium2.PdfDocument(pdf) as document:
        found = document[page]
        text = found.get_textpage()
        try:
            return str(text.get_text_range()).replace("\r\n", "\n").split("\n")
        finally:
            text.close()
            found.close()


def metadata(pdf: bytes) -> dict[str, str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return dict(document.get_metadata_dict())


def size(pdf: bytes) -> list[tuple[float, float]]:
    """Of each page, in millimetres."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [
            (width * 25.4 / 72, height * 25.4 / 72)
            for width, height in (document.get_page_size(number) for number in range(len(document)))
        ]


@cache
def sample(name: str = NAMES[0]) -> PermitApplication:
    return application.parse((SAMPLES / f"{name}.json").read_bytes(), today=TODAY)


@cache
def code() -> str:
    """Signed once: signatures of ECDSA differ from one to the next."""
    return printed_codes.text()


def face(name: str = NAMES[0], *, of: PermitApplication | None = None, text: str | None = None) -> CardFace:
    (photo,) = (path for path in SAMPLES.glob(f"{name}.jp*") if path.suffix in (".jpg", ".jp2"))
    return CardFace.of(
        of or sample(name),
        OFFICE,
        can="314159",
        photo=photo.read_bytes(),
        code=text or code(),
        office_en="Residence Permit Office, Example City, Utopia",
    )
