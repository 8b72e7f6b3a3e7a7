"""Rule sets: which class a permit has, and which services its holder may have, as versioned data."""
