"""DG2: the portrait, as an ISO/IEC 19794-5:2005 facial record in biometric templates (ICAO Doc 9303-10 §4.7.2).

One portrait, one record, no feature points. `Portrait` is the image with what the record says of it; width, height and
format are read from the image itself, and a record that contradicts its image is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

from . import image_header
from .image_header import ImageFormat, ImageHeader

TAG = 0x75
MAX_SIZE = 32_767  # bytes: what READ BINARY reaches with a short offset; profiles set less
OVERHEAD = 14 + 20 + 12  # bytes of the record before the image

_GROUP, _COUNT, _TEMPLATE, _HEADER, _DATA_BLOCK = 0x7F61, 0x02, 0x7F60, 0xA1, 0x5F2E
_HEADER_ELEMENTS = (  # 9303-10 table 41, CBEFF patron format
    (0x80, b"\x01\x01"),  # ICAO header version 1.1
    (0x81, b"\x02"),  # biometric type: facial features
    (0x82, b"\x00"),  # subtype: no information
    (0x87, b"\x01\x01"),  # format owner: ISO/IEC JTC 1/SC 37
    (0x88, b"\x00\x08"),  # format type: 19794-5
)
_TEMPLATE_HEADER = tlv.encode(_HEADER, tlv.encode_sequence(_HEADER_ELEMENTS))
_MAGIC = b"FAC\x00010\x00"  # 19794-5 §5.4: format identifier, version of 2005

# Headers of 75, 7F61, 02, 7F60 and 5F2E around a large image, and what stands beside it.
MAX_IMAGE = MAX_SIZE - (4 + 5 + 3 + 5 + len(_TEMPLATE_HEADER) + 5 + OVERHEAD)


class ImageType(IntEnum):
    """Face image type, 19794-5 §5.7.1."""

    BASIC = 0
    FULL_FRONTAL = 1
    TOKEN_FRONTAL = 2


class Gender(IntEnum):
    """19794-5 §5.5.3."""

    UNSPECIFIED = 0
    MALE = 1
    FEMALE = 2
    UNKNOWN = 255


class SourceType(IntEnum):
    """Where the image comes from, 19794-5 §5.7.6."""

    UNSPECIFIED = 0
    STATIC_PHOTOGRAPH = 1
    DIGITAL_CAMERA = 2
    SCANNER = 3


class ColourSpace(IntEnum):
    """19794-5 §5.7.5."""

    UNSPECIFIED = 0
    SRGB = 1
    YUV422 = 2
    GREY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A portrait as it is on the chip: `image` is a whole JPEG or JPEG 2000 file. ValueError for other images."""

    image: bytes
    image_type: ImageType = ImageType.FULL_FRONTAL
    gender: Gender = Gender.UNSPECIFIED
    colour_space: ColourSpace = ColourSpace.UNSPECIFIED
    source_type: SourceType = SourceType.UNSPECIFIED
    quality: int = 0  # 0 to 65535; 19794-5 §5.7.8: 0 is unspecified
    header: ImageHeader = field(init=False, repr=False, compare=False)  # format, width and height of the image

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", image_header.read(self.image))
        if not 0 <= self.quality <= 0xFFFF:
            raise ValueError("quality is two bytes")
        if len(self.image) > MAX_IMAGE:
            raise ValueError(f"more than {MAX_IMAGE} bytes")

    @property
    def media_type(self) -> str:
        """For pages that show it: image/jpeg, image/jp2 or image/j2c."""
        if self.header.format is ImageFormat.JPEG:
            return "image/jpeg"
        return "image/jp2" if self.image.startswith(b"\x00") else "image/j2c"


def encode(portrait: Portrait) -> bytes:
    """The whole file, tag 75."""
    header = portrait.header
    block_length = 20 + 12 + len(portrait.image)
    record = b"".join(
        (
            _MAGIC,
            (14 + block_length).to_bytes(4),
            (1).to_bytes(2),  # facial images
            # facial information, 20 bytes: §5.5
            block_length.to_bytes(4),
            bytes(2),  # feature points
            bytes((portrait.gender,)),
            bytes(13),  # eye and hair colour, properties, expression, pose angles and their uncertainty
            # image information, 12 bytes: §5.7
            bytes((portrait.image_type, header.format)),
            header.width.to_bytes(2),
            header.height.to_bytes(2),
            bytes((portrait.colour_space, portrait.source_type)),
            bytes(2),  # device type
            portrait.quality.to_bytes(2),
            portrait.image,
        )
    )
    template = _TEMPLATE_HEADER + tlv.encode(_DATA_BLOCK, record)
    return tlv.encode(TAG, tlv.encode(_GROUP, tlv.encode(_COUNT, b"\x01") + tlv.encode(_TEMPLATE, template)))


def decode(raw: bytes) -> Portrait:
    """The portrait of the whole file. Raises DecodeError, with offsets into the file."""
    (group,) = _children(tlv.unwrap(raw, TAG, max_size=MAX_SIZE), (_GROUP,))
    count, template = _children(group, (_COUNT, _TEMPLATE))
    if count.value != b"\x01":
        raise DecodeError("not one portrait", offset=count.offset, path="DG2/7F61/02")
    header, block = _children(template, (_HEADER, _DATA_BLOCK))
    if tuple((element.tag, element.value) for element in header.children()) != _HEADER_ELEMENTS:
        raise DecodeError("not the header of a facial record", offset=header.offset, path="DG2/A1")
    return _record(block.value, block.value_offset)


def _children(element: tlv.Tlv, tags: tuple[int, ...]) -> tuple[tlv.Tlv, ...]:
    children = element.children()
    if tuple(child.tag for child in children) != tags:
        raise DecodeError("not the expected data objects", offset=element.value_offset, path=f"DG2/{element.tag:X}")
    return children


def _record(record: bytes, base: int) -> Portrait:
    path = "DG2/5F2E"
    if len(record) <= OVERHEAD or record[:8] != _MAGIC:
        raise DecodeError("not a facial record of ISO/IEC 19794-5:2005", offset=base, path=path)
    lengths = (int.from_bytes(record[8:12]), int.from_bytes(record[14:18]))
    if lengths != (len(record), len(record) - 14) or record[12:14] != b"\x00\x01":
        raise DecodeError("lengths or number of images do not fit", offset=base + 8, path=path)
    if any(record[18:20]) or any(record[21:34]) or any(record[42:44]):
        raise DecodeError("feature points, properties, pose or device", offset=base + 18, path=path)
    try:
        portrait = Portrait(
            image=record[OVERHEAD:],
            gender=Gender(record[20]),
            image_type=ImageType(record[34]),
            colour_space=ColourSpace(record[40]),
            source_type=SourceType(record[41]),
            quality=int.from_bytes(record[44:46]),
        )
    except DecodeError as error:
        raise DecodeError(error.args[0], offset=base + OVERHEAD + error.offset, path=f"{path}/image") from None
    except ValueError as error:
        raise DecodeError(str(error), offset=base, path=path) from None
    header = portrait.header
    size = (int.from_bytes(record[36:38]), int.from_bytes(record[38:40]))
    if (record[35], *size) != (header.format, header.width, header.height):
        raise DecodeError("format or size is not that of the image", offset=base + 35, path=path)
    return portrait
