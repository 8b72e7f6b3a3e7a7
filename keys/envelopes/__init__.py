"""Signed envelopes: COSE_Sign1 (RFC 9052) and CMS SignedData (RFC 5652)."""
