"""The agent under observation, its scripted model, its tools and their faults."""
