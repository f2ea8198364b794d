"""The map: the registry as it was on a day, with the state that tickets give each link."""
