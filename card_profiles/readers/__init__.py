"""Transports to a card: PC/SC in a killable process, and the embedded software card."""
