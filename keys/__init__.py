"""Private keys and everything a signature rests on. Imports no sibling package."""
