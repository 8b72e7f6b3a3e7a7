"""The permit application: mdoc entitlements split over sector files."""
