"""Sample applications with drawn portraits, of a fictional authority in Utopia (UTO); see README.md here."""
