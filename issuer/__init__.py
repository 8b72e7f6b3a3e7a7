"""From application to card in hand, and the card's whole life."""
