"""The page of a counter and the interface for its own software, on loopback only. Extra `counter`: starlette, uvicorn.

`readers` hears of cards, a `lane` checks what lies on one reader, a `board` tells everybody who watches, `app` serves
page and interface behind the `guard`. Nothing about a holder outlives the card on the reader.
"""
