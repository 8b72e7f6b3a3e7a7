"""What an office does, act by act: each one transaction, one line of the audit chain, harmless when repeated.

Each takes the `Store`, the `Actor` and what it is about; `key` makes a repetition harmless, `version` (of the thing as
it was last seen) makes an act on something that changed meanwhile a `Conflict`. All raise `ActRefused`.
"""
