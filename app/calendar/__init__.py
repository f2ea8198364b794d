"""The calendar of maintenances and changes, and the periods in which the LHC runs."""
