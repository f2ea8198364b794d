"""Events as sources reported them, and as detected, with tickets and duties."""
