"""ISO/IEC 7816-4: APDUs, status words, BER-TLV, connections and secure messaging."""
