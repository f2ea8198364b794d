"""The pages around all rooms: home, profile, guide, shortcuts, work; readiness and cleaning up."""
