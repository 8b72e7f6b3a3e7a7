"""The commands of `permit-keys`, a module for each group of them."""
