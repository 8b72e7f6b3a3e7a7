"""What is known of every key: its state, dates and count of signatures, and the table of what may follow what."""
