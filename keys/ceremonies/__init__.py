"""Scripts of the ceremonies that every authority holds; data only, see `keys.rotation.ceremony`."""
