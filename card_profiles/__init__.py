"""What a card is: ISO 7816, protocols, data formats, the declared profiles, the software card."""
