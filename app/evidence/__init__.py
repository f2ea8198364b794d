"""What others announce or measure, shown with events, tickets and reports; never a state."""
