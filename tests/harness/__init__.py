"""What tests run on: databases, a PostgreSQL cluster, the real server, a real browser."""
