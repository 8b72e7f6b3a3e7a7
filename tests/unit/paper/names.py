"""Names that make a machine readable zone difficult: as applications give them, and the 30 positions that they become.

The positions are written out by ICAO Doc 9303-3 §6 and 9303-5 §4.2.2.3 and §4.2.3, not computed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from issuer import application
from issuer.application import PermitApplication

TODAY = date(2026, 11, 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One person nobody is."""

    native: str
    surname: str
    given: str
    zone: str
    number: str = "X1234567A"
    sex: str = "F"


NAMES: dict[str, Name] = {
    "plain": Name(native="陈晓雯", surname="CHEN", given="XIAOWEN", zone="CHEN<<XIAOWEN<<<<<<<<<<<<<<<<<"),
    "one letter each": Name(native="鄂娥", surname="E", given="E", zone="E<<E<<<<<<<<<<<<<<<<<<<<<<<<<<"),
    "ü in pinyin": Name(native="吕绿", surname="LÜ", given="LÜ", zone="LYU<<LYU<<<<<<<<<<<<<<<<<<<<<<"),
    "compound surname": Name(
        native="欧阳嘉安", surname="OUYANG", given="JIA'AN", zone="OUYANG<<JIAAN<<<<<<<<<<<<<<<<<"
    ),
    "two surnames": Name(
        native="司马上官雪", surname="SIMA SHANGGUAN", given="XUE", zone="SIMA<SHANGGUAN<<XUE<<<<<<<<<<<"
    ),
    "uyghur, romanised": Name(
        native="阿不都热合曼·买买提", surname="ABUDUREHEMAN·MAIMAITI", given="", zone="ABUDUREHEMAN<MAIMAITI<<<<<<<<<"
    ),
    "kazakh, truncated": Name(
        native="努尔波拉提·哈布都哈力克·加克斯勒克",
        surname="NUERBOLATI·HABUDUHALIKE·JIAKESILEKE",
        given="",
        zone="NUERBOLATI<HABUDUHALIKE<JIAKES",
        sex="M",
    ),
    "tibetan, one name": Name(
        native="才让卓玛", surname="CAIRANGZHUOMA", given="", zone="CAIRANGZHUOMA<<<<<<<<<<<<<<<<<"
    ),
    "exactly thirty": Name(
        native="A", surname="ABCDEFGHIJKLMNO", given="PQRSTUVWXYZAB", zone="ABCDEFGHIJKLMNO<<PQRSTUVWXYZAB"
    ),
    "thirty-one": Name(
        native="A", surname="ABCDEFGHIJKLMNO", given="PQRSTUVWXYZABC", zone="ABCDEFGHIJKLMNO<<PQRSTUVWXYZAB"
    ),
    "long surname, long given": Name(
        native="A",
        surname="WOLFESCHLEGELSTEINHAUSENBERGERDORFF",
        given="HUBERT BLAINE",
        zone="WOLFESCHLEGELSTEINHAUSENB<<H<B",
        sex="M",
    ),
    "many given names": Name(
        native="A",
        surname="NILAVADHANANANDA",
        given="CHAYAPA DEJTHAMRONG KRASUANG",
        zone="NILAVADHANANANDA<<CHAYAPA<DE<K",
    ),
    "apostrophe": Name(native="A", surname="O'CONNOR", given="D'ARCY", zone="OCONNOR<<DARCY<<<<<<<<<<<<<<<<"),
    "hyphens": Name(native="A", surname="SMITH-JONES", given="MARY-ANN", zone="SMITH<JONES<<MARY<ANN<<<<<<<<<"),
    "umlauts": Name(native="A", surname="Müller", given="Jörg Äneas", zone="MUELLER<<JOERG<AENEAS<<<<<<<<<", sex="M"),
    "icelandic": Name(
        native="A", surname="Þórðarson", given="Søren Ægir", zone="THORDARSON<<SOEREN<AEGIR<<<<<<", sex="M"
    ),
    "sharp s": Name(native="A", surname="Weiß", given="Ängström", zone="WEISS<<AENGSTROEM<<<<<<<<<<<<<"),
    "vietnamese": Name(
        native="Nguyễn Thị Hồng Ánh",
        surname="NGUYỄN",
        given="THỊ HỒNG ÁNH",
        zone="NGUYEN<<THI<HONG<ANH<<<<<<<<<<",
        number="X12345740000HN",
    ),
    "polish": Name(native="A", surname="Łukaszewicz", given="Żaneta", zone="LUKASZEWICZ<<ZANETA<<<<<<<<<<<"),
    "turkish": Name(native="A", surname="Işık", given="Çağrı", zone="ISIK<<CAGRI<<<<<<<<<<<<<<<<<<<", sex="M"),
    "spanish": Name(native="A", surname="Núñez", given="Íñigo", zone="NUNEZ<<INIGO<<<<<<<<<<<<<<<<<<", sex="M"),
    "sex not stated, long number": Name(
        native="A",
        surname="ÅSTRÖM",
        given="Ø",
        zone="AASTROEM<<OE<<<<<<<<<<<<<<<<<<",
        sex="X",
        number="D23145890734012",
    ),
}


def asked(name: Name, *, born: str = "1991-04-17") -> PermitApplication:
    """An application under that name."""
    document = {
        "permit_number": "RP00000017",
        "document_number": name.number,
        "names": {"native": name.native, "latin_surname": name.surname, "latin_given": name.given},
        "sex": name.sex,
        "birth_date": born,
        "nationality": "UTO",
        "address": "乌托邦省示例市新城区梧桐街道书香里8号2单元301室",
        "permit_class": 2,
        "valid_from": "today",
        "endorsed_until": "+1y",
        "expiry_date": "+5y",
        "entitlements": {"J02": "+1y"},
    }
    return application.parse(json.dumps(document).encode(), today=TODAY)
