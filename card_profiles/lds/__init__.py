"""ICAO Doc 9303 Logical Data Structure: encode and decode, strictly."""
