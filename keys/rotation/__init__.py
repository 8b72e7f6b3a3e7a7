"""Changing keys: rotation, ceremony with minutes, the drill after a compromise."""
