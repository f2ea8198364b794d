"""The pages around all rooms: home, the guide, shortcuts, the work page; readiness, cleaning."""
