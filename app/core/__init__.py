"""What several rooms share and is no noun of the trade."""
