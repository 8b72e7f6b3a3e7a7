"""The memory of the issuing service: models, migrations, transactions, and the journal of personalisation in them."""
