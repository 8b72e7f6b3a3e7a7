"""Whom the sample portraits show: nobody. Each is a handful of numbers for `draw`."""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import Colour

BLACK, GREY, FAIR = (34, 30, 33), (150, 150, 152), (198, 158, 96)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One portrait. Widths are pixels from the middle; `hair` and `clothes` name a style below."""

    file: str
    skin: Colour
    hair_colour: Colour
    hair: str
    clothes: str
    cloth_colour: Colour
    eye_colour: Colour = (62, 42, 32)
    cheek: float = 71  # half the width of the face at the cheek bones
    jaw: float = 52
    chin: float = 300  # height of the chin
    brow: float = 5  # thickness
    eye: float = 9.5  # half the height of an opened eye
    smile: float = 7
    lips: Colour = (186, 92, 88)
    glasses: Colour | None = None
    beard: str = ""
    lines: bool = False  # of age
    earrings: bool = False
    freckles: bool = False


FACES = (
    Face(
        file="01-chen-xiaowen.jpg",
        skin=(244, 212, 186),
        hair_colour=BLACK,
        hair="bob",
        clothes="blazer",
        cloth_colour=(52, 74, 110),
        jaw=48,
        chin=296,
        brow=4,
        lips=(200, 88, 92),
        earrings=True,
    ),
    Face(
        file="02-lyu-siyuan.jpg",
        skin=(236, 198, 164),
        hair_colour=(40, 34, 34),
        hair="short",
        clothes="shirt",
        cloth_colour=(226, 233, 240),
        glasses=(44, 44, 50),
        chin=303,
        jaw=57,
        brow=6.5,
        eye=8.5,
        lips=(178, 100, 92),
    ),
    Face(
        file="03-abudureheman-maimaiti.jpg",
        skin=(224, 180, 142),
        hair_colour=(48, 36, 30),
        hair="wavy",
        clothes="round",
        cloth_colour=(58, 110, 98),
        eye_colour=(98, 78, 44),
        beard="full",
        cheek=70,
        jaw=56,
        chin=304,
        brow=7.5,
        lips=(170, 90, 82),
    ),
    Face(
        file="04-nuerbolati-habuduhalike.jpg",
        skin=(230, 186, 148),
        hair_colour=GREY,
        hair="receding",
        clothes="blazer",
        cloth_colour=(92, 84, 78),
        beard="moustache",
        lines=True,
        cheek=74,
        jaw=60,
        chin=302,
        brow=6.5,
        eye=7.5,
        lips=(172, 100, 92),
    ),
    Face(
        file="05-cairangzhuoma.jp2",
        skin=(222, 176, 138),
        hair_colour=(30, 26, 28),
        hair="braids",
        clothes="wrap",
        cloth_colour=(150, 48, 58),
        cheek=74,
        jaw=52,
        chin=296,
        brow=4.5,
        lips=(190, 78, 78),
        smile=10,
        earrings=True,
    ),
    Face(
        file="06-ouyang-jianan.jpg",
        skin=(246, 216, 192),
        hair_colour=(46, 36, 36),
        hair="fringe",
        clothes="hoodie",
        cloth_colour=(216, 150, 62),
        chin=292,
        jaw=50,
        brow=5,
        eye=10.5,
        smile=9,
        lips=(204, 110, 104),
    ),
    Face(
        file="07-thordarson-soren.jpg",
        skin=(250, 222, 202),
        hair_colour=FAIR,
        hair="side",
        clothes="shirt",
        cloth_colour=(120, 152, 186),
        eye_colour=(84, 124, 152),
        beard="stubble",
        cheek=69,
        jaw=58,
        chin=306,
        brow=5.5,
        lips=(196, 112, 104),
        freckles=True,
    ),
    Face(
        file="08-nguyen-thi-hong-anh.jpg",
        skin=(240, 204, 172),
        hair_colour=(36, 28, 28),
        hair="long",
        clothes="round",
        cloth_colour=(134, 92, 140),
        jaw=47,
        chin=297,
        brow=4,
        lips=(196, 80, 88),
        glasses=(140, 76, 62),
        smile=8,
    ),
)
