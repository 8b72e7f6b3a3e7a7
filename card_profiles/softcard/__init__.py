"""The software card: interprets a profile, enforces its access rules, can be torn at any command."""
