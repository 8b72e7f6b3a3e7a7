"""An authority's home: its file, its keys in use, the lists that it signs, its backup."""
