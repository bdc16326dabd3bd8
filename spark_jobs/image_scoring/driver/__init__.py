"""What runs in the Spark driver: the session, waves of shards, commits and progress."""
