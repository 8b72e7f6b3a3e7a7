"""Reads a card, decides, explains. Light: no network, no framework, no key custody."""
