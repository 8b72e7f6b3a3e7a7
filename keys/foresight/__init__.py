"""What a change of keys would do, and when: simulator, timeline, and their pictures."""
