"""`make demo`: one card by the commands that everybody uses, a day of the service, and a house to walk into.

once.py    an authority, a card issued and checked, command by command
house.py   the desk, its agent and reader, a hospital and a school, all on loopback
people.py  who works there and who comes, as requests to the service
table.py   the table on which the cards lie: a page that puts them on readers
"""
