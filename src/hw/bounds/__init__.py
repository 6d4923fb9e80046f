"""Lower bounds on the log-evidence from importance weights, in nats."""
