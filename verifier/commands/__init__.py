"""Commands of `permit-verifier` that a check does not need: each module is loaded when its command is the one given.

A module has `add(commands, parents, told)`, which declares its arguments, and a function that runs it.
`verifier.cli.LATER` lists it by name.
"""
