"""The service: a space becomes trials, trials become records."""
