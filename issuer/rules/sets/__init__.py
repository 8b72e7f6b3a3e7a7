"""One JSON file for each version of the rules. A version that was in force is never edited: a change is a new file."""
