"""The map: the registry on a given day, with the state that tickets and events give each link."""
