"""What is printed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import In


class CardFaceIn(In):
    can: Annotated[str, Field(pattern=r"^[0-9]{6}$", max_length=6)] = Field(
        description="as the run that wrote the card told it; it is kept nowhere", examples=["314159"]
    )
