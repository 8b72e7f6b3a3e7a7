"""A random walk of a whole office over its API, in processes that are killed, on cards that are torn.

`python -m tests.walk --runs 1000 --database postgresql` does it and prints what was seen; `make soak` runs it on both.
"""
