"""What an issuing authority decides, without any database: life cycles as tables, deadlines, roles, places."""
