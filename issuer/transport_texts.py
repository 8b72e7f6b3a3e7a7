"""How the way to a card failed, in words: they stand in brackets in the sentence that says what to do."""

from __future__ import annotations

from card_profiles.errors import TransportFault

TRANSPORT: dict[TransportFault, tuple[str, str]] = {
    TransportFault.NO_SERVICE: ("智能卡服务未运行", "the smart-card service stopped"),
    TransportFault.NO_READER: ("找不到读卡器", "the reader is not there"),
    TransportFault.NO_CARD: ("读卡器是空的", "the reader is empty"),
    TransportFault.CARD_REMOVED: ("卡被取走", "the card was taken out"),
    TransportFault.CARD_SWAPPED: ("卡被换过", "the card left the reader, and one was put in: is it the same?"),
    TransportFault.CARD_RESET: ("另一程序重置了卡", "another program reset the card"),
    TransportFault.CARD_MUTE: ("卡没有应答", "the card does not answer"),
    TransportFault.READER_BUSY: ("读卡器被占用", "another program uses the reader"),
    TransportFault.TIMED_OUT: ("超时没有应答", "no answer in time"),
    TransportFault.TORN: ("连接中断", "the link was cut"),
}
