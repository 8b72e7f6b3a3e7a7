"""A scripted day over the API, with software cards: registration to handover; a year later endorsement, loss,
replacement, end. `python -m issuer.service.day` runs it; docs/API.md shows the same steps for curl, made from STEPS.
"""
