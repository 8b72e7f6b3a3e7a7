"""A camera for the browser: chromium plays it a film, and a test says what is before it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

SIZE = (1280, 960)  # pixels, what the page of the photo asks for
WALL = (226, 226, 222)
FRAMES = 4


class Camera:
    """Motion JPEG, which is one picture after the other; chromium opens the file whenever a page opens the camera."""

    def __init__(self, film: Path) -> None:
        self._film = film
        self.sees(Image.new("RGB", SIZE, WALL))

    @property
    def arguments(self) -> tuple[str, ...]:
        """What makes it chromium's only camera, which every page may use."""
        return (
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self._film}",
        )

    def sees(self, picture: Image.Image, *, height: int = 860) -> Image.Image:
        """The picture, so many pixels high, in the middle before a light wall; the whole view. From the next opening
        of the camera on."""
        width = round(picture.width * height / picture.height)
        view = Image.new("RGB", SIZE, WALL)
        seen = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        view.paste(seen, ((SIZE[0] - width) // 2, (SIZE[1] - height) // 2))
        frame = BytesIO()
        video = view.point(lambda value: 16 + value * 219 / 255)  # its range, for which chromium takes the JPEG's
        video.save(frame, "JPEG", quality=92)
        self._film.write_bytes(frame.getvalue() * FRAMES)
        return view
