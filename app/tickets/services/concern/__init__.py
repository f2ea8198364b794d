"""What a ticket affects and concerns: links, sites, and the rows stored of them."""
